"""The three shapes of a spoken reply: whole, streamed as it is spoken, and OpenAI's events of either."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from router.api import speech_events, spoken
from router.api.call import Reply
from router.domain import BYTES_PER_S, Rendition
from router.ports import Header, Monotonic, Record, StateStore
from router.speak import Speaker
from router.speech.encoders import AnswerEncoder
from router.speech.encoding import AudioFile
from router.spoken import Spoken, SpokenAnswer, Tally
from router.telling import Telling

_EVENTS: Final[Header] = (b"content-type", b"text/event-stream; charset=utf-8")
MAX_KEPT_BYTES: Final = 4 * 1024 * 1024  # of a streamed answer, for the cache
PIECE_BYTES: Final = 256 * 1024  # are written at once: a client that takes all there is shall not stop the others


@dataclass(frozen=True, slots=True)
class SpeechReply:
    """Answers one request. `store` keeps what GET /v1/audio/speech/{request id} tells of it. `also`: what a client
    dialect has headers for besides, of an answer that is complete before its first byte; `extra`: its headers of
    every answer."""

    speaker: Speaker
    store: StateStore
    clock: Monotonic
    telling: Telling
    reply: Reply
    also: Callable[[SpokenAnswer], Sequence[Header]] = lambda _: ()
    extra: Sequence[Header] = ()

    async def send(self) -> None:
        """From the cache, whole, or as it is spoken. Raises RouterError; after the first byte, for the cut."""
        speaker, telling = self.speaker, self.telling
        if speaker.is_told_whole(telling):
            await self._whole(await speaker.told(telling))
        elif (answer := await speaker.recall(telling)) is not None:
            telling.record.audio_s, telling.record.generation_s = answer.duration_s, answer.generation_s
            await self._whole(answer)
        else:
            await self._as_spoken()

    @property
    def _record(self) -> Record:
        return self.telling.record

    @property
    def _media_type(self) -> Header:
        return (b"content-type", self.telling.request.rendition.media_type.encode())

    async def _whole(self, answer: SpokenAnswer) -> None:
        record, reply = self._record, self.reply
        await self._remember(spoken.summary_of(answer, record))
        headers = [*spoken.headers_of(answer, record), *self.also(answer), *self.extra]
        if not self.telling.request.sse:
            await self._send_whole(headers, answer.audio)
            return
        record.streamed = True
        await reply.start(200, [*headers, _EVENTS])
        for number, events in enumerate(speech_events.deltas(answer.audio)):
            await self._let_others_in(number)
            await reply.send(events)
        text = self.telling.request.text
        await reply.send(
            speech_events.done(text, answer.duration_s, answer.generation_s, answer.substitution, answer.parts)
        )
        await reply.send(b"", is_last=True)

    async def _send_whole(self, headers: Sequence[Header], audio: bytes) -> None:
        """Long ones piece by piece, as the client takes them: what is written at once is copied at once."""
        if len(audio) <= PIECE_BYTES:
            await self.reply.whole(200, [*headers, self._media_type], audio)
            return
        length = (b"content-length", str(len(audio)).encode())
        await self.reply.start(200, [*headers, self._media_type, length])
        for at in range(0, len(audio), PIECE_BYTES):
            await self._let_others_in(at)
            await self.reply.send(audio[at : at + PIECE_BYTES], is_last=at + PIECE_BYTES >= len(audio))

    async def _let_others_in(self, sent: int) -> None:
        """Between two pieces: `send` gives up its turn only for a client that is slow. What is one piece leaves
        with its head, in one turn and one write."""
        if sent:
            await asyncio.sleep(0)

    async def _as_spoken(self) -> None:
        record, tally = self._record, Tally()
        record.streamed = self.telling.request.sse
        status = "failed"
        rendition = self.telling.request.rendition
        encoder, kept = self.speaker.encoders.open(rendition), _Kept(rendition)
        try:
            async with self.speaker.narrated(self.telling) as narration:
                while (segment := await narration.next()) is not None:
                    tally.add(segment)
                    for pcm in encoder.slices(segment.pcm):
                        await self._send(await encoder.feed(pcm), segment, tally, kept)
                        narration.playback.handed_over(len(pcm) / BYTES_PER_S, self.clock())
                    record.gap_s = narration.playback.gap_s
            await self._end(encoder, tally, kept)
            status = "completed"
        finally:
            if tally.first is not None and status == "failed":
                record.by(tally.first.route)
                await self._remember(spoken.summary_so_far(tally, record, status))
        # The client has it all and may be gone: a disk that hangs now keeps nobody waiting.
        if (audio := kept.maybe_file()) is not None:
            await self.speaker.recollection.keep(self.telling, tally, audio)

    async def _send(self, audio: bytes, segment: Spoken, tally: Tally, kept: "_Kept") -> None:
        """A piece of encoded audio. The head goes with the first: every earlier fault has its true status. It says
        who spoke the first segment; who is asked now is somebody else."""
        if not audio:
            return
        if not self.reply.is_started:
            is_sse = self.telling.request.sse
            self._record.by(segment.route)
            headers = [*spoken.first_headers(segment, self._record), *self.extra]
            await self._remember(spoken.summary_so_far(tally, self._record, "in_progress"))
            self._record.by(segment.route)  # again: others are asked for what follows meanwhile
            await self.reply.start(200, [*headers, _EVENTS if is_sse else self._media_type])
        kept.add(audio)
        if not self.telling.request.sse:
            await self.reply.send(audio)
            return
        for events in speech_events.deltas(audio):
            await self.reply.send(events)

    async def _end(self, encoder: AnswerEncoder, tally: Tally, kept: "_Kept") -> None:
        record = self._record
        assert tally.last is not None, "an answer without a segment is silent, and whole"
        await self._send(await encoder.close(), tally.last, tally, kept)
        record.audio_s, record.generation_s = tally.duration_s, tally.generation_s
        if tally.is_cached:
            record.cache = "hit"
        if self.telling.request.sse:
            text = self.telling.request.text
            await self.reply.send(
                speech_events.done(text, tally.duration_s, tally.generation_s, tally.substitution, tally.parts)
            )
        assert tally.first is not None
        record.by(tally.first.route)
        await self._remember(spoken.summary_so_far(tally, record, "completed"))  # whoever has it all can ask
        await self.reply.send(b"", is_last=True)

    async def _remember(self, summary: bytes) -> None:
        key = spoken.answer_key(self._record.client, self._record.request_id)
        await self.store.put(key, summary, ttl_s=spoken.ANSWER_TTL_S)


class _Kept:
    """A streamed answer's bytes, for the cache, as long as they are few enough."""

    def __init__(self, rendition: Rendition) -> None:
        self._file: AudioFile | None = AudioFile(rendition)
        self._size = 0

    def add(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > MAX_KEPT_BYTES:
            self._file = None
        elif self._file is not None:
            self._file.add(part)

    def maybe_file(self) -> bytes | None:
        """All of them, unless they were too many."""
        return self._file.take() if self._file is not None else None
