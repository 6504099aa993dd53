"""The figures of a trial, and of all trials together. Pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from router.drill.answer import Kind
from router.drill.hearing import longest_gap_s
from router.drill.ledger import Judged, Ledger, Outcome, Trial
from router.drill.load import Scene

# What a router says of somebody whom it will not ask any more, or no longer waits for.
_GONE: Final = frozenset({"down", "yielded", "draining", "unreachable", "failover"})


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds; a figure is None, and a sequence empty, where there was nothing to measure.

    `detected_s`: from the fault until the router knew or asked another, of the provider for which that took
    longest. `elsewhere_s`: until the first answer by another began. `first_audio_s`: of short texts asked within
    the fault or waiting at its begin, from whichever was later, or from when the fault met them; `until_known_s`:
    of those asked before the router knew. `gaps_s`: the longest silence of each listener who was in the middle of
    a paragraph; `aloud_gaps_s`: of a chat aloud. `returned_s`: from being able to serve again until asked again,
    of the provider for which that took longest.
    """

    requests: int
    failed: int
    refused: int
    broken: int
    dishonest: int
    truncated: int
    repeated: int
    missing: int
    other_sound: int
    other_words: int
    detected_s: float | None
    elsewhere_s: float | None
    first_audio_s: tuple[float, ...]
    until_known_s: tuple[float, ...]
    gaps_s: tuple[float, ...]
    aloud_gaps_s: tuple[float, ...]
    returned_s: float | None


def figures_of(trial: Trial) -> Figures:
    """What one trial shows."""
    answers = trial.answers
    differences = [a.difference for a in answers if not trial.is_fine(a)]
    detected_s = _worst([_detected_s(trial, provider) for provider in trial.providers])
    return Figures(
        requests=len(answers),
        failed=_count(answers, Outcome.FAILED) + (_count(answers, Outcome.REFUSED) if trial.has_fallback else 0),
        refused=0 if trial.has_fallback else _count(answers, Outcome.REFUSED) + _count(answers, Outcome.MUTED),
        broken=_count(answers, Outcome.BROKEN),
        dishonest=_count(answers, Outcome.DISHONEST),
        truncated=sum(len(each.truncated) for each in differences),
        repeated=sum(len(each.repeated) for each in differences),
        missing=sum(len(each.missing) for each in differences),
        other_sound=sum(each.is_other for each in differences),
        other_words=sum(each.has_other_words for each in differences),
        detected_s=detected_s,
        elsewhere_s=_elsewhere_s(trial),
        first_audio_s=tuple(_first_audio(trial, trial.healed_s)),
        until_known_s=tuple(_first_audio(trial, trial.broken_s + (detected_s or 0.0))),
        gaps_s=tuple(_gaps(trial, (Kind.LONG_AUDIO, Kind.LONG_SSE))),
        aloud_gaps_s=tuple(_gaps(trial, (Kind.ALOUD_SSE,))),
        returned_s=_returned_s(trial),
    )


def percentile(samples: Sequence[float], share: float) -> float | None:
    """The smallest sample that so many are not above (nearest rank); None of none."""
    if not samples:
        return None
    return sorted(samples)[max(0, math.ceil(share * len(samples)) - 1)]


def gathered(figures: Iterable[Figures], name: str) -> list[float]:
    """All samples of that name."""
    return [sample for one in figures for sample in getattr(one, name)]


def by_fault(ledger: Ledger) -> dict[str, list[tuple[Trial, Figures]]]:
    """The trials of each fault, in order."""
    rows: dict[str, list[tuple[Trial, Figures]]] = {}
    for trial in ledger.trials:
        rows.setdefault(trial.fault, []).append((trial, figures_of(trial)))
    return rows


def _count(answers: Iterable[Judged], outcome: Outcome) -> int:
    return sum(answer.outcome is outcome for answer in answers)


def _worst(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _detected_s(trial: Trial, provider: str) -> float | None:
    """By the router's own word, or by its asking somebody else in that provider's place, whichever was first."""
    since_s, until_s = trial.providers[provider], max(trial.healed_s, trial.ready_s or 0.0)
    if since_s is None:
        return None
    host, _, kind = provider.rpartition("-")
    said = [n.at_s for n in trial.notices if n.who in {provider, host} and n.what in _GONE]
    for other, times in trial.asked.items():
        if other not in trial.providers and other.endswith(f"-{kind}"):
            said += times
    return min((at_s - since_s for at_s in said if since_s <= at_s <= until_s), default=None)


def _elsewhere_s(trial: Trial) -> float | None:
    is_about_speech = any(
        a.answer.kind.is_speech for a in trial.answers if not trial.providers.keys().isdisjoint(a.answer.providers)
    )
    found = [
        a.answer.first_s - trial.broken_s
        for a in trial.answers
        if a.answer.first_s is not None
        and a.answer.first_s >= trial.broken_s
        and a.answer.asked_s < trial.healed_s
        and a.answer.provider
        and a.answer.provider not in trial.providers
        and a.answer.kind.is_speech == is_about_speech
        and not a.answer.kind.is_aloud  # which others write anyway
    ]
    return min(found, default=None)


def _first_audio(trial: Trial, asked_until_s: float) -> Iterable[float]:
    if not (trial.has_fallback and trial.scene == Scene.QUIET):
        return
    for judged in trial.answers:
        answer = judged.answer
        if answer.kind is not Kind.SHORT or answer.first_s is None:
            continue
        if answer.first_s > trial.broken_s and answer.asked_s < asked_until_s:
            met_s = [at for times in trial.struck.values() for at in times if answer.asked_s < at < answer.first_s]
            yield answer.first_s - max(answer.asked_s, trial.broken_s, min(met_s, default=0.0))


def _gaps(trial: Trial, kinds: Sequence[Kind]) -> Iterable[float]:
    if not trial.has_fallback:
        return
    for answer in (judged.answer for judged in trial.answers if judged.answer.kind in kinds):
        if answer.first_s is not None and answer.first_s < trial.broken_s < answer.ended_s:
            yield longest_gap_s(answer.arrivals, trial.broken_s)


def _returned_s(trial: Trial) -> float | None:
    """None when one of them never came back."""
    ready_s = trial.ready_s
    if ready_s is None:
        return None
    worst_s = 0.0
    for provider in trial.providers:
        answers = [a.answer for a in trial.answers if a.answer.asked_s >= trial.healed_s and a.answer.has_begun]
        if all(provider not in answer.providers for answer in answers):
            return None
        asked = trial.asked.get(provider) or [a.asked_s for a in answers if provider in a.providers]
        worst_s = max(worst_s, min((at_s - ready_s for at_s in asked if at_s >= trial.healed_s), default=0.0))
    return worst_s
