"""Prometheus' text format, as far as a histogram without labels goes. Pure."""

import math
import re
from collections.abc import Sequence
from typing import Final

LAG: Final = "router_event_loop_lag_seconds"
Buckets = dict[float, float]
"""Upper bounds in seconds, and how many observations are at most that."""


def buckets_of(exposition: str, name: str) -> Buckets:
    """A histogram as it stands; {} when there is none."""
    found = re.findall(rf'^{name}_bucket{{le="([^"]+)"}} (\S+)$', exposition, re.MULTILINE)
    return {float(bound): float(count) for bound, count in found}


def value_of(exposition: str, name: str) -> float:
    """The sum of all series by that name."""
    return sum(map(float, re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", exposition, re.MULTILINE)))


def between(before: Buckets, after: Buckets) -> Buckets:
    """What was observed from one to the other."""
    return {bound: count - before.get(bound, 0.0) for bound, count in after.items()}


def together(parts: Sequence[Buckets]) -> Buckets:
    """What was observed in all of them."""
    bounds = sorted({bound for part in parts for bound in part})
    return {bound: sum(part.get(bound, 0.0) for part in parts) for bound in bounds}


def quantile(buckets: Buckets, share: float) -> float:
    """As Prometheus' `histogram_quantile`: on a line between a bucket's bounds; beyond the last finite bound that
    bound. NaN when nothing was observed."""
    bounds = sorted(buckets)
    total = buckets[bounds[-1]] if bounds else 0.0
    if not total:
        return math.nan
    low, below = 0.0, 0.0
    for bound in bounds:
        if buckets[bound] >= share * total:
            if bound == math.inf:
                return low
            return low + (bound - low) * (share * total - below) / (buckets[bound] - below)
        low, below = bound, buckets[bound]
    return low


def share_within(buckets: Buckets, bound: float) -> float:
    """Of all observations, how many were at most `bound`, one of the histogram's. NaN when there was none."""
    total = max(buckets.values(), default=0.0)
    return buckets[bound] / total if total else math.nan
