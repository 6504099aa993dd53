"""What a language model writes, taken as it comes: its chunks for who reads, its sentences for who speaks.

The forwarder's other end (`forward.Reply`). Nothing is *out* before a client has seen it: of an answer that is
streamed that is its first word, of one that is sent whole its end. Until then another model may begin anew.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from router.answers import is_event_stream
from router.completion import DONE, Chunk, chunk_of, chunk_of_whole
from router.errors import ConnectionLost, Malformed
from router.events import EventReader
from router.ports import Header, ResponseHead
from router.script import Script
from router.speech.live import Unfolding

MAX_EVENT_BYTES: Final = 4 * 1024 * 1024
MAX_BODY_BYTES: Final = 16 * 1024 * 1024  # of an answer that is not streamed although it was asked to be
SETTLED_S: Final = 0.4  # without a word: what ends with a sentence is not waiting for its rest


class Page:
    """`wrote` is told each chunk that is out, `begins` each beginning with the script that will be spoken;
    `language` and `max_chars` are of what is spoken."""

    _body: bytearray | None  # of an answer that is not streamed

    def __init__(
        self,
        *,
        begins: Callable[[Script], Awaitable[None]],
        wrote: Callable[[Chunk], Awaitable[None]],
        is_streamed: bool,
        language: str | None,
        max_chars: int,
    ) -> None:
        self._begins = begins
        self._wrote = wrote
        self._is_streamed = is_streamed
        self._language = language
        self._max_chars = max_chars
        self._is_out = False
        self._settling: asyncio.TimerHandle | None = None
        self._forget()
        self.refusal: tuple[int, Sequence[Header]] | None = None  # whose body is `refused`
        self.refused = bytearray()
        self.is_finished = False
        self.is_too_long = False  # to be spoken to its end

    # forward.Reply

    @property
    def is_started(self) -> bool:
        return self._is_out

    async def start(self, status: int, headers: Sequence[Header]) -> None:
        """An answer begins; another's beginning is forgotten."""
        self._stop_settling()
        self._forget()
        if status != 200:
            self.refusal = (status, headers)
            return
        if not is_event_stream(ResponseHead(status, headers)):
            self._body = bytearray()
        await self._begins(self._script)

    async def send(self, chunk: bytes, *, is_last: bool = False) -> None:
        """Raises UpstreamFault."""
        if self.refusal is not None:
            self.refused += chunk
        elif self._body is not None:
            self._body += chunk
            if len(self._body) > MAX_BODY_BYTES:
                raise Malformed(f"answered with more than {MAX_BODY_BYTES} bytes")
            if is_last:
                self._has_end = True
                await self._take(chunk_of_whole(bytes(self._body)))
        else:
            for data in self._events.feed(chunk):
                await self._read(data)
        if is_last:
            await self._end()

    def close(self) -> None:
        """The writer is gone, be it in the middle of a sentence: what is there is said."""
        self._stop_settling()
        if not self._script.is_finished:
            self._script.write(self._unfolding.close())
            self._script.finish()

    def _forget(self) -> None:
        self._events = EventReader(MAX_EVENT_BYTES)
        self._body = None
        self._held: list[Chunk] = []
        self._has_end = False
        self._chars = 0
        self._script = Script()
        self._unfolding = Unfolding(self._language)

    async def _read(self, data: bytes) -> None:
        if data == DONE:
            self._has_end = True
        elif data:
            await self._take(chunk_of(data))

    async def _take(self, chunk: Chunk) -> None:
        self._has_end = self._has_end or chunk.finish_reason is not None
        if self._is_streamed and not self._is_out and not chunk.says_something:
            self._held.append(chunk)
            return
        self._is_out = self._is_streamed
        held, self._held = self._held, []
        for each in (*held, chunk):
            await self._wrote(each)
        if chunk.text:
            self._say(chunk.text)

    def _say(self, text: str) -> None:
        self._stop_settling()
        self._chars += len(text)
        if self.is_too_long:
            return
        if self._chars > self._max_chars:
            self.is_too_long = True
            self._script.finish()
        else:
            self._script.write(self._unfolding.feed(text))
            self._settling = asyncio.get_running_loop().call_later(SETTLED_S, self._settle)

    def _stop_settling(self) -> None:
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None

    def _settle(self) -> None:
        self._settling = None
        if not self._script.is_finished:
            self._script.write(self._unfolding.settle())

    async def _end(self) -> None:
        if self.refusal is None:
            if not self._has_end:
                raise ConnectionLost("ended its answer before it was finished", had_bytes=True)
            for each in self._held:
                await self._wrote(each)
        self.is_finished = self._is_out = True
