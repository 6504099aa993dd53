"""How many requests a provider has at once: a bounded number inside, a bounded number waiting, a bounded wait."""

import asyncio
import contextlib
from collections import deque

from router.errors import Overloaded


class Gate:
    """First come, first served. `limit` None: nobody ever waits."""

    def __init__(self, limit: int | None, *, queue_limit: int, queue_wait_s: float) -> None:
        self._limit = limit
        self._queue_limit = queue_limit
        self._queue_wait_s = queue_wait_s
        self._inside = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def __repr__(self) -> str:
        return f"<Gate inside={self._inside} waiting={len(self._waiting)} limit={self._limit}>"

    @property
    def inside(self) -> int:
        return self._inside

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whoever comes now would have to wait."""
        return self._limit is not None and (self._inside >= self._limit or bool(self._waiting))

    @property
    def is_closed(self) -> bool:
        """Whoever comes now would be sent away."""
        return self.is_full and len(self._waiting) >= self._queue_limit

    def enter_at_once(self) -> bool:
        """Be inside until `leave`, if that needs no waiting; says whether."""
        if self.is_full:
            return False
        self._inside += 1
        return True

    async def enter(self) -> None:
        """Be inside until `leave`. Raises Overloaded when the queue is full or too slow."""
        if not self.enter_at_once():
            await self._wait()

    async def _wait(self) -> None:
        if len(self._waiting) >= self._queue_limit:
            raise Overloaded(f"busy: {self._inside} requests running, {len(self._waiting)} waiting")
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self._queue_wait_s):
                await turn
        except BaseException as exc:
            if turn.done() and not turn.cancelled():
                self.leave()  # the turn came in the same moment: pass it on
            else:
                with contextlib.suppress(ValueError):  # a leaver may have skipped it already
                    self._waiting.remove(turn)
            if isinstance(exc, TimeoutError):
                raise Overloaded(f"busy: no free place within {self._queue_wait_s:g} s") from exc
            raise

    def leave(self) -> None:
        """The place goes to the next who still waits, else it is free."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._inside -= 1
