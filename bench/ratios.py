"""Statistics of paired rounds. Pure.

A shared machine drifts, so nothing is compared across rounds: within each round a contender's figure is divided by
(or reduced by) its peer's, taken seconds apart, and the *median* of those paired figures is reported.

Its bounds are the sign test's, which assume nothing about the distribution: at least k of n rounds lie below the
true median with the probability P(Binomial(n, 1/2) >= k). The upper bound is therefore the k-th smallest figure
with the least k for which that is at most 5 %, and the lower bound its mirror image. Each holds with 95 % for
itself (together: 90 %). Fewer than five rounds give no bound: 1/2^4 is more than 5 %.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_RISK: Final = 0.05


@dataclass(frozen=True, slots=True)
class Estimate:
    """A median, with one-sided 95 % bounds where there are rounds enough."""

    median: float
    low: float | None
    high: float | None


def estimate(figures: Sequence[float]) -> Estimate:
    """The median of `figures` and its bounds."""
    ordered = sorted(figures)
    rank = _upper_rank(len(ordered))
    if rank is None:
        return Estimate(statistics.median(ordered), None, None)
    return Estimate(statistics.median(ordered), ordered[-rank], ordered[rank - 1])


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Estimate:
    """Ours over theirs, round by round."""
    return estimate([mine / peer for mine, peer in zip(ours, theirs, strict=True)])


def difference(ours: Sequence[float], theirs: Sequence[float]) -> Estimate:
    """Ours less theirs, round by round."""
    return estimate([mine - peer for mine, peer in zip(ours, theirs, strict=True)])


def percentile(figures: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile."""
    ordered = sorted(figures)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def _upper_rank(rounds: int) -> int | None:
    """The least k with P(Binomial(rounds, 1/2) >= k) <= 5 %, or None."""
    rank, tail = None, 0.0
    for k in range(rounds, 0, -1):
        tail += math.comb(rounds, k) / 2**rounds
        if tail > _RISK:
            break
        rank = k
    return rank
