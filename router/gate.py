"""How many requests a provider has at once: a bounded number inside, a bounded number waiting, a bounded wait.

Whoever waits has a deadline: now for whoever has nothing to hear yet, the moment of silence for whoever still has,
never for what nobody listens to. The earliest goes first, so that those who save a file do not hold up those who
listen, and nobody is overtaken for ever by ones who come later.
"""

import asyncio
import contextlib
import math
from bisect import bisect_right, insort
from itertools import count
from typing import Final

from router.errors import Overloaded

NO_HURRY: Final = math.inf


class _Turn:
    """Somebody's place in the queue. `granted`: True when the turn has come, False when sent away."""

    __slots__ = ("due", "granted", "number")

    def __init__(self, due: float, number: int, granted: "asyncio.Future[bool]") -> None:
        self.due = due
        self.number = number
        self.granted = granted

    def __lt__(self, other: "_Turn") -> bool:
        return (self.due, self.number) < (other.due, other.number)


class Gate:
    """The most urgent first; among the same, first come, first served. `limit` None: nobody ever waits.

    `urgency` is everywhere in seconds: how long the one that asks could do without; the smallest is the most
    urgent, 0 for whoever has nothing yet, NO_HURRY for what nobody waits for.
    """

    def __init__(self, limit: int | None, *, queue_limit: int, queue_wait_s: float) -> None:
        self._limit = limit
        self._queue_limit = queue_limit
        self._queue_wait_s = queue_wait_s
        self._inside = 0
        self._waiting: list[_Turn] = []  # the next first
        self._numbers = count()

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

    def is_closed_to(self, urgency: float = 0.0) -> bool:
        """Whoever comes now, so urgently, would be sent away."""
        if not self.is_full or len(self._waiting) < self._queue_limit:
            return False
        return not self._waiting or _due(urgency) >= self._waiting[-1].due

    def waiting_before(self, urgency: float) -> int:
        """How many of those who wait go before whoever comes now, so urgently."""
        if not self._waiting or urgency == NO_HURRY:
            return len(self._waiting)
        return bisect_right(self._waiting, _due(urgency), key=lambda turn: turn.due)

    def enter_at_once(self) -> bool:
        """Be inside until `leave`, if that needs no waiting; says whether."""
        if self.is_full:
            return False
        self._inside += 1
        return True

    async def enter(self, urgency: float = 0.0) -> None:
        """Be inside until `leave`. Raises Overloaded when the wait is too long, when the queue is full of more
        urgent ones, or becomes so."""
        if not self.enter_at_once():
            await self._wait(urgency)

    async def _wait(self, urgency: float) -> None:
        if self.is_closed_to(urgency):
            raise self._sent_away()
        turn = _Turn(_due(urgency), next(self._numbers), asyncio.get_running_loop().create_future())
        if len(self._waiting) >= self._queue_limit:
            self._send_away_last()
        insort(self._waiting, turn)
        try:
            async with asyncio.timeout(self._queue_wait_s):
                is_granted = await turn.granted
        except BaseException as exc:
            if not turn.granted.done() or turn.granted.cancelled():
                with contextlib.suppress(ValueError):  # a leaver may have skipped it already
                    self._waiting.remove(turn)
            elif turn.granted.result():
                self.leave()  # the turn came in the same moment: pass it on
            if isinstance(exc, TimeoutError):
                raise Overloaded(f"busy: no free place within {self._queue_wait_s:g} s") from exc
            raise
        if not is_granted:
            raise self._sent_away()

    def _send_away_last(self) -> None:
        last = self._waiting.pop()
        if not last.granted.done():
            last.granted.set_result(False)

    def _sent_away(self) -> Overloaded:
        return Overloaded(f"busy: {self._inside} requests running, {len(self._waiting)} waiting")

    def leave(self) -> None:
        """The place goes to the next who still waits, else it is free."""
        while self._waiting:
            granted = self._waiting.pop(0).granted
            if not granted.done():
                granted.set_result(True)
                return
        self._inside -= 1


def _due(urgency: float) -> float:
    return asyncio.get_running_loop().time() + urgency
