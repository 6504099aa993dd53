"""What a language model writes, taken as it comes: its chunks for who reads, its sentences for who speaks.

The forwarder's other end (`forward.Reply`). Nothing is *out* before a client has seen it: of an answer that is
streamed that is its first word, of one that is sent whole its end. Until then another model may begin anew.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from router.answers import is_event_stream
from router.completion import DONE, Characters, Chunk, chunk_of, chunk_of_whole
from router.dictation import Dictation
from router.errors import Malformed
from router.events import EventReader
from router.ports import Header, Monotonic, ResponseHead
from router.script import Script

MAX_EVENT_BYTES: Final = 4 * 1024 * 1024
MAX_BODY_BYTES: Final = 16 * 1024 * 1024  # of an answer that is not streamed although it was asked to be
MAX_REFUSAL_BYTES: Final = 64 * 1024
MAX_TEXT_BYTES: Final = 16 * 1024 * 1024  # of events: a model that never ends
MAX_HELD_BYTES: Final = 64 * 1024  # of chunks that say nothing; with more of them the answer has begun


class Reader(Protocol):
    """Who is told."""

    async def begins(self, script: Script) -> None:
        """A model has begun; what another wrote is void. `script` is what will be spoken of it."""

    async def wrote(self, chunk: Chunk) -> None:
        """So much more is out."""

    def ended(self) -> None:
        """The model has finished, whatever its server does then."""

    def lost_voice(self, *, is_too_long: bool) -> None:
        """The script ends before the text does: that `is_too_long`, or could not be cut."""


class Page:
    """`language`, `max_chars` and `quick_width` (of the first segment) are of what is spoken; nothing is where
    `is_mute`."""

    _body: bytearray | None  # of an answer that is not streamed

    def __init__(
        self,
        reader: Reader,
        clock: Monotonic,
        *,
        is_streamed: bool,
        is_mute: bool,
        language: str | None,
        max_chars: int,
        quick_width: int,
    ) -> None:
        self._reader = reader
        self._clock = clock
        self._is_streamed = is_streamed
        self._is_mute = is_mute
        self._language = language
        self._max_chars = max_chars
        self._quick_width = quick_width
        self._is_out = False
        self._forget()
        self.waited_s = 0.0  # from the beginning of an answer to its first word
        self.refusal: tuple[int, Sequence[Header]] | None = None  # whose body is `refused`
        self.refused = bytearray()

    # forward.Reply

    @property
    def is_started(self) -> bool:
        return self._is_out

    async def start(self, status: int, headers: Sequence[Header]) -> None:
        """An answer begins; another's beginning is forgotten."""
        self.drop()
        self._forget()
        if status != 200:
            if status < 400:
                raise Malformed(f"answered with status {status}, which is no answer")
            self.refusal = (status, headers)
            return
        if not is_event_stream(ResponseHead(status, headers)):
            self._body = bytearray()
        await self._reader.begins(self._dictation.script)

    def push(self, chunk: bytes) -> bool:
        """Never at once: see `send`."""
        del chunk
        return False

    async def send(self, chunk: bytes, *, is_last: bool = False) -> None:
        """Raises UpstreamFault; InvalidRequest where the answer blames the request."""
        self._came_at = self._clock()
        if self.refusal is not None:
            self._refuse(chunk)
        elif self._body is not None:
            await self._read_whole(self._body, chunk, is_last=is_last)
        else:
            self._bytes += len(chunk)
            if self._bytes > MAX_TEXT_BYTES:
                raise Malformed(f"answered with more than {MAX_TEXT_BYTES} bytes")
            for data in self._events.feed(chunk):
                await self._read(data)
        if is_last and self.refusal is None:
            await self._end()

    # for the recital

    async def close(self) -> None:
        """The model is gone, be it in the middle of a sentence: what is there is said."""
        await self._dictation.close()

    def drop(self) -> None:
        """Nobody will say what is there."""
        self._dictation.drop()

    def _forget(self) -> None:
        self._events = EventReader(MAX_EVENT_BYTES)
        self._body = None
        self._held: list[Chunk] = []
        self._has_end = self._is_done = False
        self._bytes = self._held_bytes = 0
        self._characters = Characters()
        self._began_at = self._came_at = self._clock()
        self._dictation = Dictation(
            self._reader.lost_voice,
            language=self._language,
            max_chars=self._max_chars,
            quick_width=self._quick_width,
        )
        if self._is_mute:
            self._dictation.drop()

    def _refuse(self, chunk: bytes) -> None:
        self.refused += chunk
        if len(self.refused) > MAX_REFUSAL_BYTES:
            raise Malformed(f"refused with more than {MAX_REFUSAL_BYTES} bytes")

    async def _read_whole(self, body: bytearray, chunk: bytes, *, is_last: bool) -> None:
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise Malformed(f"answered with more than {MAX_BODY_BYTES} bytes")
        if is_last:
            self._has_end = True
            await self._take(chunk_of_whole(bytes(body)))

    async def _read(self, data: bytes) -> None:
        if self._is_done:
            return
        if data == DONE:
            self._has_end = self._is_done = True
            await self._end()
            self._reader.ended()
        elif data:
            self._held_bytes += len(data)
            await self._take(chunk_of(data))

    async def _take(self, chunk: Chunk) -> None:
        self._has_end = self._has_end or chunk.finish_reason is not None
        text = self._whole_characters(chunk)
        if self._is_streamed and not self._is_out:
            self._held.append(chunk)
            if not chunk.says_something and self._held_bytes < MAX_HELD_BYTES:
                return
            self.waited_s = self._came_at - self._began_at
            self._is_out = True
            held, self._held = self._held, []
        else:
            held = [chunk]
        for each in held:
            await self._reader.wrote(each)
        await self._dictation.write(text)

    def _whole_characters(self, chunk: Chunk) -> str:
        """Its text, without the half of a character that its server has cut."""
        text = chunk.text
        whole = self._characters.whole(text)
        if whole is not text:
            chunk.say(whole)
        return whole

    async def _end(self) -> None:
        if not self._has_end:
            raise Malformed("ended its answer before it was finished")
        held, self._held = self._held, []
        for each in held:
            await self._reader.wrote(each)
        self._is_out = True
