"""Whether what the house promises (the contract's "Unplug") holds, one line each. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from router.drill.figures import Figures, figures_of, gathered, percentile
from router.drill.ledger import Ledger, Trial

DETECTED_S: Final = 1.0
FIRST_AUDIO_S: Final = 1.0
GAP_S: Final = 0.3
RETURNED_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Criterion:
    """A promise. `actual` is None when nothing of the kind was measured; then it does not hold."""

    name: str
    bound: float
    actual: float | None
    unit: str = ""
    by: str = ""  # which fault the worst figure comes from

    @property
    def holds(self) -> bool:
        return self.actual is not None and self.actual <= self.bound


def verdict(ledger: Ledger, *, is_own: bool = False) -> list[Criterion]:
    """Every promise, over all trials. Of the person's own providers (`is_own`) those that could be put to the
    test, for one that only chats cannot fall silent in mid-sentence."""
    criteria = _criteria(ledger)
    return [one for one in criteria if one.actual is not None] if is_own else criteria


def _criteria(ledger: Ledger) -> list[Criterion]:
    rows = [(trial, figures_of(trial)) for trial in ledger.trials]
    figures = [row for _, row in rows]
    return [
        _sum(rows, "failed requests that had not begun", lambda row: row.failed),
        _sum(rows, "truncated sentences", lambda row: row.truncated),
        _sum(rows, "repeated sentences", lambda row: row.repeated),
        _sum(rows, "missing sentences", lambda row: row.missing),
        _sum(rows, "other differences of sound, or ends that are not what they seem", _otherwise),
        _sum(rows if _has_aloud(ledger) else [], "chats aloud with words that are not the model's", _words),
        _worst("detection, worst", DETECTED_S, [(t, row.detected_s) for t, row in rows if t.is_sudden]),
        Criterion(
            "first audio after the fault, p99",
            FIRST_AUDIO_S,
            percentile(gathered(figures, "first_audio_s"), 0.99),
            " s",
            _by_most(rows, lambda row: row.first_audio_s),
        ),
        Criterion(
            "gap heard mid-paragraph, p99",
            GAP_S,
            percentile(gathered(figures, "gaps_s"), 0.99),
            " s",
            _by_most(rows, lambda row: row.gaps_s),
        ),
        _returned(rows),
    ]


Rows = Sequence[tuple[Trial, Figures]]


def _otherwise(row: Figures) -> int:
    return row.other_sound + row.dishonest


def _words(row: Figures) -> int:
    return row.other_words


def _has_aloud(ledger: Ledger) -> bool:
    return any(judged.answer.kind.is_aloud for judged in ledger.all_answers())


def _sum(rows: Rows, name: str, count: Callable[[Figures], int]) -> Criterion:
    guilty = sorted({trial.fault for trial, row in rows if count(row)})
    return Criterion(name, 0, float(sum(count(row) for _, row in rows)) if rows else None, by=", ".join(guilty))


def _worst(name: str, bound: float, values: Sequence[tuple[Trial, float | None]]) -> Criterion:
    known = [(value, trial.fault) for trial, value in values if value is not None]
    value, fault = max(known, default=(None, ""))
    return Criterion(name, bound, value, " s", fault)


def _returned(rows: Rows) -> Criterion:
    never = sorted({trial.fault for trial, row in rows if row.returned_s is None})
    if never:
        return Criterion(
            "return, worst", RETURNED_S, float("inf"), " s", "never within the trial: " + ", ".join(never)
        )
    return _worst("return, worst", RETURNED_S, [(trial, row.returned_s) for trial, row in rows])


def _by_most(rows: Rows, samples: Callable[[Figures], Sequence[float]]) -> str:
    """The fault with the largest sample."""
    known = [(max(samples(row)), trial.fault) for trial, row in rows if samples(row)]
    return max(known, default=(0.0, ""))[1]
