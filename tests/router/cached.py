"""Entries and keys to test the cache with."""

import hashlib
import time
from pathlib import Path

from router.speech.cache.entry import CachedAudio
from router.speech.cache.folder import Folder

NOW = float(int(time.time()))  # files have the machine's own time


def key_of(number: int) -> str:
    """As good a key as any."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def entry_of(number: int = 0, size: int = 2000, made_at: float = NOW) -> CachedAudio:
    """An entry whose audio tells whose it is."""
    audio = (b"%d " % number * size)[:size]
    return CachedAudio(audio, size / 48_000, 0.25, "espeak", "alloy", None, "node", "espeak", made_at)


class Time:
    """Unix time, by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def folder_at(path: Path, max_bytes: int = 10**6, max_files: int = 1000, clock: Time | None = None) -> Folder:
    return Folder(path, max_bytes=max_bytes, max_age_s=1000.0, max_files=max_files, clock=clock or Time())


def files_in(path: Path) -> list[Path]:
    """Every file but the mark of a purge."""
    return sorted(file for file in path.rglob("*") if file.is_file() and file.name != "purged")
