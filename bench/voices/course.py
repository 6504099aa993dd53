"""The run: every case in every round, then chats without and with a crowd that listens, so that drift meets all
alike."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.processes import cpu_s, is_quiet, pinned, resident_mb
from bench.ratios import percentile
from bench.servers import CannotMeasure
from bench.voices.caller import Caller
from bench.voices.cases import CASES, Case
from bench.voices.crowd import listening
from bench.voices.exposition import LAG, Buckets, between, buckets_of, value_of
from bench.voices.house import House, house
from bench.voices.texts import LONG_SENTENCES, Texts

_REST_WITHIN_S: Final = 20.0
_SETTLE_S: Final = 1.0
_GENERATED: Final = "router_tts_audio_seconds_sum"


@dataclass(frozen=True, slots=True)
class Plan:
    """How many rounds, seconds of each sample, and how many listen at once."""

    rounds: int = 5
    sample_s: float = 3.0
    chat_s: float = 10.0
    listeners: int = 20
    sentences: int = LONG_SENTENCES
    cases: tuple[Case, ...] = CASES


QUICK: Final = Plan(1, 0.2, 0.5, 4, 5)


@dataclass(frozen=True, slots=True)
class Sample:
    """A case in a round: what came, what it cost the router, and how late its loop was meanwhile."""

    round: int
    case: str
    answers: int
    audio_s: float
    cpu_s: float
    lag: Buckets

    @property
    def cpu_us_per_s(self) -> float:
        """CPU µs for a second of sound."""
        return self.cpu_s / self.audio_s * 1e6

    @property
    def cpu_us_per_answer(self) -> float:
        return self.cpu_s / self.answers * 1e6


@dataclass(frozen=True, slots=True)
class Chats:
    """Chats one after the other, in a round. `audio_s`: sound that the crowd got meanwhile, encoded; `busy_share`:
    of the router's core."""

    round: int
    is_crowded: bool
    took_s: tuple[float, ...]
    lag: Buckets
    audio_s: float
    busy_share: float
    resident_mb: float

    def p(self, percent: float) -> float:
        """Seconds."""
        return percentile(self.took_s, percent)


@dataclass(frozen=True, slots=True)
class Course:
    """All of it."""

    samples: list[Sample] = field(default_factory=list)
    chats: list[Chats] = field(default_factory=list)


def run(plan: Plan, folder: Path, tell: Callable[[str], None]) -> Course:
    """Raises CannotMeasure."""
    course = Course()
    with house(folder) as it, pinned(it.harness_core), contextlib.closing(Caller(it)) as caller:
        for number in range(1, plan.rounds + 1):
            for case in plan.cases:
                course.samples.append(_sample(it, caller, case, number, plan))
                tell(_sample_line(course.samples[-1], plan.rounds))
            course.chats.append(_chats(it, caller, number, plan.chat_s))
            with listening(it, plan.listeners, f"crowd {number}") as heard_s:
                course.chats.append(_chats(it, caller, number, plan.chat_s, heard_s))
            _wait_for_rest(it)
            for chats in course.chats[-2:]:
                tell(_chats_line(chats, plan.rounds))
    return course


def _sample(house: House, caller: Caller, case: Case, number: int, plan: Plan) -> Sample:
    body = case.bodies(Texts(f"{case.name} {number}", plan.sentences))
    caller.asks_for(0.0, body)  # the connection, and what is said again
    _wait_for_rest(house)
    before, used = house.exposition(), cpu_s(house.router_pid)
    answers, told_s = caller.asks_for(plan.sample_s, body)
    _wait_for_rest(house)  # the cache writes behind the answer
    used, after = cpu_s(house.router_pid) - used, house.exposition()
    audio_s = told_s if case.is_again else value_of(after, _GENERATED) - value_of(before, _GENERATED)
    return Sample(number, case.name, answers, audio_s, used, _lag(before, after))


def _chats(
    house: House, caller: Caller, number: int, seconds: float, heard_s: Callable[[], float] | None = None
) -> Chats:
    caller.chats_for(_SETTLE_S)
    before, audio_s = house.exposition(), heard_s() if heard_s is not None else 0.0
    used, began = cpu_s(house.router_pid), time.monotonic()
    took_s = caller.chats_for(seconds)
    busy_share = (cpu_s(house.router_pid) - used) / (time.monotonic() - began)
    audio_s = heard_s() - audio_s if heard_s is not None else 0.0
    lag, resident = _lag(before, house.exposition()), resident_mb(house.router_pid)
    return Chats(number, heard_s is not None, tuple(took_s), lag, audio_s, busy_share, resident)


def _lag(before: str, after: str) -> Buckets:
    return between(buckets_of(before, LAG), buckets_of(after, LAG))


def _wait_for_rest(house: House) -> None:
    """Until the router is quiet: what it does behind an answer is part of the answer's cost."""
    ends = time.monotonic() + _REST_WITHIN_S
    while not is_quiet(house.router_pid):
        if time.monotonic() > ends:
            raise CannotMeasure("The router does not come to rest; is something else using it?")


def _sample_line(sample: Sample, rounds: int) -> str:
    return (
        f"round {sample.round}/{rounds}  {sample.case:15} {sample.answers:6} answers  {sample.audio_s:8.0f} s  "
        f"{sample.cpu_us_per_s:9.1f} µs CPU/s of sound"
    )


def _chats_line(chats: Chats, rounds: int) -> str:
    who = "crowd" if chats.is_crowded else "quiet"
    return (
        f"round {chats.round}/{rounds}  chat, {who}  {len(chats.took_s):6} chats  p50 {chats.p(50) * 1e3:6.2f}  "
        f"p99 {chats.p(99) * 1e3:6.2f} ms  {chats.audio_s:6.0f} s of sound  busy {chats.busy_share:4.0%}"
    )
