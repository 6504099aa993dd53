"""Speech with the times of its characters, as ElevenLabs' `/with-timestamps` has it: one JSON document, or one per
line while it is spoken (SDK 2.78.0 reads lines; an SSE answer gives it nothing).

Engines do not tell when they say which character. What is measured is each segment, a sentence or two: its
characters share its duration evenly. They are those of the text as it is spoken, without markup, so `alignment`
and `normalized_alignment` are the same.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import msgspec

from router.api import spoken as told
from router.api.call import Reply
from router.domain import BYTES_PER_S
from router.narration import Narration
from router.ports import Header, Monotonic, StateStore
from router.speak import Speaker
from router.spoken import NOTHING, NOTHING_S, Spoken, SpokenAnswer, Tally
from router.telling import Telling

_JSON: Final[Header] = (b"content-type", b"application/json")
_LINES: Final[Header] = (b"content-type", b"application/x-ndjson")  # which its SDK reads whatever it is called
PIECE_BYTES: Final = 3 * 256 * 1024  # of sound, made base64 at once: a millisecond


class Alignment(msgspec.Struct):
    """When each character begins and ends, in seconds since the answer's beginning."""

    characters: list[str] = []
    character_start_times_seconds: list[float] = []
    character_end_times_seconds: list[float] = []

    def add(self, text: str, start_s: float, duration_s: float) -> None:
        """Characters that share a duration evenly."""
        edges = [round(start_s + duration_s * at / len(text), 3) for at in range(len(text) + 1)]
        self.characters += text
        self.character_start_times_seconds += edges[:-1]
        self.character_end_times_seconds += edges[1:]


class TimedAudio(msgspec.Struct):
    """A document of the whole, or a line of the stream; `alignment` is of what begins with this line's audio."""

    audio_base64: str
    alignment: Alignment | None
    normalized_alignment: Alignment | None


@dataclass(slots=True)
class TimedReply:
    """Answers one request. `store` keeps what GET /v1/audio/speech/{request id} tells of it; `extra` are headers
    of the dialect's own."""

    speaker: Speaker
    store: StateStore
    clock: Monotonic
    telling: Telling
    reply: Reply
    extra: Sequence[Header]
    _tally: Tally = field(init=False, default_factory=Tally)
    _pending: Alignment | None = field(init=False, default=None)  # of a segment whose audio was not sent yet

    async def send_whole(self) -> None:
        """One document. Raises RouterError."""
        telling = self.telling
        self.speaker.is_told_whole(telling)  # refuses what is too long for that
        encoder, alignment = self.speaker.encoders.whole(telling.request.rendition), Alignment()
        async with self._narrated() as narration:
            while (segment := await narration.next()) is not None:
                self._align(alignment, segment)
                await encoder.feed(segment.pcm)
                narration.playback.handed_over(segment.duration_s, self.clock())
        if not telling.passages:
            await encoder.feed(NOTHING)
        audio = await encoder.close()
        headers = told.headers_of(self._answer(), telling.record)
        await self._send_document([*headers, *self.extra, _JSON], audio, alignment)

    async def send_lines(self) -> None:
        """A line for each piece, as it is spoken. Raises RouterError; after the first byte, for the cut."""
        record, encoder = self.telling.record, self.speaker.encoders.open(self.telling.request.rendition)
        record.streamed = True  # should it be cut, the last line says why
        async with self._narrated() as narration:
            while (segment := await narration.next()) is not None:
                self._pending = self._pending or Alignment()
                self._align(self._pending, segment)
                for pcm in encoder.slices(segment.pcm):
                    await self._send_line(await encoder.feed(pcm))
                    narration.playback.handed_over(len(pcm) / BYTES_PER_S, self.clock())
                record.gap_s = narration.playback.gap_s
        rest = b"" if self.telling.passages else await encoder.feed(NOTHING)
        await self._send_line(rest + await encoder.close())
        await self.reply.send(b"", is_last=True)

    @asynccontextmanager
    async def _narrated(self) -> AsyncIterator[Narration]:
        """What is spoken; the record and the look-up have it when it ends, whichever way."""
        record, tally, status = self.telling.record, self._tally, "failed"
        try:
            async with self.speaker.narrated(self.telling) as narration:
                yield narration
            status = "completed"
        finally:
            record.audio_s, record.generation_s = tally.duration_s, tally.generation_s
            if tally.is_cached:
                record.cache = "hit"
            if tally.first is not None:
                record.by(tally.first.route)
                key = told.answer_key(record.client, record.request_id)
                summary = told.summary_so_far(tally, record, status)
                await self.store.put(key, summary, ttl_s=told.ANSWER_TTL_S)

    def _align(self, alignment: Alignment, segment: Spoken) -> None:
        """Add a segment, and the silence after it: a space, unless it is the last."""
        start_s, spoken_s = self._tally.duration_s, segment.utterance.duration_s
        self._tally.add(segment)
        alignment.add(segment.passage.text, start_s, spoken_s)
        if len(self._tally.parts) < len(self.telling.passages):
            alignment.add(" ", start_s + spoken_s, segment.passage.pause_s)

    def _answer(self) -> SpokenAnswer:
        if self._tally.parts:
            return self._tally.answer(b"", self.telling.voice)
        return SpokenAnswer(b"", NOTHING_S, 0.0, None, "none", self.telling.voice, None)

    async def _send_line(self, audio: bytes) -> None:
        """The head goes with the first: every earlier fault has its true status."""
        if not audio and self._pending is None:
            return
        if not audio and not self.reply.is_started:
            return  # an encoder that holds back its first frame
        if not self.reply.is_started:
            first = self._tally.first
            headers = told.first_headers(first, self.telling.record) if first is not None else []
            await self.reply.start(200, [*headers, *self.extra, _LINES])
        alignment, self._pending = self._pending, None
        line = TimedAudio(base64.b64encode(audio).decode(), alignment, alignment)
        await self.reply.send(msgspec.json.encode(line) + b"\n")

    async def _send_document(self, headers: Sequence[Header], audio: bytes, alignment: Alignment) -> None:
        """Piece by piece, as the client takes them: what is written at once is copied at once."""
        before, after = msgspec.json.encode(TimedAudio("", alignment, alignment)).split(b'""', 1)
        length = len(before) + len(after) + 2 + -(-len(audio) // 3) * 4
        await self.reply.start(200, [*headers, (b"content-length", str(length).encode())])
        await self.reply.send(before + b'"')
        for at in range(0, len(audio), PIECE_BYTES):
            await asyncio.sleep(0)
            await self.reply.send(base64.b64encode(audio[at : at + PIECE_BYTES]))
        await self.reply.send(b'"' + after, is_last=True)
