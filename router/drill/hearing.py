"""What a listener hears who plays audio as it arrives: pure, from the times at which it came."""

from collections.abc import Sequence
from typing import NamedTuple

from router.domain import BYTES_PER_S


class Arrival(NamedTuple):
    """By `at_s`, `pcm_bytes` of audio had arrived in all."""

    at_s: float
    pcm_bytes: int


class Gap(NamedTuple):
    """Silence that nobody meant: from `at_s`, for `length_s`."""

    at_s: float
    length_s: float


def gaps_in(arrivals: Sequence[Arrival]) -> list[Gap]:
    """Where a player that began with the first byte ran dry before more came. The end is no gap."""
    if not arrivals:
        return []
    gaps = []
    dry_at_s = arrivals[0].at_s  # when all that has arrived will have been heard
    heard_bytes = 0
    for arrival in arrivals:
        if heard_bytes and arrival.at_s > dry_at_s:
            gaps.append(Gap(dry_at_s, arrival.at_s - dry_at_s))
        dry_at_s = max(dry_at_s, arrival.at_s) + (arrival.pcm_bytes - heard_bytes) / BYTES_PER_S
        heard_bytes = arrival.pcm_bytes
    return gaps


def longest_gap_s(arrivals: Sequence[Arrival], since_s: float = 0.0) -> float:
    """The longest silence that had not ended by `since_s`."""
    return max((gap.length_s for gap in gaps_in(arrivals) if gap.at_s + gap.length_s > since_s), default=0.0)
