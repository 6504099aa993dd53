"""How a cost grows, by its figures alone. Pure.

Within a round the sizes are measured one right after the other, so ratios are taken within a round and their
median over the rounds is judged. *Flat*: the largest size costs at most 1.25 times what the smallest does. *n log
n*: from each size to the next the cost grows at most 1.25 times as much as n log n does; a fixed cost beside the
growing one makes small sizes look cheap, never large ones, so what is quadratic in the end shows in the last step.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import Final

from bench.ratios import Estimate, estimate, ratio

TOLERANCE: Final = 1.25


class Verdict(IntEnum):
    """From good to bad, so that one can be compared with what it has to be."""

    FLAT = 0
    N_LOG_N = 1
    WORSE = 2

    @property
    def words(self) -> str:
        return ("flat", "n log n at most", "**worse than n log n**")[self]


@dataclass(frozen=True, slots=True)
class Growth:
    """`costs`: at each size. `ratio`: of the largest to the smallest. `exponent`: e of cost ∝ nᵉ between the two
    largest sizes, where a fixed cost hides least. `one_more`: what one more adds there. `worst_step`: the most by
    which the cost outgrew n log n from one size to the next, 1 being as fast."""

    sizes: tuple[int, ...]
    costs: tuple[Estimate, ...]
    ratio: Estimate
    exponent: Estimate
    one_more: float
    worst_step: float

    @property
    def verdict(self) -> Verdict:
        if self.ratio.median <= TOLERANCE:
            return Verdict.FLAT
        return Verdict.N_LOG_N if self.worst_step <= TOLERANCE else Verdict.WORSE


def growth_of(sizes: Sequence[int], rounds: Sequence[Sequence[float]]) -> Growth:
    """`rounds`: of each the cost at every size, above nought. Raises ValueError when a size has no cost."""
    if len(sizes) < 2 or any(cost <= 0 for costs in rounds for cost in costs):
        raise ValueError("growth takes two sizes at least, and costs above nought")
    by_size = list(zip(*rounds, strict=True))
    steps = [
        ratio(larger, smaller).median / (_n_log_n(n) / _n_log_n(m))
        for (m, smaller), (n, larger) in pairwise(zip(sizes, by_size, strict=True))
    ]
    (m, before), (n, last) = (sizes[-2], by_size[-2]), (sizes[-1], by_size[-1])
    return Growth(
        sizes=tuple(sizes),
        costs=tuple(estimate(costs) for costs in by_size),
        ratio=ratio(last, by_size[0]),
        exponent=estimate(
            [math.log(more / less) / math.log(n / m) for more, less in zip(last, before, strict=True)]
        ),
        one_more=statistics.median(more - less for more, less in zip(last, before, strict=True)) / (n - m),
        worst_step=max(steps),
    )


def _n_log_n(n: int) -> float:
    return n * math.log2(n + 1)  # + 1: one costs something
