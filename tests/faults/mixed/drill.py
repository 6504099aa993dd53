"""The whole: each strike in each scene, a ledger for each chain and victim, and what was promised."""

import random
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from mixed.baseline import references
from mixed.cast import CHAINS, MODELS, NODE, MixedCast, on_stage
from mixed.strikes import Strike, strikes
from mixed.trial import Stage, held
from router.drill.figures import figures_of
from router.drill.ledger import Ledger, Trial
from router.drill.live import Live
from router.drill.load import Scene
from router.drill.texts import PARAGRAPHS, QUICK_PARAGRAPHS
from router.drill.unplug import told
from router.drill.verdict import Criterion, verdict

_NAMES: Final = {"elevenlabs": "ElevenLabs", "cartesia": "Cartesia", "chattts": "ChatTTS"}
_OWN_TIMES: Final = ("return", "detection")  # a vendor says itself when to come back; it beats no heart


@dataclass(frozen=True, slots=True)
class Held:
    """What one chain showed whose `victim` was struck."""

    chain: str
    victim: str
    ledger: Ledger

    @property
    def title(self) -> str:
        names = [name_of(one) for one in CHAINS[self.chain]]
        flat = ", at a flat rate" if self.chain.endswith("-flat") else ""
        return f"{' → '.join(names)}{flat}: {name_of(self.victim)} is struck"

    @property
    def verdict(self) -> list[Criterion]:
        """What the house promises; of vendors no time that is theirs to tell."""
        criteria = verdict(self.ledger)
        criteria = [one for one in criteria if "aloud" not in one.name]
        if self.victim == NODE:
            return criteria
        return [one for one in criteria if not one.name.startswith(_OWN_TIMES)]


def name_of(provider: str) -> str:
    """As people call it."""
    return "tts-node" if provider == NODE else _NAMES[MODELS[provider][0]]


async def drilled(
    live: Live,
    wanted: Callable[[Strike], bool] = lambda strike: True,
    *,
    is_quick: bool = False,
    seed: int = 1,
) -> list[Held]:
    """Those strikes that are wanted. Raises CannotDrill."""
    live.now("starting the cast")
    rng = random.Random(seed)
    async with on_stage(seed) as cast:
        live.now("what everything sounds like without a fault")
        paragraphs, listened_s = (QUICK_PARAGRAPHS, (0.1, 0.8)) if is_quick else (PARAGRAPHS, (0.3, 2.5))
        stage = Stage(cast, await references(cast, paragraphs), paragraphs, listened_s, rng)
        chosen = [strike for strike in strikes(cast) if wanted(strike)]
        found = []
        for (chain, victim), group in groupby(chosen, key=lambda strike: (strike.chain, strike.victim)):
            ours = list(group)
            async with _house(cast, without_node=ours[0].without_node):
                trials = await _trials(stage, ours, live)
            ledger = Ledger("espeak-ng", cast.node.way, tuple(trials))
            found.append(Held(chain, victim, ledger))
        had_traceback = cast.drill.log.has_traceback()
        return [replace(h, ledger=replace(h.ledger, router_had_traceback=had_traceback)) for h in found]


async def _trials(stage: Stage, ours: Sequence[Strike], live: Live) -> list[Trial]:
    trials = []
    for number, strike in enumerate(ours):
        for scene in Scene:
            live.now(f"{strike.chain}: {name_of(strike.victim)}, {strike.name}, {scene}")
            trials.append(await held(stage, strike, scene, number))
            for line in told(trials[-1], figures_of(trials[-1])):
                live.say(line)
    return trials


@asynccontextmanager
async def _house(cast: MixedCast, *, without_node: bool) -> AsyncIterator[None]:
    """The tts-node is there, or has been killed."""
    if without_node:
        await cast.node.end(("tts",), signal.SIGKILL)
    try:
        yield
    finally:
        if without_node:
            await cast.node.restart(("tts",))
