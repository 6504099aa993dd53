"""When a model that could not be loaded may be tried again. Pure: it is told the time."""

FIRST_S = 2.0
LONGEST_S = 60.0


class Backoff:
    """Two seconds, doubling to a minute; forgotten with the first success.

    A load that *says* why it failed fails again at once: it waits from the first time. One whose process just
    died may have been killed by somebody, and has one more try.
    """

    def __init__(self) -> None:
        self.failures = 0
        self.reason: str | None = None
        self._next_try_s = 0.0

    def failed(self, reason: str, now_s: float, *, may_be_chance: bool) -> None:
        """One more failure."""
        self.failures += 1
        self.reason = reason
        steps = self.failures - (2 if may_be_chance else 1)
        wait_s = min(LONGEST_S, FIRST_S * 2.0 ** min(steps, 10)) if steps >= 0 else 0.0
        self._next_try_s = now_s + wait_s

    def succeeded(self) -> None:
        """It came up."""
        self.failures = 0
        self.reason = None
        self._next_try_s = 0.0

    def left_s(self, now_s: float) -> float:
        """Seconds until the next try; 0: it may be tried."""
        return max(0.0, self._next_try_s - now_s)
