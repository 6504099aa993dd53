"""A fault that comes and goes at the preferred machine while a crowd asks: what is measured, and the bounds."""

import asyncio
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from clients import Answer, Question, chat, crowd_with, speech
from crowd import Crowd
from figures import BUSY_S, IS_STRICT

CLIENTS: Final = 32
FIRST_BYTE_S: Final = 2.0  # of machines that fall silent: soon, but a busy one is not taken for such
DETECTED_S: Final = 1.0  # the contract's, for what is no inference's slowness
RETURNED_S: Final = 3.0  # the contract's
# Beyond a deadline that a fault must meet first: two tries of a busy machine, and the answer itself.
NOISE_S: Final = 2.0
TRIAL_S: Final = 3.0  # the first back-off of a model's circuit, stretched by its jitter
NEXT_TRIAL_S: Final = 0.0 if IS_STRICT else 2 * TRIAL_S  # the second, where a busy machine has failed its trial
GIVE_UP_S: Final = 30.0
PATIENCE_S: Final = 20  # with a machine that stays well: it may be busy
AFTER_DETECTION_S: Final = 0.3

JSON: Final = "chat JSON"
SSE: Final = "chat SSE"
SAY: Final = "speech, openai"
NODE: Final = "speech, node"
CHATS: Final = (JSON, SSE)
ALL: Final = (*CHATS, SAY, NODE)


def chat_routes(index: int) -> str:
    """Chat models that only the machine of that number and the other one serve, each with circuits of its own."""
    first, second = f"first{index}", "second"
    return f"""\
  json{index}: {{routes: [{{provider: {first}, model: json}}, {{provider: {second}}}]}}
  sse{index}: {{routes: [{{provider: {first}, model: sse}}, {{provider: {second}}}]}}
"""


def routes(index: int) -> str:
    """The same, and models that speak."""
    first, second = f"first{index}", "second"
    return f"""\
{chat_routes(index)}\
  say{index}: {{serves: speech, routes: [{{provider: {first}, model: say}}, {{provider: {second}}}]}}
  node{index}:
    serves: speech
    routes: [{{provider: {first}-node, model: speech}}, {{provider: {second}-node, model: speech}}]
"""


def chats(index: int) -> list[Question]:
    """A chat of each kind for the machine of that number."""
    return [chat(f"json{index}", JSON), chat(f"sse{index}", SSE, stream=True)]


def questions(index: int) -> list[Question]:
    """One of each kind for the machine of that number."""
    return [*chats(index), speech(f"say{index}", SAY), speech(f"node{index}", NODE)]


