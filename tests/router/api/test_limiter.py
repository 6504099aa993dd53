"""Rate limits per client."""

import pytest
from fakes import ManualClock

from router.api.admission import Client
from router.api.limiter import Limiter
from router.errors import RateLimited

SLOW = Client("slow", requests_per_minute=2)


def _asked(limiter: Limiter, client: Client, times: int) -> list[float | None]:
    """For each request None, or when to come again."""
    waits: list[float | None] = []
    for _ in range(times):
        try:
            limiter.count(client)
        except RateLimited as refusal:
            waits.append(refusal.retry_after_s)
        else:
            waits.append(None)
    return waits


def test_a_burst_up_to_the_limit_passes_and_the_next_is_told_when() -> None:
    """Thirty seconds for one of two a minute; being refused costs nothing."""
    limiter = Limiter(ManualClock())
    assert [None, None, pytest.approx(30), pytest.approx(30)] == _asked(limiter, SLOW, 4)


def test_the_words_name_client_and_limit() -> None:
    """For whoever reads the error."""
    limiter = Limiter(ManualClock())
    _asked(limiter, SLOW, 2)
    with pytest.raises(RateLimited, match=r"The client slow may ask 2 times a minute; the next time in 30.0 s\."):
        limiter.count(SLOW)


@pytest.mark.parametrize(("passed_s", "expected"), [(29.9, 0), (30.0, 1), (60.0, 2), (6000.0, 2)])
def test_it_refills_evenly_and_never_beyond_the_limit(passed_s: float, expected: int) -> None:
    """A minute's worth is kept at most."""
    clock = ManualClock()
    limiter = Limiter(clock)
    _asked(limiter, SLOW, 2)
    clock.advance(passed_s)
    assert expected == _asked(limiter, SLOW, 4).count(None)


def test_each_client_has_its_own_bucket() -> None:
    """One that floods takes nothing from another."""
    limiter = Limiter(ManualClock())
    _asked(limiter, SLOW, 9)
    assert [None] == _asked(limiter, Client("other", requests_per_minute=2), 1)


def test_without_a_limit_nobody_counts() -> None:
    """The default."""
    assert [None] * 500 == _asked(Limiter(ManualClock()), Client("free"), 500)
