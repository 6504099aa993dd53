"""How late the event loop runs its timers: what blocks it blocks every client at once."""

import asyncio

from router.ports import LAG_EVERY_S, Observer


async def watch(observer: Observer) -> None:
    """Measure for ever, at fixed moments whatever was late before; cancel to end."""
    loop = asyncio.get_running_loop()
    due = loop.time() + LAG_EVERY_S
    while True:
        await asyncio.sleep(due - loop.time())
        lag_s = max(0.0, loop.time() - due)
        observer.loop_lagged(lag_s)
        due += LAG_EVERY_S * (1 + int(lag_s / LAG_EVERY_S))
