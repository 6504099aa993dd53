"""The library: voices copied from recordings, on the router's disk. Nodes hold copies; this is the truth.

    <folder>/voice_<24 hex>/voice.json    what is known of it
    <folder>/voice_<24 hex>/original      the recording as it was uploaded
    <folder>/voice_<24 hex>/preview.wav   a few seconds of it, normalised by a node
    <folder>/deleted.json                 ids that were deleted and when: a node that was off may still have them

An id is made of the recording's SHA-256, as on the nodes. A folder is written under another name, synced and
renamed: a voice is there whole or not at all. Paths are made of checked ids only.
"""

import asyncio
import contextlib
import hashlib
import logging
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Final

import msgspec

from router.domain import LibraryVoice
from router.errors import Conflict, NotFound, RouterError

MAX_VOICES: Final = 500
MAX_DELETED: Final = 1000  # the oldest are forgotten beyond
_ID: Final = re.compile(r"voice_[0-9a-f]{24}")
_UNFINISHED: Final = ".unfinished-"
_MAX_JSON_BYTES: Final = 65_536
_log = logging.getLogger(__name__)


class LibraryFull(RouterError):
    """507: no room for another voice, or the disk refuses it."""

    status = 507
    reason = "library_full"
    code = "library_full"


def content_id(recording: bytes) -> tuple[str, str]:
    """The id and the SHA-256 of a voice with this recording."""
    content_hash = hashlib.sha256(recording).hexdigest()
    return f"voice_{content_hash[:24]}", content_hash


def default_folder() -> Path:
    """The user's own (XDG base directories; Windows' local application data)."""
    data = os.environ.get("XDG_DATA_HOME") or os.environ.get("LOCALAPPDATA") or "~/.local/share"
    return Path(data).expanduser() / "local-ai-router" / "voices"


