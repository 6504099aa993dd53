"""/events: who listens hears the node's pulse at once on every change, and a goodbye before it leaves."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

import msgspec

from tts_node.errors import Unavailable
from tts_node.status import Beat, Status

BEAT_INTERVAL_S = 0.25


class Heartbeat:
    """Holds the listeners. Each hears the newest state; none can make the node buffer."""

    def __init__(
        self, status: Callable[[], Status], listener_limit: int, interval_s: float = BEAT_INTERVAL_S
    ) -> None:
        self._status = status
        self._limit = listener_limit
        self._interval_s = interval_s
        self._wakes: set[asyncio.Event] = set()
        self._goodbye: str | None = None

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._wakes)

    def notify(self) -> None:
        """Something changed: beat now."""
        for wake in self._wakes:
            wake.set()

    def say_goodbye(self, reason: str) -> None:
        """The last event of every listener."""
        self._goodbye = self._goodbye or reason
        self.notify()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[AsyncIterator[bytes]]:
        """Server-sent events until the goodbye. Entering takes the place, with no await after the check.

        Raises Unavailable when there are too many listeners already.
        """
        if len(self._wakes) >= self._limit:
            raise Unavailable(
                f"{self._limit} listeners are connected already.", code="too_many_listeners", retry_after_s=30
            )

        wake = asyncio.Event()
        self._wakes.add(wake)
        try:
            async with aclosing(self._events(wake)) as events:
                yield events
        finally:
            self._wakes.discard(wake)

    async def _events(self, wake: asyncio.Event) -> AsyncGenerator[bytes, None]:
        while True:
            goodbye = self._goodbye
            yield self._event(goodbye)
            if goodbye is not None:
                return
            try:
                async with asyncio.timeout(self._interval_s):
                    await wake.wait()
            except TimeoutError:
                pass
            wake.clear()

    def _event(self, goodbye: str | None) -> bytes:
        fields = msgspec.structs.asdict(self._status())
        beat = Beat(**fields, type="beat" if goodbye is None else "goodbye", reason=goodbye)
        return b"data: " + msgspec.json.encode(beat) + b"\n\n"
