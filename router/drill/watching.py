"""The states of a router in this process, as they change."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from router.drill.router_log import Notice
from router.roster import Roster


@contextlib.asynccontextmanager
async def watching(roster: Roster) -> AsyncIterator[list[Notice]]:
    """Every change while the block runs, in a list that grows."""
    notices: list[Notice] = []
    task = asyncio.create_task(_watch(roster, notices))
    try:
        yield notices
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _watch(roster: Roster, notices: list[Notice]) -> None:
    known = _states(roster)
    while True:
        await roster.until_changed()
        now = _states(roster)
        for who, (state, detail) in now.items():
            if known.get(who, ("", ""))[0] != state:
                notices.append(Notice(time.monotonic(), who, state, detail))
        known = now


def _states(roster: Roster) -> dict[str, tuple[str, str]]:
    """Of every provider that is configured, and of their hosts."""
    states = {}
    for name, card in roster.cards.items():
        standing = roster.standing(name)
        if not card.is_discovered or standing.is_available:
            states[name] = (str(standing.state), standing.detail)
            states.setdefault(card.host, (str(standing.host_state), ""))
    return states
