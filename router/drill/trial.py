"""One fault at a random moment under load: broken, held, healed, until whoever is preferred serves again."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from router.drill.answer import Kind, Question
from router.drill.cast import Cast
from router.drill.faults import CHAT, SPEECH, Fault
from router.drill.ledger import Reference, Trial, judged
from router.drill.load import Load, Scene, aloud_pace, load, paces

WELL_WITHIN_S: Final = 20.0
HEARD_WITHIN_S: Final = 10.0
ALOUD_WITHIN_S: Final = 1.5  # about when a chat aloud is heard
MID_ANSWER_S: Final = 0.7  # so long the faster node takes for a sentence of a chat aloud
LOADED_WITHIN_S: Final = 30.0
BACK_WITHIN_S: Final = 15.0
POLL_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Stage:
    """What every trial of one drill shares."""

    cast: Cast
    references: Mapping[str, Reference]
    shorts: tuple[Question, ...]
    aloud: tuple[Question, ...]
    rng: random.Random
    hold: float = 1.0  # a factor on how long faults hold
    listened_s: tuple[float, float] = (0.5, 6.0)  # how long the listener has listened when the fault strikes


async def held(stage: Stage, fault: Fault, scene: Scene, paragraph: Question, aloud: Question) -> Trial:
    """The trial. `paragraph` is what the listener of a crowd asks for; of those who chat aloud the fault strikes
    who asks `aloud` in the middle of it."""
    cast = stage.cast
    began_s = time.monotonic()
    cast.preferred.struck_s.clear()
    for machine in cast.machines:
        await machine.asked()
    others = [question for question in stage.aloud if question is not aloud]
    async with load(cast.client, paces(scene, stage.shorts, others)) as clients:
        await _served_by(clients, (SPEECH, CHAT), began_s, WELL_WITHIN_S)
        if scene is Scene.CROWD:
            await _gathered(stage, clients, paragraph, aloud)
        else:
            await asyncio.sleep(stage.rng.uniform(0.3, 2.0))
        broken_s = await fault.break_it(cast)
        try:
            await asyncio.sleep(fault.hold_s * stage.hold)
        finally:
            healed_s = await fault.heal(cast)
        clients.is_hurried = True
        ready_s = await cast.preferred.until_loaded(LOADED_WITHIN_S) if fault.loads else healed_s
        await _served_by(clients, fault.hits, healed_s, BACK_WITHIN_S)
    ended_s = time.monotonic()
    asked = [await machine.asked() for machine in cast.machines]
    struck = cast.preferred.struck_s
    notices = [notice for notice in cast.log.notices() if began_s <= notice.at_s <= ended_s]
    return Trial(
        fault=fault.name,
        scene=scene,
        providers={
            name: min(struck.get(name, []), default=None) if fault.strikes else broken_s for name in fault.hits
        },
        began_s=began_s,
        broken_s=broken_s,
        healed_s=healed_s,
        ready_s=ready_s,
        ended_s=ended_s,
        answers=tuple(judged(answer, stage.references) for answer in clients.answers),
        notices=tuple(notices),
        struck=dict(struck),
        asked={name: times for machine in asked for name, times in machine.items()},
        is_sudden=fault.is_sudden,
        has_fallback=fault.has_fallback,
    )


async def _gathered(stage: Stage, clients: Load, paragraph: Question, aloud: Question) -> None:
    """One listener is in the middle of a paragraph, another in that of a chat aloud. Only one, for both kinds and
    the paragraph would be more than the slower node can say in time, whoever asked it."""
    clients.listen(paragraph)
    await _heard(clients, paragraph)
    is_streamed = aloud.kind is Kind.ALOUD_SSE
    mid_s = stage.rng.uniform(0.0, MID_ANSWER_S)
    before_s = mid_s + (ALOUD_WITHIN_S if is_streamed else 0.0)
    await asyncio.sleep(max(0.0, stage.rng.uniform(*stage.listened_s) - before_s))
    clients.begin([aloud_pace(aloud)])
    if is_streamed:
        await _heard(clients, aloud)
    await asyncio.sleep(mid_s)


async def _heard(clients: Load, question: Question) -> None:
    await _until(lambda: any(a.arrivals and a.question is question for a in clients.answers), HEARD_WITHIN_S)


async def _served_by(clients: Load, providers: tuple[str, ...], since_s: float, within_s: float) -> bool:
    """Until each has answered something that was asked since then."""

    def have_all() -> bool:
        whole = [a for a in clients.answers if a.asked_s >= since_s and a.ended_s and a.is_whole]
        seen = {provider for answer in whole for provider in answer.providers}
        return seen.issuperset(providers)

    return await _until(have_all, within_s)


async def _until(is_so: Callable[[], bool], within_s: float) -> bool:
    until_s = time.monotonic() + within_s
    while not (is_it := is_so()) and time.monotonic() < until_s:  # noqa: ASYNC110  what clients got is no event
        await asyncio.sleep(POLL_S)
    return is_it
