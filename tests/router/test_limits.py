"""The token bucket."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router import limits
from router.limits import Bucket


def test_a_minutes_worth_may_come_at_once() -> None:
    """A burst is fine; the next one waits for a token."""
    bucket, waits = limits.full(3, 0.0), []
    for _ in range(4):
        bucket, wait_s = limits.take(bucket, 3, 0.0)
        waits.append(wait_s)
    assert [0.0, 0.0, 0.0, pytest.approx(20.0)] == waits


def test_tokens_come_back_evenly() -> None:
    """Sixty a minute are one a second."""
    bucket = Bucket(0.0, 0.0)
    assert limits.take(bucket, 60, 0.5)[1] == pytest.approx(0.5)
    assert limits.take(bucket, 60, 1.0)[1] == 0.0


@given(per_minute=st.integers(1, 1000), steps=st.lists(st.floats(0, 5), max_size=200))
def test_never_more_than_the_rate_allows(per_minute: int, steps: list[float]) -> None:
    """Over any time, at most a full bucket plus what refilled meanwhile."""
    now, granted, bucket = 0.0, 0, limits.full(per_minute, 0.0)
    for step in steps:
        now += step
        bucket, wait_s = limits.take(bucket, per_minute, now)
        granted += wait_s == 0.0
    assert granted <= per_minute + now * per_minute / 60 + 1e-6
