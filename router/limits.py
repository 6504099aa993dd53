"""How much a client may ask for: a token bucket per client. Pure, told the time.

A bucket holds up to a minute's worth of requests and refills evenly, so that a burst is fine and a flood is not.
"""

from dataclasses import dataclass
from typing import Final

_WINDOW_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Bucket:
    """`tokens` at monotonic second `at`."""

    tokens: float
    at: float


def full(per_minute: int, now: float) -> Bucket:
    """A client that has not been seen for a while."""
    return Bucket(float(per_minute), now)


def take(bucket: Bucket, per_minute: int, now: float) -> tuple[Bucket, float]:
    """The bucket after one request, and 0.0; or the unchanged tokens and the seconds until one is free."""
    rate = per_minute / _WINDOW_S
    tokens = min(float(per_minute), bucket.tokens + max(0.0, now - bucket.at) * rate)
    if tokens >= 1.0:
        return Bucket(tokens - 1.0, now), 0.0
    return Bucket(tokens, now), (1.0 - tokens) / rate
