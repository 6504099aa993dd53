"""The state port in this process's memory: bounded, and forgotten when the process ends."""

from collections.abc import Callable
from typing import Final, NamedTuple

from cachetools import TLRUCache

MAX_ENTRIES: Final = 10_000
MAX_BYTES: Final = 64 * 2**20  # of keys and values
_LARGEST_SHARE: Final = 4  # an entry over a quarter of the bound would drive out too many others


class _Entry(NamedTuple):
    value: bytes
    ttl_s: float
    size: int


class LocalStore:
    """Implements `ports.StateStore`; `clock` is monotonic seconds. The least recently used goes first.

    A value that is too large is not kept, and nobody is told: what was there is forgotten, as if its time were up.
    """

    def __init__(
        self, clock: Callable[[], float], *, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES
    ) -> None:
        def expires(_key: str, entry: _Entry, now: float) -> float:
            return now + entry.ttl_s

        self._max_entries = max_entries
        self._entries: TLRUCache[str, _Entry] = TLRUCache(
            max_bytes, ttu=expires, timer=clock, getsizeof=lambda entry: entry.size
        )

    def __repr__(self) -> str:
        entries = self._entries
        return f"<LocalStore {len(entries)} entries, {entries.currsize:g} of {entries.maxsize:g} bytes>"

    async def get(self, key: str) -> bytes | None:
        entry = self._entries.get(key)
        return entry.value if entry is not None else None

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        size = len(key.encode(errors="surrogatepass")) + len(value)
        if size * _LARGEST_SHARE > self._entries.maxsize:
            self._entries.pop(key, None)
            return
        self._entries[key] = _Entry(value, ttl_s, size)
        while len(self._entries) > self._max_entries:
            self._entries.popitem()

    async def delete(self, key: str) -> None:
        self._entries.pop(key, None)