class VoiceLibrary:
    """Finds and keeps voices. Reading is free; changes happen one at a time."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self._clock = clock
        self._changing = asyncio.Lock()
        self._voices = _read(folder)
        self._deleted = {key: at for key, at in _read_deleted(folder).items() if key not in self._voices}

    def __repr__(self) -> str:
        return f"<VoiceLibrary {len(self._voices)} voices in {self.folder}>"

    @property
    def voices(self) -> list[LibraryVoice]:
        """All, by name."""
        return sorted(self._voices.values(), key=lambda voice: (voice.name.lower(), voice.id))

    @property
    def deleted(self) -> Mapping[str, int]:
        """When (Unix time) each voice was deleted whose copies may still be somewhere, oldest first."""
        return self._deleted

    def is_deleted(self, wanted: str) -> bool:
        """Whether this is the id of a voice that was deleted here."""
        return wanted.strip().lower() in self._deleted

    def find(self, wanted: str) -> LibraryVoice | None:
        """By id, or by name in any case."""
        name = wanted.strip().lower()
        return self._voices.get(name) or next((v for v in self._voices.values() if v.name.lower() == name), None)

    def get(self, wanted: str) -> LibraryVoice:
        """Likewise. Raises NotFound."""
        if found := self.find(wanted):
            return found
        raise NotFound(
            f"The library has no voice {wanted[:100]!r}. GET /v1/audio/voices lists all.",
            param="voice",
            code="voice_not_found",
        )

    def check_free(self, voice: LibraryVoice) -> LibraryVoice | None:
        """The voice that is there already, when it is the very same. Raises Conflict, LibraryFull."""
        known = self._voices.get(voice.id)
        if known and known.name.lower() == voice.name.lower():
            return known
        if known:
            raise Conflict(
                f"This very recording is in the library as {known.name!r} ({known.id}). Delete that first.",
                param="audio_sample",
                code="voice_exists",
            )
        if holder := self.find(voice.name):
            raise Conflict(
                f"The name {voice.name!r} belongs to {holder.id}. Choose another, or delete that voice first.",
                param="name",
                code="name_taken",
            )
        if len(self._voices) >= MAX_VOICES:
            raise LibraryFull(f"The library holds {MAX_VOICES} voices. Delete some that nobody uses.")
        return None

    async def recording(self, voice: LibraryVoice) -> bytes:
        """The bytes as they were uploaded. Raises NotFound when they were deleted meanwhile."""
        return await self._file(voice, "original")

    async def preview(self, voice: LibraryVoice) -> bytes:
        """A few seconds as WAV."""
        return await self._file(voice, "preview.wav")

    async def add(self, voice: LibraryVoice, recording: bytes, preview: bytes) -> LibraryVoice:
        """Keep it. Raises Conflict, LibraryFull."""
        async with self._changing:
            if known := self.check_free(voice):
                return known
            files = {
                "original": recording,
                "preview.wav": preview,
                "voice.json": msgspec.json.format(msgspec.json.encode(voice)),
            }
            try:
                await asyncio.to_thread(_write, self.folder, voice.id, files)
            except OSError as exc:
                raise LibraryFull(f"The library cannot be written: {exc.strerror or exc}.") from exc
            self._voices = self._voices | {voice.id: voice}
            # Should that not reach the disk: what is there counts more than its deletion at the next start.
            with contextlib.suppress(LibraryFull):
                await self._set_deleted({key: at for key, at in self._deleted.items() if key != voice.id})
            return voice

    async def remove(self, voice: LibraryVoice) -> None:
        """Delete it, and remember that. Raises NotFound when it is gone, LibraryFull when the disk refuses."""
        async with self._changing:
            self.get(voice.id)
            before = self._deleted
            await self._set_deleted(before | {voice.id: int(self._clock())})
            try:
                await asyncio.to_thread(_remove, self.folder, voice.id)
            except OSError as exc:
                with contextlib.suppress(LibraryFull):
                    await self._set_deleted(before)
                raise LibraryFull(f"The library cannot be written: {exc.strerror or exc}.") from exc
            self._voices = {key: value for key, value in self._voices.items() if key != voice.id}

    async def forget_deleted(self, ids: Collection[str]) -> None:
        """Nobody has these any more. Raises LibraryFull when the disk refuses."""
        async with self._changing:
            await self._set_deleted({key: at for key, at in self._deleted.items() if key not in ids})

    async def _set_deleted(self, deleted: dict[str, int]) -> None:
        if deleted == self._deleted:
            return
        self._deleted, before = dict(list(deleted.items())[-MAX_DELETED:]), self._deleted
        try:
            await asyncio.to_thread(_write_deleted, self.folder, self._deleted)
        except OSError as exc:
            if deleted.keys() > before.keys():  # one more: it is not deleted then
                self._deleted = before
            raise LibraryFull(f"The library cannot be written: {exc.strerror or exc}.") from exc

    async def _file(self, voice: LibraryVoice, name: str) -> bytes:
        try:
            return await asyncio.to_thread((self.folder / voice.id / name).read_bytes)
        except OSError as exc:
            raise NotFound(f"The recording of {voice.name!r} is gone.", code="voice_not_found") from exc


def _read(folder: Path) -> dict[str, LibraryVoice]:
    voices = {}
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for place in sorted(folder.iterdir()):
            if place.name.startswith(_UNFINISHED):
                _clear(place)
            elif _ID.fullmatch(place.name) and (voice := _read_voice(place)):
                voices[voice.id] = voice
    return voices


def _clear(unfinished: Path) -> None:
    if unfinished.is_dir():
        shutil.rmtree(unfinished, ignore_errors=True)
    else:
        unfinished.unlink(missing_ok=True)


def _read_deleted(folder: Path) -> dict[str, int]:
    try:
        with (folder / "deleted.json").open("rb") as file:
            deleted = msgspec.json.decode(file.read(_MAX_JSON_BYTES), type=dict[str, int])
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        _log.warning("%s is ignored: %s", folder / "deleted.json", exc)
        return {}
    return {key: at for key, at in sorted(deleted.items(), key=lambda each: each[1]) if _ID.fullmatch(key)}


def _write_deleted(folder: Path, deleted: Mapping[str, int]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f"{_UNFINISHED}{uuid.uuid4().hex}"
    try:
        with unfinished.open("xb") as file:
            file.write(msgspec.json.encode(deleted))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(folder / "deleted.json")
    finally:
        unfinished.unlink(missing_ok=True)


def _read_voice(place: Path) -> LibraryVoice | None:
    try:
        with (place / "voice.json").open("rb") as file:
            voice = msgspec.json.decode(file.read(_MAX_JSON_BYTES), type=LibraryVoice)
        is_whole = (place / "original").is_file() and voice.id == place.name == f"voice_{voice.hash[:24]}"
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        is_whole = False
    if is_whole:
        return voice
    _log.warning("%s is not a whole voice and is ignored", place)
    return None


def _write(folder: Path, voice_id: str, files: dict[str, bytes]) -> None:
    assert _ID.fullmatch(voice_id), "an id that was not checked"
    unfinished = folder / f"{_UNFINISHED}{uuid.uuid4().hex}"
    unfinished.mkdir(parents=True)
    try:
        for name, data in files.items():
            with (unfinished / name).open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        shutil.rmtree(folder / voice_id, ignore_errors=True)
        unfinished.rename(folder / voice_id)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _remove(folder: Path, voice_id: str) -> None:
    assert _ID.fullmatch(voice_id), "an id that was not checked"
    gone = folder / f"{_UNFINISHED}{uuid.uuid4().hex}"
    with contextlib.suppress(FileNotFoundError):
        (folder / voice_id).rename(gone)
    shutil.rmtree(gone, ignore_errors=True)
