"""The voices copied from recordings: found by id, name or alias, bounded, each content once.

An id is the content's hash, so one upload is the same voice on every node. Owned by one event loop: reading is
free, every change is made under one lock, on disk first and in memory after.
"""

import asyncio
import hashlib
import itertools
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from tts_node.domain import Clip
from tts_node.errors import BadRequest, Conflict, NotFound, StorageFailed
from tts_node.threads import Threads
from tts_node.voices.catalogue import close_matches
from tts_node.voices.clip import Demand, judge
from tts_node.voices.clip_process import ReadRecording
from tts_node.voices.details import Details
from tts_node.voices.prints import delete_prints
from tts_node.voices.recording import wav_of
from tts_node.voices.shelf import MAX_FORGOTTEN, Extras, LibraryVoice, Shelf, id_of


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept."""

    voices: int = 200
    total_bytes: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Upload:
    """A recording with what its sender says of it."""

    data: bytes
    details: Details
    created_at: int | None = None
    source: str | None = None  # a file's name in the library's folder


class Library:
    """Finds and keeps voices. `reserved`: ids of voices that engines have of their own, in lower case; `cache`:
    where engines keep what they took from recordings, in a folder per model."""

    def __init__(
        self,
        shelf: Shelf,
        reader: ReadRecording,
        threads: Threads,
        *,
        demand: Demand,
        bounds: Bounds,
        reserved: Collection[str] = frozenset(),
        cache: Path | None = None,
        on_change: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._shelf = shelf
        self._reader = reader
        self._threads = threads
        self._demand = demand
        self._bounds = bounds
        self._reserved = reserved
        self._cache = cache
        self._on_change = on_change
        self._clock = clock
        self._changing = asyncio.Lock()
        self._voices: dict[str, LibraryVoice]
        self._extras: Extras
        self._take(*shelf.read())

    def __repr__(self) -> str:
        return f"<Library {len(self._voices)} voices in {self._shelf.folder}>"

    # finding

    @property
    def voices(self) -> tuple[LibraryVoice, ...]:
        """All, by name."""
        return tuple(sorted(self._voices.values(), key=lambda voice: (voice.name.lower(), voice.id)))

    @property
    def default(self) -> LibraryVoice | None:
        """Who speaks when no voice is asked for, if that was decided."""
        return self._voices.get(self._extras.default or "")

    def find(self, wanted: str) -> LibraryVoice | None:
        """By id or name, in any case."""
        return self._names.get(wanted.strip().lower())

    def find_alias(self, wanted: str) -> LibraryVoice | None:
        """By another name it was given."""
        return self._aliases.get(wanted.strip().lower())

    def get(self, wanted: str) -> LibraryVoice:
        """By id, name or alias. Raises NotFound with close matches."""
        if found := self.find(wanted) or self.find_alias(wanted):
            return found
        raise NotFound(
            f"There is no voice {wanted!r} in the library. {self.close_matches(wanted)}"
            "GET /v1/audio/voices lists all.",
            param="voice",
            code="voice_missing",
        )

    def close_matches(self, wanted: str, others: Iterable[str] = ()) -> str:
        """Part of the 404's message: what was probably meant."""
        known = [*(voice.name.lower() for voice in self.voices), *self._aliases, *others]
        return f"{close_matches(wanted, known)} " if known else ""

    def clip(self, voice: LibraryVoice) -> Clip:
        """What an engine is told."""
        return Clip(voice.hash, str(self._shelf.clip(voice.id).absolute()))

    async def read_clip(self, voice: LibraryVoice) -> bytes:
        """The normalised recording, a WAV file."""
        return await self._read(self._shelf.clip(voice.id).read_bytes)

    async def read_original(self, voice: LibraryVoice) -> bytes:
        """The bytes as they were uploaded."""
        return await self._read(self._shelf.original(voice.id).read_bytes)

    # changing

    async def add(self, upload: Upload) -> LibraryVoice:
        """Checks, normalises and keeps a recording. The same one again, under the same name, is no fault.

        Raises BadRequest (what is wrong with it), Conflict (its name or content is here), StorageFailed.
        """
        content_hash = await self._hash(upload.data)
        if known := self._voices.get(id_of(content_hash)):
            return self._same(known, upload.details)
        self._check_name(upload.details.name, None)
        self._check_aliases(upload.details.aliases, None)
        recording = await self._reader(upload.data)
        warnings = judge(recording.measures, self._demand)
        async with self._changing:
            if known := self._voices.get(id_of(content_hash)):  # somebody was faster
                return self._same(known, upload.details)
            self._check_name(upload.details.name, None)
            self._check_aliases(upload.details.aliases, None)
            return await self._keep(upload, content_hash, recording.pcm, warnings)

    async def replicate(
        self, voice_id: str, upload: Upload, *, is_judged: bool = False
    ) -> tuple[LibraryVoice, bool]:
        """A copy of another library's voice, and whether it is new here. The other library's word on the name
        counts: one that is taken here gets a suffix rather than a refusal. `is_judged`: as `add` would.

        Raises BadRequest when the content is not what the id says, or is no sound at all; StorageFailed.
        """
        content_hash = await self._hash(upload.data)
        if id_of(content_hash) != voice_id:
            raise BadRequest(
                f"This recording is {id_of(content_hash)}, not {voice_id}: the id is the content's SHA-256.",
                param="audio_sample",
                code="hash_mismatch",
            )
        recording = None if voice_id in self._voices else await self._reader(upload.data)
        warnings = judge(recording.measures, self._demand) if recording and is_judged else ()
        async with self._changing:
            details = self._made_free(upload.details, voice_id)
            if known := self._voices.get(voice_id):
                return await self._rewrite(known, details), False
            if recording is None:  # deleted meanwhile
                recording = await self._reader(upload.data)
            return await self._keep(replace(upload, details=details), content_hash, recording.pcm, warnings), True

    async def change(self, voice: LibraryVoice, details: Details) -> LibraryVoice:
        """Another name, language, gender or other aliases. Raises Conflict, NotFound when it is gone."""
        async with self._changing:
            voice = self.get(voice.id)
            self._check_name(details.name, voice.id)
            self._check_aliases(details.aliases, voice.id)
            return await self._rewrite(voice, details)

    async def remove(self, voice: LibraryVoice, *, is_forgotten: bool = True) -> None:
        """Deletes it. A recording it was adopted from stays, and is not adopted again unless `is_forgotten` is
        false."""
        async with self._changing:
            voice = self.get(voice.id)
            forgotten = self._extras.forgotten
            if is_forgotten and voice.source and voice.hash not in forgotten:
                forgotten = (*forgotten, voice.hash)
            default = None if self._extras.default == voice.id else self._extras.default
            await self._write_extras(Extras(default, forgotten[-MAX_FORGOTTEN:]))
            await self._drop(voice)

    async def supersede(self, upload: Upload) -> LibraryVoice:
        """The recording takes the place of those that were adopted from the same file before, with all that is
        said of them. It is whole before they go; what a crash leaves of them, the next call clears.

        Raises BadRequest, StorageFailed.
        """
        voice_id = id_of(content_hash := await self._hash(upload.data))
        recording = None if voice_id in self._voices else await self._reader(upload.data)
        warnings = judge(recording.measures, self._demand) if recording else ()
        async with self._changing:
            older = [
                each for each in self._voices.values() if each.source == upload.source and each.id != voice_id
            ]
            kept = self._voices.get(voice_id)
            if kept is None:
                if older:
                    newest = max(older, key=lambda each: each.created_at)
                    upload = replace(upload, details=Details.of_voice(newest))
                recording = recording or await self._reader(upload.data)
                kept = await self._keep(upload, content_hash, recording.pcm, warnings)
            for each in older:
                if self._extras.default == each.id:
                    await self._write_extras(Extras(kept.id, self._extras.forgotten))
                await self._drop(each)
            return kept

    async def set_default(self, voice: LibraryVoice | None) -> None:
        """Who speaks when no voice is asked for; None: the engine's own default."""
        async with self._changing:
            await self._write_extras(Extras(self.get(voice.id).id if voice else None, self._extras.forgotten))
            self._take(self._voices, self._extras)
            self._on_change()

    def is_reserved(self, name: str) -> bool:
        """Whether an engine has a voice of that name."""
        return name.lower() in self._reserved

    def is_forgotten(self, content_hash: str) -> bool:
        """Whether this recording was deleted on purpose."""
        return content_hash in self._extras.forgotten

    async def reload(self) -> None:
        """Takes up folders that others put there."""
        async with self._changing:
            voices, extras = await self._threads.run(self._shelf.read)
            if (voices, extras) != (self._voices, self._extras):
                self._take(voices, extras)
                self._on_change()

    # in here

    async def _keep(
        self, upload: Upload, content_hash: str, pcm: bytes, warnings: tuple[str, ...]
    ) -> LibraryVoice:
        clip = wav_of(pcm)
        voice = upload.details.voice(
            content_hash,
            created_at=int(self._clock()) if upload.created_at is None else upload.created_at,
            source=upload.source,
            original_bytes=len(upload.data),
            clip_bytes=len(clip),
            warnings=warnings,
        )
        self._check_room(voice)
        await self._threads.run(self._shelf.add, voice, upload.data, clip)
        self._take(self._voices | {voice.id: voice}, self._extras)
        self._on_change()
        return voice

    async def _drop(self, voice: LibraryVoice) -> None:
        await self._threads.run(self._shelf.remove, voice.id)
        self._take({key: each for key, each in self._voices.items() if key != voice.id}, self._extras)
        self._on_change()
        if self._cache:
            await self._threads.run(delete_prints, self._cache, voice.hash)

    async def _rewrite(self, voice: LibraryVoice, details: Details) -> LibraryVoice:
        changed = details.applied_to(voice)
        if changed != voice:
            await self._threads.run(self._shelf.update, changed)
            self._take(self._voices | {changed.id: changed}, self._extras)
            self._on_change()
        return changed

    async def _write_extras(self, extras: Extras) -> None:
        if extras != self._extras:
            await self._threads.run(self._shelf.write_extras, extras)
            self._extras = extras

    async def _hash(self, data: bytes) -> str:
        return await self._threads.run(lambda: hashlib.sha256(data).hexdigest())

    async def _read(self, read: Callable[[], bytes]) -> bytes:
        try:
            return await self._threads.run(read)
        except OSError as exc:
            raise StorageFailed(f"The recording cannot be read: {exc.strerror}.", code="storage_failed") from exc

    def _take(self, voices: dict[str, LibraryVoice], extras: Extras) -> None:
        self._voices, self._extras = voices, extras
        self._names = {voice.name.lower(): voice for voice in voices.values()} | voices
        self._aliases = {alias: voice for voice in voices.values() for alias in voice.aliases}
        content = msgspec.json.encode([self.voices, extras.default])
        self.revision = hashlib.sha256(content).hexdigest()[:16]

    def _same(self, known: LibraryVoice, details: Details) -> LibraryVoice:
        if known.name.lower() == details.name.lower():
            return known
        raise Conflict(
            f"This very recording is in the library as {known.name!r} ({known.id}). "
            "Rename that, or delete it first.",
            param="audio_sample",
            code="voice_exists",
        )

    def _check_name(self, name: str, owner_id: str | None) -> None:
        holder = self.find(name) or self.find_alias(name)
        if holder and holder.id != owner_id:
            raise Conflict(
                f"The name {name!r} belongs to {holder.id}. Choose another, or delete that voice first.",
                param="name",
                code="name_taken",
            )
        if self.is_reserved(name):
            raise Conflict(
                f"{name!r} is a voice that an engine of this node has of its own. Choose another name; to speak "
                "in its place, give the voice this name as an alias.",
                param="name",
                code="name_taken",
            )

    def _is_free(self, name: str, owner_id: str) -> bool:
        try:
            self._check_name(name, owner_id)
        except Conflict:
            return False
        return True

    def _check_aliases(self, aliases: tuple[str, ...], owner_id: str | None) -> None:
        for alias in aliases:
            holder = self.find(alias) or self.find_alias(alias)
            if holder and holder.id != owner_id:
                raise Conflict(f"{alias!r} means {holder.name!r} already.", param="aliases", code="name_taken")

    def _made_free(self, details: Details, voice_id: str) -> Details:
        short = f"{details.name[:50]} ({voice_id[6:12]}"
        others = itertools.chain([f"{short})"], (f"{short} {number})" for number in itertools.count(2)))
        while not self._is_free(details.name, voice_id):
            details = details.renamed(next(others))
        free = tuple(
            alias
            for alias in details.aliases
            if (holder := self.find(alias) or self.find_alias(alias)) is None or holder.id == voice_id
        )
        return details.with_aliases(free)

    def _check_room(self, voice: LibraryVoice) -> None:
        held = sum(each.original_bytes + each.clip_bytes for each in self._voices.values())
        if len(self._voices) >= self._bounds.voices:
            why = f"it holds {len(self._voices)} voices, and no more are allowed"
        elif held + voice.original_bytes + voice.clip_bytes > self._bounds.total_bytes:
            why = f"this one would take it beyond {self._bounds.total_bytes // 2**20} MiB"
        else:
            return
        raise StorageFailed(
            f"The voice library is full: {why}. Delete voices that nobody uses.", code="library_full"
        )
