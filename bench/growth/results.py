"""The samples of a run, put together by dimension; and figures in words. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.growth.dimensions import DIMENSIONS, Cost, Dimension
from bench.growth.rounds import Sample
from bench.growth.verdict import Growth, growth_of

_SECONDS: Final = ((1e-9, "ns"), (1e-6, "µs"), (1e-3, "ms"), (1.0, "s"))
_BYTES: Final = ((1.0, "B"), (1e3, "KB"), (1e6, "MB"), (1e9, "GB"))


@dataclass(frozen=True, slots=True)
class Result:
    """One dimension, measured. `rounds`: the costs of each, by size."""

    dimension: Dimension
    growth: Growth
    rounds: tuple[tuple[float, ...], ...]

    @property
    def is_as_it_must_be(self) -> bool:
        return self.growth.verdict <= self.dimension.must

    def shown(self, cost: float) -> str:
        """A cost with its unit, to three figures."""
        return amount(cost, self.dimension.cost)


def results_of(samples: Sequence[Sample]) -> list[Result]:
    """In the order of `DIMENSIONS`; those that were not measured are left out."""
    found = []
    for dimension in DIMENSIONS:
        mine = {(each.round, each.size): each.cost for each in samples if each.dimension == dimension.name}
        if not mine:
            continue
        sizes = sorted({size for _, size in mine})
        rounds = tuple(
            tuple(mine[number, size] for size in sizes) for number in sorted({number for number, _ in mine})
        )
        found.append(Result(dimension, growth_of(sizes, rounds), rounds))
    return found


def amount(cost: float, kind: Cost = Cost.REQUEST) -> str:
    """With a unit in which it is between 1 and 1000, where there is one."""
    units = _BYTES if kind is Cost.MEMORY else _SECONDS
    scale, unit = next(((s, u) for s, u in reversed(units) if abs(cost) >= s * 0.9995), units[0])
    figure = cost / scale
    digits = 0 if abs(figure) >= 99.95 else 1 if abs(figure) >= 9.995 else 2
    return f"{figure:.{digits}f} {unit}"
