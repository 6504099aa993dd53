"""Waking a preferred model that is too cold to serve now, so that it serves the next request."""

import asyncio
from collections.abc import Mapping

from router.ports import Provider


class Warmer:
    """At most one warming per provider and model at a time; owns their tasks."""

    def __init__(self, providers: Mapping[str, Provider]) -> None:
        self._providers = providers
        self._tasks: dict[tuple[str, str | None], asyncio.Task[None]] = {}

    def warm(self, provider: str, model: str | None = None) -> None:
        """Begin, unless it is under way. None: the model that the provider takes for its usual one."""
        key = (provider, model)
        if key in self._tasks:
            return
        work = self._providers[provider].warm(model)
        task = asyncio.get_running_loop().create_task(work, name=f"warm {provider} {model or ''}")
        self._tasks[key] = task
        task.add_done_callback(lambda _: self._tasks.pop(key, None))

    async def aclose(self) -> None:
        """End what is under way."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
