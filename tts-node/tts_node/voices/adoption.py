"""Recordings that somebody put into the library's folder by hand (`anna.wav`) become voices (`anna`).

The folder is looked at when the node starts and every few seconds after; only a listing, unless something in it
changed. The recording itself is left alone. Replacing it replaces the voice; deleting the voice over HTTP leaves
the recording, which is then passed over until its content changes.
"""

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path

from tts_node.errors import NodeError
from tts_node.threads import Threads
from tts_node.voices.clip_upload import MAX_UPLOAD_BYTES
from tts_node.voices.details import Details
from tts_node.voices.library import Library, Upload
from tts_node.voices.shelf import LibraryVoice, id_of

INTERVAL_S = 5.0
_SUFFIXES = frozenset(
    {".wav", ".mp3", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".mp4", ".aac", ".aiff", ".aif", ".webm", ".wma"}
)
_MAX_FILES = 1000
log = logging.getLogger(__name__)

_Seen = tuple[str, int, int]  # name, modification time, size


class Adoption:
    """Watches the folder. Run `watch` as a task; `look` does one round."""

    def __init__(self, folder: Path, library: Library, threads: Threads, interval_s: float = INTERVAL_S) -> None:
        self._folder = folder
        self._library = library
        self._threads = threads
        self._interval_s = interval_s
        self._seen: frozenset[_Seen] | None = None
        self._done: set[_Seen] = set()

    async def watch(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                await self.look()
            except Exception:
                log.exception("the voices' folder cannot be looked at")
            await asyncio.sleep(self._interval_s)

    async def look(self) -> None:
        """Takes up what is new since the last time and was the same then: what still grows is being copied."""
        seen = await self._threads.run(lambda: frozenset(_listing(self._folder)))
        if seen != self._seen:
            await self._library.reload()
        settled = seen if self._seen is None else seen & self._seen
        self._seen = seen
        self._done &= seen
        for entry in sorted(settled - self._done):
            self._done.add(entry)
            if Path(entry[0]).suffix.lower() in _SUFFIXES:
                await self._adopt(entry)

    async def _adopt(self, entry: _Seen) -> None:
        name, _, size = entry
        try:
            if size > MAX_UPLOAD_BYTES:
                log.warning("%s: longer than %d MiB, not taken up as a voice", name, MAX_UPLOAD_BYTES >> 20)
                return
            data = await self._threads.run((self._folder / name).read_bytes)
            content_hash = await self._threads.run(lambda: hashlib.sha256(data).hexdigest())
            known = self._library.find(id_of(content_hash))
            if self._library.is_forgotten(content_hash) or (known and known.source != name):
                return
            voice = await self._take(Upload(data, self._details(name), source=name))
        except (NodeError, OSError) as exc:
            log.warning("%s is not taken up as a voice: %s", name, exc)
        else:
            if known:
                return
            log.info("%s is now the voice %r (%s)", name, voice.name, voice.id)
            for warning in voice.warnings:
                log.warning("%s: %s", name, warning)

    async def _take(self, upload: Upload) -> LibraryVoice:
        """The older voice of the same file goes when the new one has turned out to be usable, not before."""
        if any(voice.source == upload.source for voice in self._library.voices):
            return await self._library.supersede(upload)
        return await self._library.add(upload)

    def _details(self, name: str) -> Details:
        """`anna.wav` is Anna; `alloy.wav` speaks where clients ask for OpenAI's alloy."""
        stem = Path(name).stem[:50]
        if self._library.is_reserved(stem):
            return Details.of(f"{stem} (recording)", aliases=[stem])
        return Details.of(stem)


def _listing(folder: Path) -> Iterator[_Seen]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for number, place in enumerate(folder.iterdir()):
            if number >= _MAX_FILES:
                return
            with contextlib.suppress(OSError):  # gone meanwhile, or not for this user
                stat = place.stat()
                size = stat.st_size if place.is_file() else 0
                if not place.name.startswith("."):
                    yield place.name, stat.st_mtime_ns, size
