"""What engines keep of a recording on disk, a voice print, named so that it can be deleted with its voice:
`<cache>/<model>/<24 hex of the recording's hash>-<the rest of the key>`.
"""

import contextlib
from pathlib import Path


def print_name(content_hash: str, rest: str) -> str:
    """The file's name."""
    return f"{content_hash[:24]}-{rest}"


def delete_prints(cache: Path, content_hash: str) -> None:
    """Those of this recording, of every model; what cannot be deleted is left."""
    with contextlib.suppress(OSError):
        for path in list(cache.glob(f"*/{print_name(content_hash, '*')}")):
            with contextlib.suppress(OSError):
                path.unlink()


def keep_newest(folder: Path, pattern: str, number: int) -> None:
    """Of one model's: the oldest go; a file that another process deletes meanwhile is no fault."""
    ages = []
    with contextlib.suppress(OSError):
        for path in folder.glob(pattern):
            with contextlib.suppress(OSError):
                ages.append((path.stat().st_mtime_ns, path))
    for _, path in sorted(ages)[: max(0, len(ages) - number)]:
        with contextlib.suppress(OSError):
            path.unlink()
