"""The run: which replies, how fast they are written, how many at once, and what was heard of them."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Final

from bench.aloud.house import House, house
from bench.aloud.listener import AnswerFailed, Heard, Listener
from bench.aloud.model import REPLIES
from bench.processes import cpu_s
from bench.servers import CannotMeasure

_BREATH_S: Final = 0.2  # in which the node notices that who asked in turns has left
_STRIDE: Final = 7  # so that neighbours in the list are not neighbours in time; prime to the number of replies


@dataclass(frozen=True, slots=True)
class Plan:
    """`replies`: one after the other, in each of `houses` that know nothing of each other, so that it takes less
    time; `crowd`: so many at once in one house, of `crowd_replies`; `speeds`: tokens per second of a further
    table, with `per_speed` replies each."""

    replies: int = 200
    houses: int = 4
    tokens_per_s: float = 30
    simulate: str = "rtf=0.3,first=0.4"
    crowd: int = 4
    crowd_replies: int = 40
    speeds: tuple[float, ...] = (10, 30, 100)
    per_speed: int = 20


QUICK: Final = Plan(5, 1, 100, "rtf=0.03,first=0.02", 2, 5, (), 0)


@dataclass(slots=True)
class Phase:
    """Replies that were asked for in the same manner. `in_turns_s`: the first sound of each in the other way, in
    the same order; `router_cpu_s`: while they were answered aloud, all else that the router does included."""

    heard: list[Heard] = field(default_factory=list)
    in_turns_s: list[float] = field(default_factory=list)
    router_cpu_s: float = 0.0

    @property
    def audio_s(self) -> float:
        return sum(each.audio_s for each in self.heard)


@dataclass(slots=True)
class Course:
    """All that was heard. `failed` says of each answer that was none why."""

    alone: Phase = field(default_factory=Phase)
    crowd: Phase = field(default_factory=Phase)
    by_speed: dict[float, Phase] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


async def run(plan: Plan, folder: Path, tell: Callable[[str], None]) -> Course:
    """Raises CannotMeasure."""
    course = Course()
    left = _replies(plan.replies)
    async with AsyncExitStack() as stack:
        runners = []
        for number in range(plan.houses):
            home = folder / str(number)
            home.mkdir()
            it = await stack.enter_async_context(house(home, plan.simulate))
            runners.append(_Runner(it, course, tell))
            await runners[-1].warm(plan)
        await asyncio.gather(*(runner.alone(plan, left) for runner in runners))
        await runners[0].crowd(plan)
        await asyncio.gather(
            *(
                runner.at_speed(speed, plan.per_speed)
                for runner, speed in zip(cycle(runners), plan.speeds, strict=False)
            )
        )
    return course


class _Runner:
    def __init__(self, it: House, course: Course, tell: Callable[[str], None]) -> None:
        self._house = it
        self._course = course
        self._tell = tell
        self.listener = Listener(it.port, it.writer)

    async def warm(self, plan: Plan) -> None:
        """What is loaded at first use is loaded. Raises CannotMeasure."""
        try:
            await self.listener.aloud(0, plan.tokens_per_s)
        except (AnswerFailed, TimeoutError, OSError) as error:
            raise CannotMeasure(f"Not even the first reply was answered: {error or 'too late'}") from error

    async def alone(self, plan: Plan, left: Iterator[int]) -> None:
        """One after the other, each in both ways."""
        phase = self._course.alone
        for reply in left:
            try:
                heard, cpu = await self._costed(reply, plan.tokens_per_s)
                in_turns_s = await self.listener.in_turns(reply, plan.tokens_per_s)
            except (AnswerFailed, TimeoutError, OSError) as error:
                self._failed(error)
                continue
            phase.heard.append(heard)
            phase.in_turns_s.append(in_turns_s)
            phase.router_cpu_s += cpu
            await asyncio.sleep(_BREATH_S)
            self._tell(
                f"{len(phase.heard)} of {plan.replies}: {heard.delay_s:.2f} s after the clause, "
                f"{heard.first_audio_s - heard.asked_s:.2f} s after the question (in turns {in_turns_s:.2f} s)"
            )

    async def crowd(self, plan: Plan) -> None:
        """Several at once."""
        phase, left = self._course.crowd, _replies(plan.crowd_replies)
        before_s = cpu_s(self._house.router_pid)

        async def one_after_the_other() -> None:
            for reply in left:
                try:
                    phase.heard.append(await self.listener.aloud(reply, plan.tokens_per_s))
                except (AnswerFailed, TimeoutError, OSError) as error:
                    self._failed(error)
                self._tell(f"{plan.crowd} at once: {len(phase.heard)} of {plan.crowd_replies}")

        await asyncio.gather(*(one_after_the_other() for _ in range(plan.crowd)))
        phase.router_cpu_s = cpu_s(self._house.router_pid) - before_s

    async def at_speed(self, tokens_per_s: float, count: int) -> None:
        phase = self._course.by_speed[tokens_per_s] = Phase()
        for number, reply in enumerate(_replies(count), 1):
            try:
                heard, cpu = await self._costed(reply, tokens_per_s)
            except (AnswerFailed, TimeoutError, OSError) as error:
                self._failed(error)
                continue
            phase.heard.append(heard)
            phase.router_cpu_s += cpu
            self._tell(f"{tokens_per_s:g} tokens/s, {number} of {count}: {heard.delay_s:.2f} s after the clause")

    async def _costed(self, reply: int, tokens_per_s: float) -> tuple[Heard, float]:
        before_s = cpu_s(self._house.router_pid)
        heard = await self.listener.aloud(reply, tokens_per_s)
        return heard, cpu_s(self._house.router_pid) - before_s

    def _failed(self, error: Exception) -> None:
        self._course.failed.append(str(error) or type(error).__name__)
        self._tell(f"failed: {error}")


def _replies(count: int) -> Iterator[int]:
    order = (number * _STRIDE % len(REPLIES) for number in range(len(REPLIES)))
    return islice(cycle(order), count)
