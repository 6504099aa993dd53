"""The heartbeats of the tts-nodes, held for ever: each beat is told to the roster, and so is its absence.

A beat comes every quarter of a second. When none has come for 0.35 s, that is the first miss: the machine is
suspect, and whoever is in flight there is told of the doubt. One touch of 0.3 s is the second chance: a beat that
comes meanwhile ends the doubt; silence means that the machine is gone, or the process hangs, and ends what is in
flight there. So the loss is known 0.7 s, at most 0.8 s after the last beat.

A connection that ends is no silence: without a goodbye it is a fault at once. While a node is away it is dialled
twice a second, and its first beat brings it back.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Final

from router.errors import Rejected, UpstreamFault
from router.health import ProviderSign
from router.looks import FAIR_TOUCH_S, LAST_RESORT_S, is_silence, seen
from router.ports import Beat, Beating, Probe, Pulse
from router.roster import Roster

_log = logging.getLogger(__name__)
SILENCE_S: Final = 0.35  # between two beats, which come every 0.25 s
DIAL_S: Final = 0.5
FIRST_BEAT_S: Final = 1.5  # a process that hangs accepts the connection and says nothing
REDIAL_S: Final = 0.5
NO_HEARTBEAT_S: Final = 30.0  # an older node, or one with too many listeners, is asked again; polling goes on
AFTER_A_BUG_S: Final = 5.0  # of ours, upon something that this node does; polling goes on
CATCH_UP_EVERY_S: Final = 1.0
_CATCH_UP_S: Final = 5.0
_STARVED_S: Final = 0.1  # a timer as late as this tells of our own process
_BREATH_S: Final = 0.005  # for what has arrived and was not read yet: uvloop runs timers first
_TOUCHES: Final = 3  # of a node that answers them but beats no more, before its connection is given up


class Heartbeats:
    """One task per node, and one for each whose lists are being read; all owned here."""

    def __init__(
        self,
        nodes: Mapping[str, Beating],
        roster: Roster,
        spread: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._nodes = nodes
        self._roster = roster
        self._spread = spread
        self._catching_up: dict[str, asyncio.Task[None]] = {}
        self._caught_up: dict[str, float] = {}
        self._puzzling: set[str] = set()  # whose heartbeat met a bug of ours, which has been logged

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen in the background for as long as the block lasts."""
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(self._keep(n), name=f"heartbeat {name}") for name, n in self._nodes.items()]
        try:
            yield
        finally:
            await _ended(*tasks)
            await _ended(*self._catching_up.values())

    async def _keep(self, node: Beating) -> None:
        """For ever."""
        while True:
            pause_s = REDIAL_S
            try:
                async with asyncio.timeout(DIAL_S):
                    pulse = await node.listen()
                with contextlib.closing(pulse):
                    await self._follow(node, pulse)
            except Rejected:
                pause_s = NO_HEARTBEAT_S
            except (UpstreamFault, TimeoutError):
                pass  # it is not there: that is the probes' to tell
            except Exception:
                pause_s = AFTER_A_BUG_S
                self._log_once(node.card.id)
            await asyncio.sleep(pause_s * self._spread(0.8, 1.2))

    def _log_once(self, name: str) -> None:
        if name not in self._puzzling:
            self._puzzling.add(name)
            _log.exception("following the heartbeat of %s failed", name)

    async def _follow(self, node: Beating, pulse: Pulse) -> None:
        """From the first beat to the last. Raises UpstreamFault when there was none."""
        name = node.card.id
        beat = await pulse.beat(FIRST_BEAT_S)
        is_first, fault = True, None
        try:
            while beat is not None:
                self._roster.note_beat(name, beat.probe, is_first=is_first)
                is_first, is_leaving = False, beat.is_goodbye
                if beat.is_news:
                    self._catch_up(node)
                try:
                    beat = await self._next(node, pulse)
                except UpstreamFault as exc:
                    beat = None
                    fault = None if is_leaving else exc.message
        finally:
            if not is_first:
                self._roster.note_hung_up(name, fault)

    async def _next(self, node: Beating, pulse: Pulse) -> Beat | None:
        """The next beat, late or not; None when there will be none, which has been told. Raises UpstreamFault."""
        name = node.card.id
        for _ in range(_TOUCHES):
            beat = await _heard(pulse)
            if beat is not None:
                return beat
            self._roster.note_missed(name, f"no heartbeat for {SILENCE_S:g} s")
            found = await self._beat_or_touch(node, pulse)
            if isinstance(found, Beat):
                return found
            if found is None:  # it was us
                continue
            if is_silence(found):
                self._roster.note_stopped(name, found)
                return None
            self._roster.note_touches(node.card.host, {name: found})
            if found.provider is ProviderSign.FAULT:
                return None
        return None

    async def _beat_or_touch(self, node: Beating, pulse: Pulse) -> Beat | Probe | None:
        """What comes first. Raises UpstreamFault when the connection ends."""
        loop = asyncio.get_running_loop()
        look = seen(node.touch, node.card.id, fair_s=FAIR_TOUCH_S)
        touching, hearing = loop.create_task(look), loop.create_task(pulse.beat(LAST_RESORT_S))
        try:
            await asyncio.wait({touching, hearing}, return_when=asyncio.FIRST_COMPLETED)
            if hearing.done() and (beat := hearing.result()) is not None:
                return beat
            return await touching
        finally:
            await _ended(touching, hearing)

    def _catch_up(self, node: Beating) -> None:
        """Begin to read its lists, unless that is under way or was tried a moment ago."""
        loop, name = asyncio.get_running_loop(), node.card.id
        last = self._caught_up.get(name)
        if name in self._catching_up or (last is not None and loop.time() - last < CATCH_UP_EVERY_S):
            return
        self._caught_up[name] = loop.time()
        task = self._catching_up[name] = loop.create_task(_quietly(node.catch_up()), name=f"lists of {name}")
        task.add_done_callback(lambda _: self._catching_up.pop(name, None))


async def _heard(pulse: Pulse) -> Beat | None:
    """The next beat; None when it is overdue, and not because this process was starved."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + SILENCE_S
        beat = await pulse.beat(SILENCE_S)
        is_starved = loop.time() - due > _STARVED_S
        if beat is None:
            beat = await pulse.beat(_BREATH_S)
        if beat is not None or not is_starved:
            return beat


async def _quietly(work: Coroutine[object, object, None]) -> None:
    """Lists that cannot be read are read later: what speaks against the node shows in its pulse."""
    with contextlib.suppress(UpstreamFault, TimeoutError):
        async with asyncio.timeout(_CATCH_UP_S):
            await work


async def _ended(*tasks: "asyncio.Task[object]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
