"""What is to be said, passage by passage, as it becomes known: all at once, or while somebody still writes it."""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Self

from router.domain import Passage


class Script:
    """One writer, which never waits, and one reader, which iterates. Bounded by whoever writes."""

    def __init__(self, passages: Iterable[Passage] = ()) -> None:
        self._passages = deque(passages)
        self._written = len(self._passages)
        self._is_finished = False
        self._changed = asyncio.Event()

    @classmethod
    def of(cls, passages: Iterable[Passage]) -> Self:
        """A text that is known already."""
        script = cls(passages)
        script.finish()
        return script

    @property
    def is_finished(self) -> bool:
        """Nothing more will be written."""
        return self._is_finished

    def is_all(self, count: int) -> bool:
        """Whether so many passages are all there will be."""
        return self._is_finished and count == self._written

    def write(self, passages: Iterable[Passage]) -> None:
        """More to be said."""
        before = len(self._passages)
        self._passages.extend(passages)
        self._written += len(self._passages) - before
        self._changed.set()

    def finish(self) -> None:
        """That was all. Idempotent."""
        self._is_finished = True
        self._changed.set()

    async def has_more(self) -> bool:
        """Whether there is something to say, as soon as that is known."""
        while not (self._passages or self._is_finished):
            self._changed.clear()
            await self._changed.wait()
        return bool(self._passages)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Passage:
        if not await self.has_more():
            raise StopAsyncIteration
        return self._passages.popleft()
