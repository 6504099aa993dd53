"""One turn at a time, a bounded line behind it: who speaks next, and who is told to come back."""

import asyncio
from collections import deque
from collections.abc import Callable

from tts_node.errors import Busy, NodeError, WaitedTooLong

MAX_RETRY_AFTER_S = 60


def retry_after_s(ahead: int, mean_turn_s: float | None) -> int:
    """Whole seconds after which asking again makes sense, with so many turns ahead."""
    return min(MAX_RETRY_AFTER_S, max(1, round(ahead * (mean_turn_s or 1.0))))


class Turns:
    """First come, first served. Belongs to one event loop."""

    def __init__(self, limit: int, mean_turn_s: Callable[[], float | None] = lambda: None) -> None:
        self.limit = limit
        self.is_busy = False
        self._mean_turn_s = mean_turn_s
        self._waiting: deque[asyncio.Future[None]] = deque()

    def __repr__(self) -> str:
        return f"<Turns busy={self.is_busy} waiting={self.depth}/{self.limit}>"

    @property
    def depth(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def is_in_use(self) -> bool:
        """Whether anybody speaks or waits: the lease that keeps a model loaded."""
        return self.is_busy or bool(self._waiting)

    async def take(self, wait_s: float) -> None:
        """Returns when it is the caller's turn, which it must `give_back`. Leaving the line needs no call.

        Raises Busy at once when the line is full, WaitedTooLong after `wait_s`, or what `evict` was given.
        """
        if not self.is_busy:
            self.is_busy = True
            return
        if self.depth >= self.limit:
            raise self._full()
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            async with asyncio.timeout(wait_s):
                await place
        except BaseException as exc:
            if place in self._waiting:
                self._waiting.remove(place)
            elif not place.cancelled() and place.exception() is None:
                self.give_back()  # it came to be our turn in the very moment we left
            if isinstance(exc, TimeoutError):
                raise WaitedTooLong(
                    f"This request waited {wait_s:g} s for its turn. Try again.",
                    code="queue_timeout",
                    retry_after_s=self._hint(),
                ) from exc
            raise

    def give_back(self) -> None:
        """Ends the turn; the next in line has it at once."""
        assert self.is_busy
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self.is_busy = False

    def evict(self, why: NodeError) -> None:
        """Sends everyone in line away."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_exception(why)

    def _hint(self) -> int:
        return retry_after_s(self.depth + 1, self._mean_turn_s())

    def _full(self) -> Busy:
        return Busy(
            f"The queue is full: one request is being spoken and {self.depth} wait; "
            f"this one would be at position {self.depth + 1}. Try again later.",
            code="queue_full",
            retry_after_s=self._hint(),
        )
