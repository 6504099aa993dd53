"""`local-ai-router cache show` and `cache purge`: what is kept of what was spoken."""

import sys
from argparse import Namespace

from router.commands.loading import load_settings, report
from router.config import ConfigError
from router.speech.cache.cache import folder_of
from router.speech.cache.folder import Folder


def show(arguments: Namespace) -> int:
    """Print how much is on the disk, and where."""
    try:
        settings = load_settings(arguments)
    except ConfigError as error:
        return report(error)
    folder = folder_of(settings.cache)
    size = folder.measure()
    bound = (
        f" of {settings.cache.disk_mb} MiB" if settings.cache.disk_mb else "; no more is kept (cache.disk_mb: 0)"
    )
    state = "" if settings.cache.enabled else "; the cache is off (cache.enabled: false)"
    print(f"{folder.path}: {size.entries} entries, {size.bytes / 2**20:.1f} MiB{bound}{state}")
    return 0


def purge(arguments: Namespace) -> int:
    """Empty the folder. A router that runs sees that within a second and forgets what it has in memory."""
    try:
        settings = load_settings(arguments)
    except ConfigError as error:
        return report(error)
    return _purge(folder_of(settings.cache))


def _purge(folder: Folder) -> int:
    try:
        count = folder.purge()
    except OSError as error:
        print(f"{folder.path} cannot be emptied: {error.strerror or error}", file=sys.stderr)
        return 1
    print(f"{folder.path}: {count} entries deleted")
    return 0
