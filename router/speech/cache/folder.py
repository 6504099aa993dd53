"""The cache's folder: one file per entry. Everything here blocks; `disk.py` calls it in threads.

    <folder>/3/f/<64 hex>         an entry, sealed (`entry.py`), by the first two digits of its key
    <folder>/3/f/.unfinished-…    one that is being written
    <folder>/purged               replaced with every purge, so that whoever shares the folder sees it

Nothing here is trusted: what is read is checked, what is not whole is deleted. So nothing is synced either: a file
that a power cut tore costs one generation, and syncing would wear the disk with every sentence. A file is written
under another name and renamed, so that a router that is killed leaves no half of one, and two routers may share a
folder. What is measured is measured anew before anything is thrown away, because the other one writes too.
"""

import contextlib
import itertools
import os
import re
import stat
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from router.speech.cache.entry import CachedAudio, sealed, unsealed

MAX_FILES: Final = 50_000
ROOM_SHARE: Final = 0.9  # when there is too much, the least recently used goes until this share is left
TOUCH_AFTER_S: Final = 3600.0  # use is noted at most once an hour: the disk may be a memory card
UNFINISHED_FOR_S: Final = 600.0  # whoever began to write that long ago does so no more
SWEEP_AFTER_S: Final = 3600.0
_SWEEP_SHARE: Final = 0.1  # of the bound, written since the last sweep
_LARGEST_SHARE: Final = 4  # an entry over a quarter of the bound is not kept
_PRIVATE: Final = 0o700
_DIGITS: Final = frozenset("0123456789abcdef")
_KEY: Final = re.compile(r"[0-9a-f]{64}")
_UNFINISHED: Final = ".unfinished-"
_PURGED: Final = "purged"

Revision = tuple[int, int]
"""Tells one purge from the next."""


class Size(NamedTuple):
    """How much there is."""

    entries: int
    bytes: int


class _Found(NamedTuple):
    """A file as its folder shows it."""

    used_at: float
    size: int
    path: str
    is_unfinished: bool


