"""The samples of a run, looked up by case, contender and figure, and compared within their rounds. Pure."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.ratios import Estimate, difference, estimate, ratio
from bench.samples import Sample

ROUTER = "router"
DIRECT = "direct"


@dataclass(frozen=True, slots=True)
class Compared:
    """An estimate, and of how many rounds."""

    estimate: Estimate
    rounds: int


class Figures:
    """Of each figure one a round at most; rounds in which one of two is missing are not compared."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._samples = samples

    def of(self, case: str, contender: str) -> list[Sample]:
        """Good and failed, in the order of rounds."""
        mine = [each for each in self._samples if (each.case, each.contender) == (case, contender)]
        return sorted(mine, key=lambda each: each.round)

    def by_round(self, case: str, contender: str, figure: str) -> dict[int, float]:
        """`figure` is one of Sample's."""
        mine = {each.round: getattr(each, figure) for each in self.of(case, contender) if each.failed is None}
        return {round_: value for round_, value in mine.items() if value is not None}

    def alone(self, case: str, contender: str, figure: str) -> Compared | None:
        """The median of what was measured; None where nothing was."""
        known = list(self.by_round(case, contender, figure).values())
        return Compared(estimate(known), len(known)) if known else None

    def median(self, case: str, contender: str, figure: str) -> float | None:
        known = self.by_round(case, contender, figure).values()
        return statistics.median(known) if known else None

    def ratio(self, case: str, ours: str, theirs: str, figure: str) -> Compared | None:
        """Ours over theirs."""
        return self._paired(ratio, case, ours, theirs, figure)

    def difference(self, case: str, ours: str, theirs: str, figure: str) -> Compared | None:
        """Ours less theirs."""
        return self._paired(difference, case, ours, theirs, figure)

    def failures(self, case: str, contender: str) -> list[Sample]:
        """The samples that gave no figures."""
        return [each for each in self.of(case, contender) if each.failed is not None]

    def total_errors(self, case: str, contender: str) -> Compared | None:
        """Of all rounds together, failed samples included: they are where errors are. A count has no bounds."""
        mine = self.of(case, contender)
        return (
            Compared(Estimate(float(sum(each.errors for each in mine)), None, None), len(mine)) if mine else None
        )

    def peak_mb(self, contender: str) -> float | None:
        """The most memory beside any load; None where none was seen."""
        seen = [
            each.resident_mb for each in self._samples if each.contender == contender and each.stream_kb is None
        ]
        return max((mb for mb in seen if mb is not None), default=None)

    def contenders(self, case: str) -> set[str]:
        """Of whom there is a sample, be it a failed one."""
        return {each.contender for each in self._samples if each.case == case}

    def best(self, case: str, among: Sequence[str], figure: str, is_most: bool) -> str | None:
        """Who of them has the highest (`is_most`) or the lowest median; None where nobody was measured."""
        medians = {name: self.median(case, name, figure) for name in among}
        known = {name: value for name, value in medians.items() if value is not None}
        if not known:
            return None
        return (max if is_most else min)(known, key=known.__getitem__)

    def _paired(
        self,
        compare: Callable[[Sequence[float], Sequence[float]], Estimate],
        case: str,
        ours: str,
        theirs: str,
        figure: str,
    ) -> Compared | None:
        mine, peers = self.by_round(case, ours, figure), self.by_round(case, theirs, figure)
        both = sorted(mine.keys() & peers.keys())
        if not both:
            return None
        return Compared(compare([mine[n] for n in both], [peers[n] for n in both]), len(both))
