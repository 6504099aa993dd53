"""When a writer has paused: longer than its usual time between two words."""

import asyncio
from collections.abc import Callable
from typing import Final

LEAST_S: Final = 0.4
TIMES_USUAL: Final = 4.0  # a model on a CPU may take a second for each word
_WEIGHT: Final = 0.2  # of the newest time


class Pacing:
    """`paused` is called once for each pause. Whoever has one stops it."""

    def __init__(self, paused: Callable[[], None]) -> None:
        self._paused = paused
        self._came_at: float | None = None
        self._usual_s: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def came(self) -> None:
        """Another word."""
        self.stop()
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._came_at is not None:
            took_s = now - self._came_at
            self._usual_s = took_s if self._usual_s is None else self._usual_s + _WEIGHT * (took_s - self._usual_s)
        self._came_at = now
        wait_s = max(LEAST_S, TIMES_USUAL * (self._usual_s or 0.0))
        self._timer = loop.call_later(wait_s, self._paused)

    def stop(self) -> None:
        """No pause is waited for. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
