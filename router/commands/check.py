"""`local-ai-router check`: every fault of the configuration, with file and line."""

import sys
from argparse import Namespace
from pathlib import Path

from router.commands.loading import EXIT_BAD_CONFIG, config_file, load_settings, report
from router.config import ConfigError, schema


def run(arguments: Namespace) -> int:
    """0 when the configuration can be used, 2 when not. `--schema FILE` also compares the generated schema."""
    try:
        settings = load_settings(arguments, is_serving=True)
    except ConfigError as error:
        return report(error)
    if arguments.schema is not None and not _is_current(arguments.schema, write=arguments.write):
        print(f"{arguments.schema} is out of date: run `make schema`.", file=sys.stderr)
        return EXIT_BAD_CONFIG
    names = ", ".join(settings.providers) or "none"
    print(f"{config_file(arguments)} is fine. Providers: {names}.")
    return 0


def _is_current(file: Path, *, write: bool) -> bool:
    if write:
        file.write_text(schema(), encoding="utf-8")
    return file.exists() and file.read_text(encoding="utf-8") == schema()
