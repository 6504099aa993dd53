"""One strike in one scene, as `router/drill/trial.py` has it, but that all who ask want speech."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mixed.baseline import paragraph, shorts
from mixed.cast import MixedCast
from mixed.strikes import Strike
from router.drill.ledger import Reference, Trial, judged
from router.drill.load import Load, Pace, Scene, load

WELL_WITHIN_S: Final = 40.0  # an earlier strike may have left a long back-off
HEARD_WITHIN_S: Final = 10.0
LOADED_WITHIN_S: Final = 30.0
POLL_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Stage:
    """What all trials share."""

    cast: MixedCast
    references: Mapping[str, Reference]
    paragraphs: Sequence[str]
    listened_s: tuple[float, float]  # how long the listener has listened when the fault strikes
    rng: random.Random


async def held(stage: Stage, strike: Strike, scene: Scene, number: int) -> Trial:
    """The trial. In a crowd somebody is in the middle of a paragraph, which `number` chooses."""
    cast, fault, node = stage.cast, strike.fault, stage.cast.node
    began_s = time.monotonic()
    node.struck_s.clear()
    await node.asked()
    async with load(cast.client, _paces(strike.chain, scene)) as clients:
        await _served_by(clients, strike.victim, began_s, WELL_WITHIN_S)
        if scene is Scene.CROWD:
            listener = paragraph(strike.chain, stage.paragraphs, number)
            clients.listen(listener)
            await _until(
                lambda: any(a.arrivals and a.question is listener for a in clients.answers), HEARD_WITHIN_S
            )
        await asyncio.sleep(stage.rng.uniform(*stage.listened_s))
        broken_s = await fault.break_it(cast.drill)
        try:
            await asyncio.sleep(fault.hold_s)
        finally:
            healed_s = await fault.heal(cast.drill)
        clients.is_hurried = True
        ready_s = await node.until_loaded(LOADED_WITHIN_S) if fault.loads else healed_s
        await _served_by(clients, strike.victim, healed_s, strike.back_within_s)
    ended_s = time.monotonic()
    struck = {strike.victim: node.struck_s.get(strike.victim, [])}
    asked = {name: times for name, times in (await node.asked()).items() if name == strike.victim}
    met_s = min(struck[strike.victim], default=None) if fault.strikes else broken_s
    return Trial(
        fault=strike.name,
        scene=scene,
        providers={strike.victim: met_s},
        began_s=began_s,
        broken_s=broken_s,
        healed_s=healed_s,
        ready_s=ready_s,
        ended_s=ended_s,
        answers=tuple(judged(answer, stage.references) for answer in clients.answers),
        notices=tuple(notice for notice in cast.drill.log.notices() if began_s <= notice.at_s <= ended_s),
        asked=asked,
        struck=struck,
        is_sudden=fault.is_sudden,
    )


def _paces(chain: str, scene: Scene) -> list[Pace]:
    asked = shorts(chain)
    return [Pace(asked, 0.05)] if scene is Scene.QUIET else [Pace(asked, 2.0), Pace(asked[::-1], 3.0)]


async def _served_by(clients: Load, provider: str, since_s: float, within_s: float) -> bool:
    """Until it has answered something that was asked since then."""

    def has_served() -> bool:
        return any(
            provider in answer.providers
            for answer in clients.answers
            if answer.asked_s >= since_s and answer.ended_s and answer.is_whole
        )

    return await _until(has_served, within_s)


async def _until(is_so: Callable[[], bool], within_s: float) -> bool:
    until_s = time.monotonic() + within_s
    while not (is_it := is_so()) and time.monotonic() < until_s:  # noqa: ASYNC110  what clients got is no event
        await asyncio.sleep(POLL_S)
    return is_it
