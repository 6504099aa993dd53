"""The run: scene after scene; in each, all sizes in turn, round after round, so that drift meets all alike.

A sample: warm up, look how much the router uses while nothing is asked, ask, let it finish its log, and divide
what it used meanwhile, less what it would have used anyway, by the requests. A number of requests is fixed, not
seconds: what is divided by is known.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.growth.asking import NotAnswered, ask
from bench.growth.house import Site, router, site
from bench.growth.scenes import SCENES, Question, Scene
from bench.processes import allow_many_files, cpu_s, pinned, resident_mb
from bench.servers import CannotMeasure, Cores, Server
from bench.shipped import complaints

_LOGGED_S: Final = 0.15  # the log is written in batches of 0.1 s
_LEAST_BYTES: Final = 4096.0  # memory comes in pages: less than one is none


@dataclass(frozen=True, slots=True)
class Plan:
    """`rest_s`: a whole number of seconds, because providers are looked at once in each."""

    rounds: int = 5
    rest_s: float = 1.0
    scenes: tuple[Scene, ...] = SCENES


@dataclass(frozen=True, slots=True)
class Sample:
    """What one dimension cost at one size in one round, in the unit of its `Cost`."""

    dimension: str
    size: int
    round: int
    cost: float


Tell = Callable[[str], None]


def run(plan: Plan, tell: Tell) -> list[Sample]:
    """All samples of `plan`. Raises CannotMeasure, NotAnswered."""
    allow_many_files()
    cores = Cores.of_this_machine()
    with (
        tempfile.TemporaryDirectory(prefix="router-growth-") as name,
        pinned(cores.load),
        site(Path(name), cores) as it,
    ):
        return asyncio.run(_run(plan, it, tell))


async def _run(plan: Plan, it: Site, tell: Tell) -> list[Sample]:
    samples: list[Sample] = []
    for scene in plan.scenes:
        try:
            samples += await _samples(scene, plan, it, tell)
        except NotAnswered as error:  # a machine that stands still for a second breaks a stream, not the whole run
            tell(f"{scene.name} once more: {error}")
            samples += await _samples(scene, plan, it, tell)
    return samples


async def _samples(scene: Scene, plan: Plan, it: Site, tell: Tell) -> list[Sample]:
    found: list[Sample] = []

    def note(sample: Sample) -> None:
        found.append(sample)
        tell(f"round {sample.round}/{plan.rounds}  {sample.dimension:15} {sample.size:8}  {sample.cost:.6g}")

    await (_play if scene.start is None else _start)(scene, plan, it, note)
    return found


async def _play(scene: Scene, plan: Plan, it: Site, note: Callable[[Sample], None]) -> None:
    async with AsyncExitStack() as stack:
        houses: dict[int, _House] = {}
        for size in scene.sizes:
            if scene.is_shared and houses:
                houses[size] = houses[scene.sizes[0]]
                continue
            running = router(it, f"{scene.name}-{size}", scene.settings(it, size), scene.keys(size))
            house = houses[size] = _House(it, stack.enter_context(running), plan.rest_s)
            if scene.memory is not None:
                await house.warm(scene.questions[0], size)
            house.bytes_before = resident_mb(house.router.pid) * 1e6
            await stack.enter_async_context(scene.stage(it, house.router, size))
        for number in range(1, plan.rounds + 1):
            for size, house in houses.items():
                for dimension, cost in await house.costs(scene, size, number):
                    note(Sample(dimension, size, number, cost))


async def _start(scene: Scene, plan: Plan, it: Site, note: Callable[[Sample], None]) -> None:
    assert scene.start is not None
    cpu, took = scene.start
    for number in range(1, plan.rounds + 1):
        for size in scene.sizes:
            with router(it, f"{scene.name}-{size}", scene.settings(it, size)) as started:
                note(Sample(cpu, size, number, cpu_s(started.pid)))
                note(Sample(took, size, number, started.started_s))


class _House:
    """A router, and what it used. `bytes_before`: its memory before anything was staged."""

    def __init__(self, it: Site, running: Server, rest_s: float) -> None:
        self._site = it
        self.router = running
        self._rest_s = rest_s
        self.bytes_before = 0.0
        self._rest_in = 0, 0.0  # the round, and what was used in it while nothing was asked

    async def warm(self, question: Question, size: int) -> None:
        """A tenth of a sample. Raises NotAnswered."""
        requests = question.ask(self._site, size)
        if some := requests[: len(requests) // 10]:
            await self._ask(question, some)

    async def costs(self, scene: Scene, size: int, number: int) -> list[tuple[str, float]]:
        """One round of every dimension. Raises NotAnswered, CannotMeasure."""
        for question in scene.questions:
            await self.warm(question, size)
        await asyncio.sleep(_LOGGED_S)
        if self._rest_in[0] != number:
            self._rest_in = number, await self._rest()
        rest = self._rest_in[1]
        found = [(each.dimension, await self._cost(each, size, rest)) for each in scene.questions]
        if scene.rest is not None:
            found.append((scene.rest, rest))
        if scene.memory is not None:
            grown = resident_mb(self.router.pid) * 1e6 - self.bytes_before
            found.append((scene.memory, max(_LEAST_BYTES, grown)))
        return found

    async def _rest(self) -> float:
        """CPU seconds per second while nothing is asked."""
        before, began = cpu_s(self.router.pid), time.monotonic()
        await asyncio.sleep(self._rest_s)
        return (cpu_s(self.router.pid) - before) / (time.monotonic() - began)

    async def _cost(self, question: Question, size: int, rest: float) -> float:
        """CPU seconds per request."""
        requests = question.ask(self._site, size)
        before, began = cpu_s(self.router.pid), time.monotonic()
        await self._ask(question, requests)
        await asyncio.sleep(_LOGGED_S)
        used = cpu_s(self.router.pid) - before - rest * (time.monotonic() - began)
        if used <= 0:
            raise CannotMeasure(f"{question.dimension} at {size}: no more was used than without a request")
        return used / len(requests)

    async def _ask(self, question: Question, requests: Sequence[bytes]) -> None:
        try:
            await ask(self.router.port, requests, question.connections, question.status)
        except NotAnswered as error:
            said = complaints(self.router.log)
            raise NotAnswered(f"{question.dimension}: {error}\nThe router's log: {said}") from error
