"""What is being spoken for one request: the buffer between the child's pace and the client's."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence

from tts_node.domain import BYTES_PER_SAMPLE, SAMPLE_RATE, Job, Piece, Priority, Speech, audio_duration_s
from tts_node.errors import NodeError

BUFFER_BYTES = 16 * 1024 * 1024  # almost six minutes; beyond it the engine waits for the listener


def silence(duration_s: float) -> bytes:
    """So many seconds of nothing, in whole samples."""
    return bytes(round(duration_s * SAMPLE_RATE) * BYTES_PER_SAMPLE)


def _nothing() -> None:
    """No one to tell."""


class Utterance:
    """Written by the slot that speaks it, read by the request that asked for it."""

    def __init__(
        self,
        job: Job,
        text: Sequence[Piece],
        priority: Priority = Priority.INTERACTIVE,
        buffer_bytes: int = BUFFER_BYTES,
    ) -> None:
        self.job = job
        self.text = tuple(text)
        self.priority = priority
        self.has_turn = False
        self.pcm_bytes = 0
        self.notes: list[str] = []  # what the engine wants the log to say
        self.is_cancelled = False
        self.on_cancel: Callable[[], object] = _nothing  # how to stop whatever phase it is in
        self._buffer_bytes = buffer_bytes
        self._pieces: deque[bytes] = deque()
        self._held_bytes = 0
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._error: NodeError | None = None
        self._generation_s: float | None = None

    def __repr__(self) -> str:
        return f"<Utterance {self.job.id} pcm={self.pcm_bytes} over={self.is_over} cancelled={self.is_cancelled}>"

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self._generation_s is not None or self._error is not None

    @property
    def speech(self) -> Speech:
        """What it measured; only after a good end."""
        assert self._generation_s is not None
        return Speech(audio_duration_s(self.pcm_bytes), self._generation_s)

    # the slot's side

    def offer(self, pcm: bytes) -> bool:
        """Takes a piece; says whether there is room for more. What nobody waits for is dropped."""
        self.pcm_bytes += len(pcm)
        if self.is_cancelled:
            return True
        self._pieces.append(pcm)
        self._held_bytes += len(pcm)
        self._changed.set()
        if self._held_bytes >= self._buffer_bytes:
            self._room.clear()
        return self._room.is_set()

    def pause(self, duration_s: float) -> None:
        """Nothing is said for so long."""
        if duration_s > 0:
            self.offer(silence(duration_s))

    async def room(self) -> None:
        """Returns when the listener has caught up, or left."""
        await self._room.wait()

    def finish(self, generation_s: float) -> None:
        """The good end."""
        self._generation_s = generation_s
        self._changed.set()

    def fail(self, error: NodeError) -> None:
        """The bad end; what was given before is still delivered."""
        if not self.is_over:
            self._error = error
            self._changed.set()

    # the listener's side

    async def pieces(self) -> AsyncIterator[bytes]:
        """PCM as it comes, several pieces joined when they came faster than they were read. Raises the bad end."""
        while True:
            if self._pieces:
                yield self._take()
            elif self._error:
                raise self._error
            elif self.is_over:
                return
            else:
                self._changed.clear()
                await self._changed.wait()

    def cancel(self) -> None:
        """The listener left. Safe at any time, also after the end."""
        if self.is_cancelled:
            return
        self.is_cancelled = True
        self._take()
        if not self.is_over:
            self.on_cancel()

    def _take(self) -> bytes:
        pcm = b"".join(self._pieces)
        self._pieces.clear()
        self._held_bytes = 0
        self._room.set()
        return pcm
