"""Speaking ahead of a listener: a task that has one segment after the other spoken, and the few that wait to be
taken.

Up to `ahead_s()` seconds ahead of playback it works at full speed; that is the insurance that covers a lost
machine and another's start. Beyond, it goes on only when the client has taken all there is (somebody saves a
file), and then with the lowest priority, so that nobody who listens has to wait for it. So a stream holds so many
seconds of PCM and a segment at most, whatever its client does.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterable, Awaitable, Callable
from types import TracebackType
from typing import Self

from router.domain import Passage, Priority
from router.ports import Monotonic
from router.speech.playback import Playback
from router.spoken import Spoken

Say = Callable[[int, Passage, Priority], Awaitable[Spoken]]
"""Has a segment, with its number, spoken whole. Raises RouterError."""


class Narration:
    """Async context manager and one reader's `next`. `say` is asked for each passage of `script` in order. For who
    takes all there is it goes on beyond `ahead_s()`, unless that `is_firm`."""

    def __init__(
        self,
        say: Say,
        script: AsyncIterable[Passage],
        playback: Playback,
        *,
        ahead_s: Callable[[], float],
        clock: Monotonic,
        is_firm: Callable[[], bool] = lambda: False,
    ) -> None:
        self.playback = playback
        self._say = say
        self._script = script
        self._ahead_s = ahead_s
        self._is_firm = is_firm
        self._clock = clock
        self._ready: deque[Spoken] = deque()
        self._taken_s = 0.0
        self._fault: Exception | None = None
        self._is_over = False
        self._is_awaited = False
        self._changed = asyncio.Event()  # for the task
        self._arrived = asyncio.Event()  # for the reader
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.get_running_loop().create_task(self._narrate(), name="narration")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait((self._task,))  # which raises our own cancellation, and not the task's
        self._fault = None  # its traceback holds frames

    @property
    def held_s(self) -> float:
        """Seconds of speech that are on their way to nobody yet: what waits here, and what the reader has taken
        but not handed over, be it that its client reads nothing."""
        in_hand_s = max(0.0, self._taken_s - self.playback.handed_s)
        return in_hand_s + sum(spoken.duration_s for spoken in self._ready)

    def ahead_s(self) -> float:
        """Seconds of speech between the listener's ear and the segment that is spoken now."""
        return self.held_s + self.playback.left_s(self._clock())

    def look_again(self) -> None:
        """How far ahead it may work is another than before."""
        self._changed.set()

    async def next(self) -> Spoken | None:
        """The next segment; None after the last. Raises RouterError for the one that nobody could speak."""
        while not self._ready:
            if self._fault is not None:
                raise self._fault
            if self._is_over:
                return None
            self._arrived.clear()
            self._is_awaited = True
            self._changed.set()
            try:
                await self._arrived.wait()
            finally:
                self._is_awaited = False
        spoken = self._ready.popleft()
        self._taken_s += spoken.duration_s
        self._changed.set()
        return spoken

    async def _narrate(self) -> None:
        try:
            index = 0
            async for passage in self._script:
                self._ready.append(await self._say(index, passage, await self._turn()))
                self._arrived.set()
                index += 1
        except Exception as exc:
            self._fault = exc
        finally:
            self._is_over = True
            self._arrived.set()

    async def _turn(self) -> Priority:
        """Waits until one more segment is wanted; how urgently."""
        while (too_far_s := self.ahead_s() - self._ahead_s()) > 0:
            if self._is_awaited and not self._is_firm():
                return Priority.BATCH
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.05, too_far_s)):  # by then playback has come so much closer
                    await self._changed.wait()
        return Priority.INTERACTIVE
