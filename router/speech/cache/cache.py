"""The cache of speech: memory in front of a store that outlives the process.

Once a second whoever comes (`get`, `put`) asks the store first whether somebody has purged it,
`local-ai-router cache purge` or another router. So what was purged is not served from memory for longer than a
second, and no timer runs for that.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from router.config.settings import CacheSettings
from router.ports import Monotonic
from router.speech.cache.disk import CannotMeasure, DiskStore
from router.speech.cache.entry import CachedAudio
from router.speech.cache.flights import FlightEnded, Flights
from router.speech.cache.folder import Folder, default_folder
from router.speech.cache.memory import Memory
from router.speech.cache.store import AudioStore

LOOK_EVERY_S: Final = 1.0
_MIB: Final = 2**20
_DAY_S: Final = 86_400.0
_UNSEEN: Final = object()


class Level(msgspec.Struct, frozen=True):
    """How much is in memory, and how much may be."""

    entries: int
    bytes: int
    max_bytes: int


class StoreLevel(msgspec.Struct, frozen=True, omit_defaults=True):
    """The same of the store. None when it does not say; `trouble` is why."""

    entries: int | None
    bytes: int | None
    max_bytes: int
    trouble: str = ""


class CacheFigures(msgspec.Struct, frozen=True):
    """What `GET /admin/cache` shows."""

    enabled: bool
    folder: str
    memory: Level
    disk: StoreLevel


def folder_of(settings: CacheSettings, clock: Callable[[], float] = time.time) -> Folder:
    """The folder that the configuration means."""
    return Folder(
        Path(settings.dir).expanduser() if settings.dir else default_folder(),
        max_bytes=settings.disk_mb * _MIB,
        max_age_s=settings.max_age_days * _DAY_S,
        clock=clock,
    )


class AudioCache:
    """Finds and keeps spoken audio by key. One for the process: it outlives a reload, which may change its bounds.

    `clock` tells Unix time, `monotonic` is for pauses.
    """

    def __init__(
        self,
        settings: CacheSettings,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._monotonic = monotonic
        self._memory = Memory(settings.memory_mb * _MIB)
        self._store: AudioStore = DiskStore(folder_of(settings, clock), monotonic)
        self._reads: Flights[CachedAudio | None] = Flights()
        self._looks: Flights[object] = Flights()
        self._looked_at = -math.inf
        self._revision: object = _UNSEEN
        self._closing: set[asyncio.Task[None]] = set()  # stores of configurations before
        self._purges = 0  # as far as they were seen here

    def __repr__(self) -> str:
        return f"<AudioCache {self._memory!r}, {self._store!r}>"

    @property
    def is_on(self) -> bool:
        """Whether anything is kept at all."""
        settings = self._settings
        return settings.enabled and bool(settings.memory_mb or settings.disk_mb)

    async def get(self, key: str) -> CachedAudio | None:
        """From memory, else from the store; many who ask for the same read it once."""
        if not self.is_on:
            return None
        await self._look()
        entry = self._remembered(key)
        if entry is None:
            try:
                entry, _ = await self._reads.fly(key, lambda: self._fetched(key))
            except FlightEnded:
                return None
        return entry

    async def put(self, key: str, entry: CachedAudio) -> None:
        """Keep it. Does not wait until it is on the disk; once a second it waits for the look at purges, which may
        take a second where the disk is slow (`READ_DEADLINE_S`)."""
        if not self.is_on:
            return
        await self._look()
        if not entry.made_at:
            entry = msgspec.structs.replace(entry, made_at=self._clock())
        self._memory.put(key, entry)
        self._store.put(key, entry)

    async def purge(self) -> int:
        """Forget everything; how many entries that were. Raises CannotPurge when the store keeps some."""
        remembered = len(self._memory)
        self._forget()
        stored = await self._store.purge()
        self._forget()  # what was put meanwhile
        self._revision, self._looked_at = await self._store.revision(), self._monotonic()
        return max(remembered, stored)

    async def figures(self) -> CacheFigures:
        """How full it is; within a deadline, also when the disk hangs."""
        return CacheFigures(
            self.is_on,
            self._store.place,
            Level(len(self._memory), self._memory.bytes, self._memory.max_bytes),
            await self._stored(),
        )

    def reconfigure(self, settings: CacheSettings) -> None:
        """Other bounds, or another folder. What is in memory stays, as far as there is room."""
        before, self._settings = self._settings, settings
        if not self.is_on:
            self._forget()
        self._memory.resize(settings.memory_mb * _MIB)
        if (before.dir, before.disk_mb, before.max_age_days) != (
            settings.dir,
            settings.disk_mb,
            settings.max_age_days,
        ):
            old, self._store = self._store, DiskStore(folder_of(settings, self._clock), self._monotonic)
            self._looked_at = -math.inf
            if before.dir != settings.dir:
                self._revision = _UNSEEN
            closing = asyncio.get_running_loop().create_task(old.aclose(), name="speech cache")
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def aclose(self) -> None:
        """Finish what is to be written, within a deadline."""
        await self._looks.aclose()
        await self._reads.aclose()
        await asyncio.gather(self._store.aclose(), *self._closing)

    async def _stored(self) -> StoreLevel:
        store = self._store
        try:
            size = await store.measure()
        except CannotMeasure as exc:
            return StoreLevel(None, None, store.max_bytes, exc.message)
        return StoreLevel(size.entries, size.bytes, store.max_bytes)

    def _remembered(self, key: str) -> CachedAudio | None:
        entry = self._memory.get(key)
        if entry is not None and self._clock() - entry.made_at > self._settings.max_age_days * _DAY_S:
            self._memory.drop(key)
            return None
        return entry

    async def _fetched(self, key: str) -> CachedAudio | None:
        purges = self._purges
        entry = await self._store.get(key)
        if entry is None or purges != self._purges:
            return None
        self._memory.put(key, entry)
        return entry

    async def _look(self) -> None:
        """Ask the store for purges, once a second."""
        if self._monotonic() - self._looked_at < LOOK_EVERY_S:
            return
        store = self._store
        with contextlib.suppress(FlightEnded):
            revision, _ = await self._looks.fly("revision", store.revision)
            if store is self._store:
                if self._revision not in (_UNSEEN, revision):
                    self._forget()
                self._revision, self._looked_at = revision, self._monotonic()

    def _forget(self) -> None:
        self._memory.clear()
        self._purges += 1
