"""How late the event loop runs its timers: what blocks it blocks every client at once."""

import asyncio

from router.ports import Observer

INTERVAL_S = 0.5


async def watch(observer: Observer) -> None:
    """Measure for ever; cancel to end."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + INTERVAL_S
        await asyncio.sleep(INTERVAL_S)
        observer.loop_lagged(max(0.0, loop.time() - due))
