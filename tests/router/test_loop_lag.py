"""How late the event loop is, as it is measured and as it is counted."""

import asyncio
import contextlib
import time

from fakes import RecordingObserver
from running import run

from router import loop_lag
from router.metrics import MAX_MISSED, Metrics
from router.ports import LAG_EVERY_S

BLOCKED_S = 3.5 * LAG_EVERY_S
LAG = "router_event_loop_lag_seconds"


class _Lags(RecordingObserver):
    """Says when there is one."""

    def __init__(self) -> None:
        super().__init__()
        self.news = asyncio.Event()

    def loop_lagged(self, lag_s: float) -> None:
        super().loop_lagged(lag_s)
        self.news.set()


def test_what_blocks_the_loop_is_told_and_the_next_timer_keeps_its_moment() -> None:
    """A lag does not move those that follow."""

    async def main() -> tuple[list[float], float]:
        observer, loop = _Lags(), asyncio.get_running_loop()
        watching = loop.create_task(loop_lag.watch(observer))
        began = loop.time()
        await asyncio.sleep(0)  # its first timer is set
        time.sleep(BLOCKED_S)  # noqa: ASYNC251  that is what is measured
        for _ in range(2):
            observer.news.clear()
            await observer.news.wait()
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        return observer.lags, loop.time() - began

    (first, *_), took_s = run(main())
    assert first >= BLOCKED_S - LAG_EVERY_S - 0.01
    assert took_s >= 4 * LAG_EVERY_S - 0.01


def _counts(metrics: Metrics, bound: str) -> float | None:
    return metrics.registry.get_sample_value(f"{LAG}_bucket", {"le": bound})


def test_every_timer_that_was_missed_counts() -> None:
    """Whoever came during a standstill waited for what was left of it: 0.12, 0.07 and 0.02 s here."""
    metrics = Metrics()
    metrics.loop_lagged(0.12)
    assert [0, 1, 2, 3] == [_counts(metrics, bound) for bound in ("0.015", "0.025", "0.1", "0.25")]


def test_a_machine_that_stood_still_for_hours_is_counted_within_bounds() -> None:
    """To count them all would hold up the loop once more."""
    metrics = Metrics()
    metrics.loop_lagged(86_400.0)
    assert 1 + MAX_MISSED == metrics.registry.get_sample_value(f"{LAG}_count")


def test_the_histogram_is_fine_where_it_is_judged() -> None:
    """Several bounds below 10 ms, and that one itself."""
    metrics = Metrics()
    metrics.loop_lagged(0.0099)
    assert [0, 0, 1] == [_counts(metrics, bound) for bound in ("0.005", "0.0075", "0.01")]
