"""Bites when nothing was heard for too long. Asks an injected clock, so that tests need no waiting."""

from collections.abc import Callable
from typing import Protocol, Self


class Timer(Protocol):
    """What `call_later` gives back."""

    def cancel(self) -> None:
        """Makes it not happen."""


class CallLater(Protocol):
    """Such as `loop.call_later`."""

    def __call__(self, delay: float, callback: Callable[[], None], /) -> Timer:
        """Calls back once, that many seconds from now."""


class Watchdog:
    """While entered: `bite` is called once when no `feed` came for `limit_s`. Feeding only reads a clock."""

    def __init__(
        self, limit_s: float, bite: Callable[[], None], clock: Callable[[], float], call_later: CallLater
    ) -> None:
        self.has_bitten = False
        self._limit_s = limit_s
        self._bite = bite
        self._clock = clock
        self._call_later = call_later
        self._fed_s = clock()
        self._is_final = False
        self._timer: Timer | None = None

    def __enter__(self) -> Self:
        self.wake()
        return self

    def __exit__(self, *_: object) -> None:
        self.rest()

    def feed(self) -> None:
        """A sign of life."""
        if not self._is_final:
            self._fed_s = self._clock()

    def rest(self) -> None:
        """Silence is somebody else's doing for now."""
        if self._timer:
            self._timer.cancel()
        self._timer = None

    def wake(self) -> None:
        """Silence counts from now on."""
        self.rest()
        self.feed()
        self._timer = self._call_later(self._left_s(), self._look)

    def finish_within(self, limit_s: float) -> None:
        """From now on signs of life do not help: it must be over in that time."""
        self._limit_s = limit_s
        self.wake()
        self._is_final = True

    def _left_s(self) -> float:
        return self._fed_s + self._limit_s - self._clock()

    def _look(self) -> None:
        left_s = self._left_s()
        if left_s > 0:
            self._timer = self._call_later(left_s, self._look)
            return
        self._timer = None
        self.has_bitten = True
        self._bite()
