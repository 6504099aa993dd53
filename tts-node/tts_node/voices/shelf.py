"""Voices on disk: a folder each, complete or not there at all.

    <folder>/voice_<24 hex>/voice.json   what is known of it
    <folder>/voice_<24 hex>/original     the bytes as they were uploaded
    <folder>/voice_<24 hex>/clip.wav     what engines listen to: 24 kHz s16le mono
    <folder>/library.json                the default voice, and recordings that were deleted on purpose

A folder is written under another name, synced and renamed, so a crash or a full disk leaves no half voice. Paths
are built from checked ids only, never from what a client calls something. Blocking; no decisions.
"""

import contextlib
import errno
import logging
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
from platformdirs import user_data_path

from tts_node.errors import StorageFailed

ID = re.compile(r"voice_[0-9a-f]{24}")
_HASH = re.compile(r"[0-9a-f]{64}")
_UNFINISHED = ".unfinished-"
_UNFINISHED_S = 3600.0  # what is older was left behind by a crash; what is newer may be another process's
_MAX_JSON_BYTES = 65_536
_MAX_EXTRAS_BYTES = 1 << 20  # beyond what is ever written: see MAX_FORGOTTEN
MAX_FORGOTTEN = 10_000
T = TypeVar("T", bound=msgspec.Struct)
log = logging.getLogger(__name__)


class LibraryVoice(msgspec.Struct, frozen=True, kw_only=True):
    """One voice that was copied from a recording."""

    id: str
    hash: str  # SHA-256 of the original: the same on every node
    name: str
    created_at: int  # Unix time
    duration_s: float  # of the clip
    original_bytes: int
    clip_bytes: int
    language: str | None = None  # BCP 47
    gender: str | None = None
    aliases: tuple[str, ...] = ()  # other names it answers to, OpenAI's perhaps
    source: str | None = None  # the recording in the library's folder that it was adopted from
    warnings: tuple[str, ...] = ()  # what could be better about the recording


class Extras(msgspec.Struct, frozen=True):
    """What belongs to no voice."""

    default: str | None = None  # an id
    forgotten: tuple[str, ...] = ()  # hashes of recordings that must not be adopted again


def default_voices_dir() -> Path:
    """The user's own, by the platform's custom."""
    return user_data_path("tts-node", appauthor=False) / "voices"


def id_of(content_hash: str) -> str:
    """The id of the voice whose original has this SHA-256."""
    return f"voice_{content_hash[:24]}"


class Shelf:
    """The folder. Any method may raise StorageFailed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def clip(self, voice_id: str) -> Path:
        """The normalised recording."""
        return self._place(voice_id) / "clip.wav"

    def original(self, voice_id: str) -> Path:
        """The bytes as they came."""
        return self._place(voice_id) / "original"

    def read(self) -> tuple[dict[str, LibraryVoice], Extras]:
        """Everything that is whole; the rest is left alone and told in the log."""
        if not self.folder.is_dir():
            return {}, Extras()
        with _storage():
            places = sorted(self.folder.iterdir())
        voices = {}
        for place in places:
            if place.name.startswith(_UNFINISHED):
                _clear(place)
            elif place.is_dir() and (voice := self._read_voice(place)):
                voices[voice.id] = voice
        return voices, _read_json(self.folder / "library.json", Extras, _MAX_EXTRAS_BYTES) or Extras()

    def add(self, voice: LibraryVoice, original: bytes, clip: bytes) -> None:
        """All of it or nothing."""
        place = self._place(voice.id)
        unfinished = self.folder / f"{_UNFINISHED}{uuid.uuid4().hex}"
        with _storage():
            unfinished.mkdir(parents=True)
            try:
                _write(unfinished / "original", original)
                _write(unfinished / "clip.wav", clip)
                _write(unfinished / "voice.json", msgspec.json.format(msgspec.json.encode(voice)))
                shutil.rmtree(place, ignore_errors=True)  # a torn one that `read` refused
                unfinished.rename(place)
                _sync(self.folder)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)

    def update(self, voice: LibraryVoice) -> None:
        """Another name, another language."""
        with _storage():
            _replace(self._place(voice.id) / "voice.json", voice)

    def write_extras(self, extras: Extras) -> None:
        """Replaces them."""
        with _storage():
            self.folder.mkdir(parents=True, exist_ok=True)
            _replace(self.folder / "library.json", extras)

    def remove(self, voice_id: str) -> None:
        """Gone at once, whatever becomes of the files' deletion."""
        gone = self.folder / f"{_UNFINISHED}{uuid.uuid4().hex}"
        with _storage():
            with contextlib.suppress(FileNotFoundError):
                self._place(voice_id).rename(gone)
            _sync(self.folder)
        shutil.rmtree(gone, ignore_errors=True)

    def _place(self, voice_id: str) -> Path:
        assert ID.fullmatch(voice_id), "an id that was not checked"
        return self.folder / voice_id

    def _read_voice(self, place: Path) -> LibraryVoice | None:
        if not ID.fullmatch(place.name):
            return None  # somebody else's folder
        voice = _read_json(place / "voice.json", LibraryVoice)
        if voice is None or not _is_whole(place, voice):
            log.warning("%s is not a whole voice and is ignored; upload its recording again, or delete it", place)
            return None
        return voice


def _is_whole(place: Path, voice: LibraryVoice) -> bool:
    if not _HASH.fullmatch(voice.hash) or not voice.id == id_of(voice.hash) == place.name:
        return False
    sizes = {"original": voice.original_bytes, "clip.wav": voice.clip_bytes}
    try:
        return all((place / name).stat().st_size == size for name, size in sizes.items())
    except OSError:
        return False


def _clear(unfinished: Path) -> None:
    with contextlib.suppress(OSError):
        if time.time() - unfinished.stat().st_mtime > _UNFINISHED_S:
            shutil.rmtree(unfinished, ignore_errors=True)


def _read_json(path: Path, kind: type[T], at_most: int = _MAX_JSON_BYTES) -> T | None:
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(at_most), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        log.warning("%s cannot be read: %s", path, exc)
        return None


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _replace(path: Path, value: msgspec.Struct) -> None:
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    try:
        _write(part, msgspec.json.format(msgspec.json.encode(value)))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """Makes a rename last. Windows has no such call, and needs none."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _storage() -> Iterator[None]:
    """The operating system's refusals, as what a client is told: the disk is the node's matter."""
    try:
        yield
    except OSError as exc:
        full = exc.errno in (errno.ENOSPC, errno.EDQUOT) if os.name == "posix" else exc.errno == errno.ENOSPC
        log.warning("the voice library cannot be written: %s", exc)
        raise StorageFailed(
            "The disk of this node is full: delete voices or files there."
            if full
            else f"The voice library of this node cannot be written ({exc.strerror or exc}).",
            code="disk_full" if full else "storage_failed",
        ) from exc
