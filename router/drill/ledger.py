"""What happened: every answer of every trial, judged against what the same question gets without a fault. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from router.domain import BYTES_PER_S
from router.drill.answer import Answer, Kind
from router.drill.comparison import Difference, difference, is_beginning, numbering
from router.drill.router_log import Notice

_ROUNDED_S: Final = 0.001  # durations are told to the millisecond


class Outcome(StrEnum):
    """What became of a request; the value is its word in the report."""

    OK = "ok"
    REFUSED = "refused"  # a 503 or 429 that says when to come back, before anything had begun
    FAILED = "failed"  # nothing had begun
    BROKEN = "broken"  # a chat stream that had begun, ended honestly: an error event and a cut
    MUTED = "muted"  # a chat aloud with all its words that says that it could not be spoken, or not to its end
    DISHONEST = "dishonest"  # an end that looks whole and is not, or a cut without a word
    WRONG = "wrong"  # speech, or the words beside it, that is not what it should be


@dataclass(frozen=True, slots=True)
class Reference:
    """The right answer: sound (or body), how long each segment of it is, and the words of a chat aloud."""

    sound: bytes
    durations_s: tuple[float, ...] = ()
    words: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """An answer and what is to be said of it."""

    answer: Answer
    outcome: Outcome
    difference: Difference = field(default_factory=Difference)

    def __str__(self) -> str:
        wrong = "" if self.difference.is_none else f": {self.difference}"
        return f"{self.outcome}{wrong}: {self.answer}"


@dataclass(frozen=True, slots=True)
class Trial:
    """One fault in one scene; times are monotonic. `ready_s` is when what was broken could serve again.

    `providers` are those the fault took away, each with the moment from which that could be noticed (None: nobody
    met it); `notices` is what the router's log said meanwhile, `asked` when requests reached each provider,
    `struck` when a fault that only inferences meet met one.
    """

    fault: str
    scene: str
    providers: Mapping[str, float | None]
    began_s: float
    broken_s: float
    healed_s: float
    ready_s: float | None
    ended_s: float
    answers: tuple[Judged, ...]
    notices: tuple[Notice, ...]
    asked: Mapping[str, Sequence[float]] = field(default_factory=dict)
    struck: Mapping[str, Sequence[float]] = field(default_factory=dict)
    is_sudden: bool = True
    has_fallback: bool = True

    def is_fine(self, judged: Judged) -> bool:
        """As it should be, or as good as it could be. The machine that writes what is spoken is not the one that
        goes, so nothing excuses a chat aloud while somebody can speak."""
        if not self.has_fallback:
            return judged.outcome in {Outcome.OK, Outcome.BROKEN, Outcome.MUTED, Outcome.REFUSED}
        is_chat = judged.answer.kind is Kind.CHAT_SSE
        return judged.outcome is Outcome.OK or (judged.outcome is Outcome.BROKEN and is_chat)


def judged(answer: Answer, references: Mapping[str, Reference]) -> Judged:
    """Against the answer known by the question's name; one that is not known is judged by its form alone."""
    expected = references.get(answer.question.name)
    if answer.kind.is_aloud and expected is None and answer.is_whole and answer.is_finished and not answer.words:
        return Judged(answer, Outcome.OK)  # a model may have nothing to say
    if not answer.has_begun:
        is_told = answer.status in {429, 503} and "retry-after" in answer.headers
        return Judged(answer, Outcome.REFUSED if is_told else Outcome.FAILED)
    if answer.kind.is_aloud:
        return _aloud(answer, expected)
    return _speech(answer, expected) if answer.kind.is_speech else _chat(answer, expected)


def _speech(answer: Answer, expected: Reference | None) -> Judged:
    is_whole = answer.is_whole and (answer.kind is not Kind.LONG_SSE or answer.done is not None)
    if expected is None:
        return (
            Judged(answer, Outcome.OK) if is_whole else Judged(answer, Outcome.WRONG, Difference(truncated=(0,)))
        )
    found = difference(expected.sound, bytes(answer.sound), expected.durations_s)
    if found.is_none and not is_whole:  # every sample came, and then no proper end
        return Judged(answer, Outcome.DISHONEST)
    return Judged(answer, Outcome.OK if found.is_none else Outcome.WRONG, found)


def _chat(answer: Answer, expected: Reference | None) -> Judged:
    body = bytes(answer.sound)
    if answer.is_whole and (expected is None or body == expected.sound):
        return Judged(answer, Outcome.OK)
    if answer.kind is Kind.CHAT_SSE and not answer.is_complete:
        *_, last = [event for event in body.split(b"\n\n") if event.strip()] or [b""]
        if b'"error"' in last:
            return Judged(answer, Outcome.BROKEN)
    return Judged(answer, Outcome.DISHONEST)


def _aloud(answer: Answer, expected: Reference | None) -> Judged:
    """Words and sound; where it says that it ends too early, whether it is right as far as it goes."""
    has_end = answer.is_finished and (answer.kind is Kind.ALOUD_JSON or answer.done is not None)
    is_whole = answer.is_whole and has_end
    is_cut = not answer.is_complete and answer.error is not None
    is_muted = is_whole and bool(answer.muted)
    found = _by_form(answer, is_whole=is_whole) if expected is None else _compared(answer, expected)
    if found.is_none:
        return Judged(answer, Outcome.OK if is_whole and not is_muted else Outcome.DISHONEST)
    is_honest = is_cut or (is_muted and not found.has_other_words)
    if is_honest and (expected is None or _begins(answer, expected)):
        return Judged(answer, Outcome.BROKEN if is_cut else Outcome.MUTED, found)
    return Judged(answer, Outcome.WRONG, found)


def _compared(answer: Answer, expected: Reference) -> Difference:
    found = difference(expected.sound, bytes(answer.sound), expected.durations_s)
    return replace(found, has_other_words=answer.words != expected.words)


def _begins(answer: Answer, expected: Reference) -> bool:
    durations_s = [segment.duration_s for segment in answer.segments]
    is_sound = is_beginning(expected.sound, bytes(answer.sound), durations_s)
    return is_sound and expected.words.startswith(answer.words)


def _by_form(answer: Answer, *, is_whole: bool) -> Difference:
    """Of what nobody knows: is each segment there once, is the sound as long as they are?"""
    told_s = sum(segment.duration_s for segment in answer.segments)
    is_short = len(answer.sound) / BYTES_PER_S < told_s - _ROUNDED_S * len(answer.segments)
    if answer.kind is Kind.ALOUD_JSON:
        found = Difference()
    else:
        count = len((answer.done or {}).get("segments") or answer.numbers)
        found = numbering(answer.numbers, count)
    if is_short or not is_whole or answer.muted:
        found = replace(found, truncated=(max(0, len(answer.segments) - 1),))
    return found


@dataclass(frozen=True, slots=True)
class Ledger:
    """One drill: `way` is how machines were unplugged; the baselines are what clients had without any fault."""

    engine: str
    way: str
    trials: tuple[Trial, ...]
    baseline_gaps_s: tuple[float, ...] = ()
    baseline_first_s: tuple[float, ...] = ()
    baseline_other_s: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()
    router_had_traceback: bool = False

    def all_answers(self) -> Sequence[Judged]:
        return [answer for trial in self.trials for answer in trial.answers]
