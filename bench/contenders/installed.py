"""What `make bench` has installed for the contenders: tools of Debian's, environments, a folder of npm's."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

from bench.contenders.contender import CouldNotStart
from bench.servers import REPOSITORY

STAMP: Final = ".ready"


def tool(name: str) -> str:
    """The path of a command. Raises CouldNotStart where there is none."""
    path = shutil.which(name)
    if path is None:
        raise CouldNotStart(f"{name} is missing")
    return path


def said(*command: str) -> str:
    """The first line that a command prints, to either stream; nothing where there is no such command."""
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  ours
    except FileNotFoundError:
        return ""
    return (answer.stdout or answer.stderr).partition("\n")[0].strip()


def environment(name: str) -> Path:
    """The folder `name` of this working copy, installed to its end. Raises CouldNotStart."""
    folder = REPOSITORY / name
    if not (folder / STAMP).exists():
        raise CouldNotStart(f"it is not installed: `make {name}/{STAMP}` does, or says what is in its way")
    return folder


def version_of(folder: Path, package: str) -> str:
    """A package's version in an environment of Python; nothing where it is not found."""
    found = sorted(folder.glob(f"lib/python3*/site-packages/{package.replace('-', '_')}-*.dist-info"))
    return found[0].name.removesuffix(".dist-info").rpartition("-")[2] if found else ""
