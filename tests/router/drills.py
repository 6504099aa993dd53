"""Answers, trials and ledgers made up for tests, times in seconds from the fault."""

import random
from collections.abc import Mapping, Sequence

from router.domain import BYTES_PER_S
from router.drill.answer import Answer, Kind, Question, Told
from router.drill.hearing import Arrival
from router.drill.ledger import Judged, Ledger, Outcome, Trial, judged
from router.drill.load import Scene
from router.drill.router_log import Notice

PCM = random.Random(1).randbytes(153_600)  # 3.2 s, nowhere like itself


def question(kind: Kind, name: str = "text") -> Question:
    return Question(kind, "/v1/audio/speech", {}, name)


def answer(
    kind: Kind,
    asked_s: float,
    first_s: float | None,
    ended_s: float,
    provider: str = "gpu-tts",
    *,
    status: int = 200,
    sound: bytes = b"",
    is_complete: bool = True,
    headers: Mapping[str, str] | None = None,
    told: Sequence[Told] = (),
) -> Answer:
    """An answer whose sound came in one piece."""
    made = Answer(question(kind), asked_s, ended_s, status)
    made.headers = {"x-router-provider": provider, **(headers or {})} if provider else dict(headers or {})
    made.sound = bytearray(sound)
    made.arrivals = [] if first_s is None else [Arrival(first_s, len(sound) or BYTES_PER_S)]
    made.is_complete = is_complete
    made.segments = list(told)
    return made


def fine(*answers: Answer) -> tuple[Judged, ...]:
    return tuple(Judged(one, Outcome.OK) for one in answers)


def by_form(*answers: Answer) -> tuple[Judged, ...]:
    """Judged by their form alone."""
    return tuple(judged(one, {}) for one in answers)


def trial(
    answers: Sequence[Judged] = (),
    *,
    fault: str = "unplugged",
    scene: Scene = Scene.QUIET,
    providers: Mapping[str, float | None] | None = None,
    notices: Sequence[Notice] = (),
    asked: Mapping[str, Sequence[float]] | None = None,
    struck: Mapping[str, Sequence[float]] | None = None,
    ready_s: float | None = 105.0,
    has_fallback: bool = True,
    is_sudden: bool = True,
) -> Trial:
    """The fault came at 100 s and went at 105 s."""
    return Trial(
        fault,
        scene,
        {"gpu-tts": 100.0} if providers is None else providers,
        90.0,
        100.0,
        105.0,
        ready_s,
        110.0,
        tuple(answers),
        tuple(notices),
        asked or {},
        struck or {},
        is_sudden,
        has_fallback,
    )


def ledger(*trials: Trial) -> Ledger:
    return Ledger("espeak-ng", "a veth pair", trials, (0.0,), (0.6,), (0.7,), ("Simulated.",))


def good_trial() -> Trial:
    """One in which every promise holds: noticed in 0.5 s, first audio after 0.9 s, no gap, back after 0.3 s."""
    long = answer(Kind.LONG_AUDIO, 95.0, 96.0, 104.0, told=[Told("gpu-tts", 2.0), Told("cpu-tts", 2.0)])
    long.arrivals = [Arrival(96.0, 10 * BYTES_PER_S), Arrival(103.0, 12 * BYTES_PER_S)]
    return trial(
        fine(
            long,
            answer(Kind.SHORT, 99.9, 100.9, 100.9, "cpu-tts"),
            answer(Kind.SHORT, 101.0, 101.7, 101.7, "cpu-tts"),
            answer(Kind.SHORT, 105.3, 105.9, 105.9),
        ),
        notices=[Notice(100.5, "gpu-tts", "down")],
    )