def default_folder() -> Path:
    """The user's own (XDG base directories; Windows' local application data)."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or "~/.cache"
    return Path(base).expanduser() / "local-ai-router" / "speech"


class Folder:
    """Reads, writes and keeps within bounds. Any method may raise OSError. Several threads may read at once, one
    writes."""

    def __init__(
        self,
        path: Path,
        *,
        max_bytes: int,
        max_age_s: float,
        max_files: int = MAX_FILES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self._max_age_s = max_age_s
        self._max_files = max_files
        self._clock = clock
        self._size = Size(0, 0)
        self._swept_at: float | None = None
        self._written_bytes = self._written_files = 0  # since then

    def __repr__(self) -> str:
        return f"<Folder {self.path} up to {self.max_bytes} bytes>"

    def read(self, key: str) -> CachedAudio | None:
        """The entry, checked; what is torn, too old or no entry is deleted."""
        place = self._place(key)
        try:
            with place.open("rb") as file:
                status = os.fstat(file.fileno())
                content = file.read() if status.st_size <= self.max_bytes else b""
        except (FileNotFoundError, NotADirectoryError):
            return None
        entry, now = unsealed(key, content), self._clock()
        if entry is None or now - entry.made_at > self._max_age_s:
            place.unlink(missing_ok=True)
            return None
        if now - status.st_mtime > TOUCH_AFTER_S:
            with contextlib.suppress(OSError):  # a folder that may only be read serves all the same
                os.utime(place, (now, now))
        return entry

    def write(self, key: str, entry: CachedAudio, revision: Revision | None) -> None:
        """Keep it, unless the folder was purged since `revision`; then it is one of those that had to go."""
        before, audio = sealed(key, entry)
        size = len(before) + len(audio)
        if size * _LARGEST_SHARE > self.max_bytes:
            return
        self._make_room(size)
        place = self._place(key)
        unfinished = place.with_name(f"{_UNFINISHED}{uuid.uuid4().hex}")
        try:
            with self._created(unfinished) as file:
                file.write(before)
                file.write(audio)
            with contextlib.suppress(FileNotFoundError):  # a purge took it from under our hands
                unfinished.replace(place)
        except BaseException:
            with contextlib.suppress(OSError):
                unfinished.unlink()
            raise
        # Looked at afterwards: a purge is marked first and deletes then, so one of the two sees the other.
        if self.revision() != revision:
            place.unlink(missing_ok=True)
            return
        self._written_bytes += size
        self._written_files += 1

    def revision(self) -> Revision | None:
        """Another one after every purge, by whomever."""
        try:
            status = (self.path / _PURGED).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return status.st_mtime_ns, status.st_ino

    def purge(self) -> int:
        """Delete every entry, and what was being written; how many entries there were."""
        self._mark_purged()
        purged = 0
        for found in self._files():
            with contextlib.suppress(FileNotFoundError):
                os.unlink(found.path)
                purged += not found.is_unfinished
        self._size, self._written_bytes, self._written_files = Size(0, 0), 0, 0
        return purged

    def measure(self) -> Size:
        """How much there is now."""
        sizes = [found.size for found in self._files() if not found.is_unfinished]
        return Size(len(sizes), sum(sizes))

    def sweep(self, room: int = 0) -> None:
        """Measure; delete what is too old, left over, or too much beside a new entry of `room` bytes."""
        now, kept = self._clock(), []
        marks = (found for found in _ours(str(self.path)) if found.is_unfinished)
        for found in itertools.chain(self._files(), marks):
            if now - found.used_at > (UNFINISHED_FOR_S if found.is_unfinished else self._max_age_s):
                _remove(found)
            elif not found.is_unfinished:
                kept.append(found)
        entries, size = len(kept), sum(found.size for found in kept)
        if size + room > self.max_bytes or entries + bool(room) > self._max_files:
            for found in sorted(kept):
                if size + room <= self.max_bytes * ROOM_SHARE and entries <= self._max_files * ROOM_SHARE:
                    break
                _remove(found)
                entries, size = entries - 1, size - found.size
        self._size = Size(entries, size)
        self._written_bytes = self._written_files = 0
        self._swept_at = now

    def _make_room(self, size: int) -> None:
        """Sweep when it is time: with the first entry, every hour, and before there is too much. Another router's
        entries are seen after a tenth of the bound at the latest."""
        written = self._written_bytes + size
        if (
            self._swept_at is None
            or not 0 <= self._clock() - self._swept_at < SWEEP_AFTER_S
            or written > self.max_bytes * _SWEEP_SHARE
            or self._size.bytes + written > self.max_bytes
            or self._size.entries + self._written_files >= self._max_files
        ):
            self.sweep(size)

    def _files(self) -> Iterator[_Found]:
        """Every file that is ours. Others in the folder are nobody's business here."""
        for outer in _folders_in(str(self.path)):
            for inner in _folders_in(outer):
                yield from _ours(inner)

    def _place(self, key: str) -> Path:
        assert _KEY.fullmatch(key), "a key that is no hash"
        return self.path / key[0] / key[1] / key

    def _created(self, file: Path) -> BinaryIO:
        """A new private file, in folders that are private when they are new."""
        try:
            return _open_new(file)
        except FileNotFoundError:
            for folder in reversed(
                [f for f in (file.parent, *file.parent.parents) if f.is_relative_to(self.path)]
            ):
                folder.mkdir(_PRIVATE, parents=True, exist_ok=True)
            return _open_new(file)

    def _mark_purged(self) -> None:
        unfinished = self.path / f"{_UNFINISHED}{uuid.uuid4().hex}"
        self._created(unfinished).close()
        unfinished.replace(self.path / _PURGED)


def _folders_in(folder: str) -> list[str]:
    return [e.path for e in _entries_of(folder) if e.name in _DIGITS and e.is_dir(follow_symlinks=False)]


def _ours(folder: str) -> Iterator[_Found]:
    for entry in _entries_of(folder):
        is_unfinished = entry.name.startswith(_UNFINISHED)
        if is_unfinished or _KEY.fullmatch(entry.name):
            with contextlib.suppress(FileNotFoundError):  # another router's eviction
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    yield _Found(status.st_mtime, status.st_size, entry.path, is_unfinished)


def _entries_of(folder: str) -> Iterator["os.DirEntry[str]"]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        yield from entries


def _remove(found: _Found) -> None:
    with contextlib.suppress(OSError):  # gone already, or not to be removed: the next sweep sees it again
        os.unlink(found.path)


def _open_new(file: Path) -> BinaryIO:
    return open(file, "xb", opener=lambda path, flags: os.open(path, flags, 0o600))  # Path.open takes no opener
