"""The loops that look at every provider, for ever, and tell the roster what they saw."""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Mapping
from typing import Final

from router.health import HostSign, ProviderSign
from router.ports import Probe, Provider
from router.roster import Roster

_log = logging.getLogger(__name__)
_LAST_RESORT_S: Final = 5.0  # a provider's probe has deadlines of its own; this one guards against their lack


class Probes:
    """One task per provider, all owned here."""

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
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, provider: Provider) -> None:
        interval_s = provider.card.probe_interval_s
        loop = asyncio.get_running_loop()
        await asyncio.sleep(random.uniform(0, interval_s))  # noqa: S311  spread the probes over the second
        due = loop.time()
        while True:
            await self._look(provider)
            due = max(due + interval_s, loop.time())  # a slow probe delays the next, it does not pile up
            await asyncio.sleep(due - loop.time())

    async def _look(self, provider: Provider) -> None:
        try:
            async with asyncio.timeout(_LAST_RESORT_S):
                probe = await provider.probe()
        except Exception as exc:  # a bug in one dialect must not stop the house from watching the others
            _log.exception("the probe of %s failed", provider.card.id)
            probe = Probe(HostSign.ANSWERED, ProviderSign.SLOW, f"its probe failed: {exc}")
        self._roster.note_probe(provider.card.id, probe)
