"""What the benchmarks' commands have in common: what they may be told, what they say, and where pages go."""

import argparse
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from bench.servers import REPOSITORY, CannotMeasure

PAGES: Final = REPOSITORY / "docs" / "benchmarks"


def parser_of(program: str, description: str | None, quick: str) -> argparse.ArgumentParser:
    """`quick`: what --quick does."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=description)
    parser.add_argument("--quick", action="store_true", help=f"{quick}; printed, not written")
    parser.add_argument("--out", type=Path, help="directory to write to (default: docs/benchmarks)")
    return parser


def folder_of(arguments: argparse.Namespace, is_partial: bool) -> Path | None:
    """Where the page goes: nowhere of its own accord when it is a part of one."""
    return arguments.out or (None if is_partial else PAGES)


def write(folder: Path | None, files: Mapping[str, Callable[[], str | bytes]]) -> None:
    """The page and what belongs to it, each made when there is a folder for it."""
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name, made in files.items():
        content = made()
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def tell(line: str) -> None:
    """To who watches the run."""
    sys.stderr.write(f"{line}\n")


def run(main: Callable[[], int]) -> None:
    """As a process: what `main` cannot measure is told, with exit status 1; and however it is ended, nobody whom
    it has started is left running."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        sys.exit(main())
    except CannotMeasure as error:
        sys.exit(str(error))
