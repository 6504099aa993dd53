"""Whether the router shows what it must, said by the figures alone. Pure."""

from dataclasses import dataclass
from typing import Final

from bench.markdown import bounded
from bench.paired import ROUTER, Compared, Figures
from bench.ratios import Estimate
from bench.targets import COUNT, TARGETS, Held, Sense, Target

NOT_MEASURED: Final = "not measured"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`measured`: with bounds where there are rounds enough; `outcome`: met, or missed by how much."""

    title: str
    must: str
    measured: str
    outcome: str
    is_met: bool


def verdicts(figures: Figures, targets: tuple[Target, ...] = TARGETS) -> list[Verdict]:
    """One for each target, in their order."""
    return [_verdict(figures, target) for target in targets]


def shown(estimate: Estimate, unit: str = "") -> str:
    """A median with its bounds, to three digits."""
    tail = f" {unit}" if unit else ""
    if unit == COUNT:
        return f"{estimate.median:.0f}"
    return f"{bounded(estimate, _digits)}{tail}"


def _verdict(figures: Figures, target: Target) -> Verdict:
    held = target.held(figures)
    if held is None:
        return Verdict(target.title, target.must, "", NOT_MEASURED, is_met=False)
    measured = shown(held.compared.estimate, target.unit)
    is_met, outcome = _judged(target, held.compared.estimate)
    if lost := _lost(figures, target):
        is_met, outcome = False, f"{outcome}; {lost}" if not is_met else f"missed: {lost}"
    return Verdict(
        target.title, _told(target, held), measured + _rounds(figures, target, held.compared), outcome, is_met
    )


def _told(target: Target, held: Held) -> str:
    return f"{target.must} ({held.who})" if held.who else target.must


def _judged(target: Target, it: Estimate) -> tuple[bool, str]:
    if target.sense is Sense.BEATS:
        return _beaten(it)
    is_at_most = target.sense is Sense.AT_MOST
    is_met = it.median <= target.limit if is_at_most else it.median >= target.limit
    if not is_met:
        return False, f"missed by {_beyond(target, it)}"
    bound = it.high if is_at_most else it.low
    is_sure = bound is None or (bound <= target.limit if is_at_most else bound >= target.limit)
    return True, "met" if is_sure else "met by the median, not by the bound"


def _beaten(it: Estimate) -> tuple[bool, str]:
    if it.high is not None and it.high < 1:
        return True, "met"
    if it.median >= 1:
        return False, f"missed by {it.median - 1:.0%}"
    if it.high is None:
        return False, "not shown: too few rounds for a bound"
    return False, f"not shown: the bound is {_digits(it.high)}"


def _beyond(target: Target, it: Estimate) -> str:
    off = abs(it.median - target.limit)
    if target.unit == COUNT:
        return f"{off:.0f}"
    unit = f" {target.unit}" if target.unit else ""
    return f"{_digits(off)}{unit}" + (f" ({off / target.limit:.0%})" if target.limit else "")


def _lost(figures: Figures, target: Target) -> str:
    """The router's own failed samples: a median of the others would hide them."""
    lost, taken = figures.failures(target.case, ROUTER), figures.of(target.case, ROUTER)
    return f"{len(lost)} of its {len(taken)} samples failed" if lost else ""


def _rounds(figures: Figures, target: Target, compared: Compared) -> str:
    """Told where a peer has fewer than the router: a bound is then of those alone."""
    taken = len(figures.of(target.case, ROUTER))
    return f" ({compared.rounds} of {taken} rounds)" if compared.rounds < taken else ""


def _digits(figure: float) -> str:
    """Three that mean something."""
    size = abs(figure)
    return f"{figure:.0f}" if size >= 100 or figure == 0 else f"{figure:.1f}" if size >= 10 else f"{figure:.2f}"
