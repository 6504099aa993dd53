"""The state port in this process's memory: bounded, and forgotten when the process ends."""

from collections.abc import Callable
from typing import Final

from cachetools import TLRUCache

MAX_ENTRIES: Final = 10_000


class LocalStore:
    """Implements `ports.StateStore`; `clock` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float], *, max_entries: int = MAX_ENTRIES) -> None:
        def expires(_key: str, value: tuple[bytes, float], now: float) -> float:
            return now + value[1]

        self._entries: TLRUCache[str, tuple[bytes, float]] = TLRUCache(max_entries, ttu=expires, timer=clock)

    async def get(self, key: str) -> bytes | None:
        entry = self._entries.get(key)
        return entry[0] if entry is not None else None

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        self._entries[key] = (value, ttl_s)

    async def delete(self, key: str) -> None:
        self._entries.pop(key, None)
