"""What happened: every answer of every trial, judged against what the same question gets without a fault. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from router.drill.answer import Answer, Kind
from router.drill.comparison import Difference, difference
from router.drill.router_log import Notice


class Outcome(StrEnum):
    """What became of a request; the value is its word in the report."""

    OK = "ok"
    REFUSED = "refused"  # a 503 or 429 that says when to come back, before anything had begun
    FAILED = "failed"  # nothing had begun
    BROKEN = "broken"  # a chat stream that had begun, ended honestly: an error event and a cut
    DISHONEST = "dishonest"  # an end that looks whole and is not, or a cut without a word
    WRONG = "wrong"  # speech that is not what it should be


@dataclass(frozen=True, slots=True)
class Reference:
    """The right answer: sound (or body), and how long each segment of it is."""

    sound: bytes
    durations_s: tuple[float, ...] = ()


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


def judged(answer: Answer, references: Mapping[str, Reference]) -> Judged:
    """Against the answer known by the question's name; one that is not known is judged by its form alone."""
    expected = references.get(answer.question.name)
    if not answer.has_begun:
        is_told = answer.status in {429, 503} and "retry-after" in answer.headers
        return Judged(answer, Outcome.REFUSED if is_told else Outcome.FAILED)
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
