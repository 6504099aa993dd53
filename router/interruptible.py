"""A block that somebody else may end, with an error of their choosing: the client hung up, the machine is gone.

Built like `asyncio.timeout`: the interrupter cancels the task, and the block's end turns that cancellation, and
no other, into the error.
"""

import asyncio
from types import TracebackType
from typing import Self

from router.deadlines import deadlines


class Interruptible:
    """Async context manager; used once."""

    __slots__ = ("_cancelling", "_error", "_is_active", "_task")

    def __init__(self) -> None:
        self._task: asyncio.Task[object] | None = None
        self._error: BaseException | None = None
        self._cancelling = 0
        self._is_active = False

    async def __aenter__(self) -> Self:
        self._task = asyncio.current_task(deadlines().loop)
        assert self._task is not None
        self._cancelling = self._task.cancelling()
        self._is_active = True
        return self

    def interrupt(self, error: BaseException) -> None:
        """End the block with `error`. The first interruption counts; after the block it means nothing."""
        if self._is_active and self._error is None and self._task is not None:
            self._error = error
            self._task.cancel()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_active = False
        reason, task = self._error, self._task
        self._error = self._task = None
        if reason is None or task is None:
            return
        is_ours = task.uncancel() <= self._cancelling
        if kind is None or issubclass(kind, Exception):
            await self._absorb(task)
        if not (is_ours and kind is asyncio.CancelledError):
            return
        try:
            raise reason from None
        finally:
            del reason, error, task  # the error's traceback holds this frame, and so would be held by it

    async def _absorb(self, task: "asyncio.Task[object]") -> None:
        """The block may have ended in the very step that interrupted it: then our cancellation is still to come
        (before 3.13 `uncancel` does not take it back), and would end what follows the block instead."""
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            if task.cancelling() > self._cancelling:  # somebody else's as well
                raise