@dataclass(frozen=True, slots=True)
class Case:
    """A fault and what may be seen of it. `unnoticed` are the kinds of request that the preferred machine goes
    on to answer well; `breaks_streams`: streams that had begun may break, honestly."""

    fault: str
    detected_s: float = DETECTED_S + NOISE_S
    returned_s: float = TRIAL_S + NEXT_TRIAL_S + NOISE_S
    unnoticed: tuple[str, ...] = ()
    breaks_streams: bool = False
    keeps_up: bool = False


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds; `detected_s` and what belongs to it are None when the fault went unnoticed. A stream is served when
    it begins: what the machine that answers takes to end it is no part of detection."""

    detected_s: float | None
    first_byte_s: float | None
    unluckiest_s: float
    returned_s: float

    def __str__(self) -> str:
        figures = (self.detected_s, self.first_byte_s, self.unluckiest_s, self.returned_s)
        return " / ".join("-" if figure is None else f"{figure * 1000:.0f}" for figure in figures)


@dataclass(slots=True)
class Trial:
    """A fault at the preferred machine, what is asked, and when the fault came and went (monotonic)."""

    case: Case
    break_it: Callable[[], float]
    heal: Callable[[], float]
    questions: list[Question]
    on_s: float = 0.0
    off_s: float = 0.0

    async def until_served(self, clients: Crowd[Answer]) -> None:
        """Until the preferred machine has answered each kind of request, asked after the fault went."""
        await asyncio.gather(
            *(self._until(clients, question, "first", self.off_s, GIVE_UP_S) for question in self.questions)
        )

    async def until_noticed(self, clients: Crowd[Answer]) -> None:
        """Until the other machine has answered each kind of request that notices the fault."""
        noticed = [question for question in self.questions if question.label not in self.case.unnoticed]
        await asyncio.gather(
            *(
                self._until(clients, question, "second", 0.0, self.case.detected_s + NOISE_S + BUSY_S)
                for question in noticed
            )
        )

    async def _until(
        self, clients: Crowd[Answer], question: Question, name: str, since_s: float, limit_s: float
    ) -> None:
        def is_it(a: Answer) -> bool:
            return a.what is question and a.asked_s >= since_s and a.provider.startswith(name) and not a.fault

        await clients.until(f"{self.case.fault}: {name} answers {question.label}", is_it, limit_s)

    def failures(self, answers: list[Answer]) -> list[str]:
        """Answers that a client would call failed."""
        mine = [answer for answer in answers if answer.what in self.questions and answer.fault]
        return [str(a) for a in mine if not (self.case.breaks_streams and a.is_honest_break)]

    def figures(self, answers: list[Answer]) -> dict[str, Figures]:
        """What the table says of each kind of request."""
        return {
            question.label: figures_of([a for a in answers if a.what is question], self.on_s, self.off_s)
            for question in self.questions
        }


def figures_of(answers: list[Answer], on_s: float, off_s: float) -> Figures:
    """What the table says of one kind of request."""
    good = [answer for answer in answers if not answer.fault]
    elsewhere = [a for a in good if a.provider.startswith("second") and served_s(a) > on_s]
    back = [a for a in good if a.provider.startswith("first") and a.asked_s > off_s]
    return Figures(
        min((served_s(a) - on_s for a in elsewhere), default=None),
        min((a.first_s - on_s for a in elsewhere if a.first_s is not None), default=None),
        max((a.ended_s - on_s for a in answers if a.asked_s < on_s < a.ended_s), default=0.0),
        min(a.asked_s for a in back) - off_s,
    )


def served_s(answer: Answer) -> float:
    """When a client has what it asked for, or its stream has begun (monotonic)."""
    return answer.first_s if answer.what.is_stream and answer.first_s is not None else answer.ended_s


async def measured(port: int, trials: list[Trial]) -> list[Answer]:
    """Switch the faults on and off under load; every answer."""
    asked = [question for trial in trials for question in trial.questions]
    async with crowd_with(port, asked, CLIENTS) as clients:
        try:
            await asyncio.gather(*(trial.until_served(clients) for trial in trials))
            for trial in trials:
                trial.on_s = await asyncio.to_thread(trial.break_it)
            await asyncio.gather(*(trial.until_noticed(clients) for trial in trials))
            await asyncio.sleep(AFTER_DETECTION_S)
        finally:
            for trial in trials:
                trial.off_s = await asyncio.to_thread(trial.heal)
        await asyncio.gather(*(trial.until_served(clients) for trial in trials))
    return clients.answers


def check(case: Case, label: str, row: Figures) -> None:
    """Whether the figures of one kind of request are within the case's bounds; `figures.py` says how strictly."""
    who = f"{case.fault}, {label}"
    assert (row.detected_s is None) == (label in case.unnoticed), who
    assert row.detected_s is None or row.detected_s <= case.detected_s + BUSY_S, who
    assert row.returned_s <= case.returned_s + BUSY_S, who


def middle_of(rows: Sequence[Figures]) -> Figures:
    """Medians. Every row is of a fault that was noticed."""
    return Figures(
        statistics.median([row.detected_s for row in rows if row.detected_s is not None]),
        statistics.median([row.first_byte_s for row in rows if row.first_byte_s is not None]),
        statistics.median([row.unluckiest_s for row in rows]),
        statistics.median([row.returned_s for row in rows]),
    )
