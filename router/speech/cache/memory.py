"""The part of the cache that is in memory: bounded by bytes, the least recently used goes first."""

from typing import Final

from cachetools import LRUCache

from router.speech.cache.entry import CachedAudio

_LARGEST_SHARE: Final = 4  # an entry over a quarter of the bound would drive out too many others


class Memory:
    """Keeps entries up to `max_bytes`. Belongs to the event loop's thread."""

    def __init__(self, max_bytes: int) -> None:
        self._entries = _lru(max_bytes)

    def __repr__(self) -> str:
        return f"<Memory {len(self)} entries, {self.bytes} of {self.max_bytes} bytes>"

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def bytes(self) -> int:
        return int(self._entries.currsize)

    @property
    def max_bytes(self) -> int:
        return int(self._entries.maxsize)

    def get(self, key: str) -> CachedAudio | None:
        """The entry, which is now the most recently used."""
        return self._entries.get(key)

    def put(self, key: str, entry: CachedAudio) -> None:
        """Keep it, unless it is too large."""
        if entry.size * _LARGEST_SHARE <= self.max_bytes:
            self._entries[key] = entry
        else:
            self._entries.pop(key, None)  # what was there is outdated

    def drop(self, key: str) -> None:
        """Forget one entry, should it be there."""
        self._entries.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def resize(self, max_bytes: int) -> None:
        """Another bound; what was used last stays."""
        if max_bytes != self.max_bytes:
            before, self._entries = self._entries, _lru(max_bytes)
            while before:  # the least recently used first, so that it is the first to go again
                self.put(*before.popitem())


def _lru(max_bytes: int) -> LRUCache[str, CachedAudio]:
    return LRUCache(max_bytes, getsizeof=lambda entry: entry.size)
