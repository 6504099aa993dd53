"""Waking a preferred model that is too cold to serve now, so that it serves the next request."""

import asyncio
from collections.abc import Mapping

from router.ports import Provider


class Warmer:
    """At most one warming per provider at a time; owns their tasks."""

    def __init__(self, providers: Mapping[str, Provider]) -> None:
        self._providers = providers
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def warm(self, provider: str) -> None:
        """Begin, unless it is under way."""
        if provider in self._tasks:
            return
        task = asyncio.get_running_loop().create_task(self._providers[provider].warm(), name=f"warm {provider}")
        self._tasks[provider] = task
        task.add_done_callback(lambda _: self._tasks.pop(provider, None))

    async def aclose(self) -> None:
        """End what is under way."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
