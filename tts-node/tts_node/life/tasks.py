"""Tasks with an owner: none is forgotten, none outlives it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Tasks:
    """The tasks of one object."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Starts it; kept until it is over. A fault that nobody is left to hear is no fault of asyncio's."""
        task = asyncio.create_task(work, name=name)
        self.adopt(task)
        return task

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """Owns a task that runs already."""
        self._running.add(task)
        task.add_done_callback(self._over)

    async def done(self) -> None:
        """Returns when none runs."""
        while self._running:
            await asyncio.wait(self._running)

    async def close(self) -> None:
        """Cancels all that run, and what they start at their end, and waits for it."""
        while self._running:
            for task in self._running:
                task.cancel()
            await asyncio.wait(self._running)

    def _over(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()
