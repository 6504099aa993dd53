"""The loops that look at every provider, for ever, and tell the roster what they saw.

Two kinds. A *probe* a second asks every provider how it is. While requests are in flight on a machine, a *touch*
every quarter of a second asks whether it is still there at all: two misses of 0.3 s, and the roster interrupts
what is in flight there, so an unplugged machine is noticed within a second.

A provider whose heartbeat is held (`heartbeats.py`) needs neither.
"""

import asyncio
import contextlib
import math
import random
from collections.abc import AsyncIterator, Mapping
from typing import Final

from router.looks import FAIR_TOUCH_S, seen
from router.ports import Provider
from router.roster import Roster

DOWN_INTERVAL_S: Final = 1.0  # between looks at what has just gone down
JUST_DOWN_S: Final = 30.0
TOUCH_INTERVAL_S: Final = 0.25
_FAIR_PROBE_S: Final = 4.5  # a probe's is 0.9 s, over the internet 4


class Probes:
    """One task per provider and one per host, all owned here."""

    def __init__(self, providers: Mapping[str, Provider], roster: Roster) -> None:
        self._providers = providers
        self._roster = roster

    async def look_once(self) -> None:
        """Probe every provider once, all at the same time."""
        await asyncio.gather(*(self._look(provider) for provider in self._providers.values()))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Probe in the background for as long as the block lasts."""
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(self._watch(p), name=f"probe {n}") for n, p in self._providers.items()]
        tasks += [loop.create_task(self._guard(h), name=f"touch {h}") for h in self._roster.hosts()]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, provider: Provider) -> None:
        """A probe every interval; what has just gone down is looked at as often as what is in the house: a server
        on the internet is left in peace otherwise, but not missed for half a minute after one reset."""
        loop, interval_s = asyncio.get_running_loop(), provider.card.probe_interval_s
        await asyncio.sleep(random.uniform(0, interval_s))  # noqa: S311  spread the probes over the second
        looked = -math.inf
        while True:
            async with _pace(min(interval_s, DOWN_INTERVAL_S)):
                if self._roster.is_beating(provider.card.id):
                    continue
                is_due = loop.time() - looked > interval_s - DOWN_INTERVAL_S / 2
                down_for_s = self._roster.down_for_s(provider.card.id)
                if is_due or (down_for_s is not None and down_for_s < JUST_DOWN_S):
                    looked = loop.time()
                    await self._look(provider)

    async def _guard(self, host: str) -> None:
        """A touch every quarter of a second while requests are in flight on `host`."""
        while True:
            busy = await self._roster.until_busy(host)
            async with _pace(TOUCH_INTERVAL_S):
                asked = [name for name in busy if not self._roster.is_beating(name)]
                looks = [seen(self._providers[n].touch, n, fair_s=FAIR_TOUCH_S) for n in asked]
                probes = await asyncio.gather(*looks)
                touches = {
                    name: probe
                    for name, probe in zip(asked, probes, strict=True)
                    if probe is not None and not self._roster.is_beating(name)
                }
                if touches:
                    self._roster.note_touches(host, touches)

    async def _look(self, provider: Provider) -> None:
        name = provider.card.id
        probe = await seen(provider.probe, name, fair_s=_FAIR_PROBE_S)
        if probe is not None and not self._roster.is_beating(name):  # it came back meanwhile, and knows better
            self._roster.note_probe(name, probe)


@contextlib.asynccontextmanager
async def _pace(interval_s: float) -> AsyncIterator[None]:
    """Let the block take at least `interval_s`; a slow one delays the next, it does not pile up."""
    loop = asyncio.get_running_loop()
    due = loop.time() + interval_s
    yield
    await asyncio.sleep(max(0.0, due - loop.time()))
