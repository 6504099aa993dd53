"""The seam behind which entries outlive the process: a folder now, what several routers share later."""

from typing import Protocol

from router.speech.cache.entry import CachedAudio
from router.speech.cache.folder import Size


class AudioStore(Protocol):
    """Keeps entries beyond memory. It must not raise but where it says so, and has deadlines of its own: speech
    does not wait for a store that hangs."""

    @property
    def place(self) -> str:
        """Where it keeps them, in words for a person; empty where it keeps nothing."""
        ...

    @property
    def max_bytes(self) -> int: ...

    async def get(self, key: str) -> CachedAudio | None:
        """The entry, checked to be what was put."""
        ...

    def put(self, key: str, entry: CachedAudio) -> None:
        """Keep it soon. May be dropped."""
        ...

    async def revision(self) -> object:
        """Another one after each purge, whoever purged; the last one known when the store does not answer."""
        ...

    async def purge(self) -> int:
        """Forget everything, what is being put too; how many entries that were. Raises CannotPurge."""
        ...

    async def measure(self) -> Size:
        """How full it is. Raises CannotMeasure."""
        ...

    async def aclose(self) -> None:
        """Finish what was put, within a deadline."""
        ...
