"""One turn at a time, a bounded line behind it: who speaks next, and who is told to come back."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from tts_node.domain import Priority
from tts_node.errors import Busy, NodeError, WaitedTooLong

MAX_RETRY_AFTER_S = 60


def retry_after_s(ahead: int, mean_turn_s: float | None) -> int:
    """Whole seconds after which asking again makes sense, with so many turns ahead."""
    return min(MAX_RETRY_AFTER_S, max(1, round(ahead * (mean_turn_s or 1.0))))


@dataclass(eq=False, slots=True)
class Place:
    """Somebody in line."""

    turn: asyncio.Future[None]
    is_begun: bool  # it has spoken before, and made way


class Turns:
    """Interactive before batch, first come first served within each. Belongs to one event loop.

    Each priority has a line of its own with its own bound, so that no amount of batch work keeps an interactive
    request out.
    """

    def __init__(self, limit: int, mean_turn_s: Callable[[], float | None] = lambda: None) -> None:
        self.limit = limit
        self.is_busy = False
        self._mean_turn_s = mean_turn_s
        self._lines: dict[Priority, deque[Place]] = {priority: deque() for priority in Priority}

    def __repr__(self) -> str:
        return f"<Turns busy={self.is_busy} waiting={self.depth}/{self.limit}>"

    @property
    def depth(self) -> int:
        """How many wait."""
        return sum(map(len, self._lines.values()))

    def depth_of(self, priority: Priority) -> int:
        """How many of one kind wait."""
        return len(self._lines[priority])

    @property
    def is_in_use(self) -> bool:
        """Whether anybody speaks or waits: the lease that keeps a model loaded."""
        return self.is_busy or self.depth > 0

    @property
    def has_begun(self) -> bool:
        """Whether somebody in line has spoken before and made way: its listener has heard a part."""
        return any(place.is_begun for line in self._lines.values() for place in line)

    def must_make_way(self, priority: Priority) -> bool:
        """Whether one of that priority, at the end of a piece, keeps a more urgent one waiting."""
        return any(line for other, line in self._lines.items() if other < priority)

    def eta_s(self, priority: Priority) -> float | None:
        """How long a newcomer would wait; None before any turn was measured."""
        if not self.is_busy:
            return 0.0
        mean_s = self._mean_turn_s()
        return None if mean_s is None else (1 + self._ahead_of(priority)) * mean_s

    async def take(
        self, wait_s: float, priority: Priority = Priority.INTERACTIVE, *, is_begun: bool = False
    ) -> None:
        """Returns when it is the caller's turn, which it must `give_back`. Leaving the line needs no call.

        Who `is_begun` has spoken before and made way: it stands at the head of its line, however long that is.
        Raises Busy at once when the line is full, WaitedTooLong after `wait_s`, or what `evict` was given.
        """
        if not self.is_busy:
            self.is_busy = True
            return
        line = self._lines[priority]
        if not is_begun and len(line) >= self.limit:
            raise self._full(priority)
        place = Place(asyncio.get_running_loop().create_future(), is_begun)
        line.insert(0 if is_begun else len(line), place)
        try:
            async with asyncio.timeout(wait_s):
                await place.turn
        except BaseException as exc:
            self._leave(line, place)
            if isinstance(exc, TimeoutError):
                raise WaitedTooLong(
                    f"This request waited {wait_s:g} s for its turn. Try again.",
                    code="queue_timeout",
                    retry_after_s=self._hint(priority),
                ) from exc
            raise

    def give_back(self) -> None:
        """Ends the turn; the next in line has it at once."""
        assert self.is_busy
        for priority in Priority:
            line = self._lines[priority]
            while line:
                place = line.popleft()
                if not place.turn.done():
                    place.turn.set_result(None)
                    return
        self.is_busy = False

    def evict(self, why: NodeError) -> None:
        """Sends everyone away who waits to begin. Who has begun goes on: its listener has heard a part."""
        for line in self._lines.values():
            begun = [place for place in line if place.is_begun]
            leaving = [place for place in line if not place.is_begun]
            line.clear()
            line.extend(begun)
            for place in leaving:
                if not place.turn.done():
                    place.turn.set_exception(why)

    def _leave(self, line: deque[Place], place: Place) -> None:
        if place in line:
            line.remove(place)
        elif place.turn.done() and not place.turn.cancelled() and place.turn.exception() is None:
            self.give_back()  # it came to be our turn in the very moment we left

    def _ahead_of(self, priority: Priority) -> int:
        return sum(len(line) for other, line in self._lines.items() if other <= priority)

    def _hint(self, priority: Priority) -> int:
        return retry_after_s(self._ahead_of(priority) + 1, self._mean_turn_s())

    def _full(self, priority: Priority) -> Busy:
        ahead = self._ahead_of(priority)
        eta_s = self.eta_s(priority)
        when = "" if eta_s is None else f", in about {eta_s:.0f} s"
        return Busy(
            f"The queue is full: one request is being spoken and {self.depth} wait; "
            f"this one would be at position {ahead + 1}{when}. Try again later.",
            code="queue_full",
            retry_after_s=self._hint(priority),
        )
