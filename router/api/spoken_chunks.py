"""An utterance on its way to a WebSocket: chunk by chunk, as it is spoken.

Each chunk is a text frame that tells of it, and a binary one. The last says so; where the end is known only after
the last sound has gone (somebody still wrote), an empty one follows, or what the encoder still held.
"""

from collections.abc import Callable
from dataclasses import dataclass

from router.api import spoken
from router.api.socket import Socket
from router.api.socket_messages import ChunkTold
from router.domain import BYTES_PER_S
from router.narration import Narration
from router.ports import Monotonic, Record, StateStore
from router.speak import Speaker
from router.speech.chunking import Chunking, Sizes
from router.spoken import NOTHING, Spoken, Tally
from router.telling import Telling

IsLast = Callable[[int], bool]
"""Whether so many segments are all there will be, as far as is known."""


@dataclass(frozen=True, slots=True)
class SpokenChunks:
    """Sends one utterance, the `number`-th of its connection. `store` keeps what GET /v1/audio/speech/{request id}
    tells of it."""

    socket: Socket
    speaker: Speaker
    store: StateStore
    clock: Monotonic
    telling: Telling
    sizes: Sizes
    number: int

    async def send(self, narration: Narration, is_last: IsLast) -> None:
        """All of it. Raises RouterError."""
        stream = _Stream(self)
        status = "failed"
        try:
            async with narration:
                while (segment := await narration.next()) is not None:
                    await stream.add(segment, narration, is_last)
                    self._record.gap_s = narration.playback.gap_s
            await stream.finish()
            status = "completed"
        finally:
            tally = stream.tally
            if tally.first is not None:
                self._record.by(tally.first.route)
                self._take_note(tally)
                await self._remember(spoken.summary_so_far(tally, self._record, status))

    async def send_silence(self) -> None:
        """Nothing can be said of the text."""
        await _Stream(self).say(NOTHING, is_final=True)
        self._record.status = 200

    @property
    def _record(self) -> Record:
        return self.telling.record

    def _take_note(self, tally: Tally) -> None:
        record = self._record
        record.status = 200
        record.audio_s, record.generation_s = tally.duration_s, tally.generation_s
        if tally.is_cached:
            record.cache = "hit"

    async def _remember(self, summary: bytes) -> None:
        key = spoken.answer_key(self._record.client, self._record.request_id)
        await self.store.put(key, summary, ttl_s=spoken.ANSWER_TTL_S)


class _Stream:
    """What has been sent of an utterance."""

    def __init__(self, chunks: SpokenChunks) -> None:
        self._chunks = chunks
        self._rendition = chunks.telling.request.rendition
        self._encoder = chunks.speaker.encoders.open(self._rendition)
        self._cutting = Chunking(chunks.sizes)
        self._index = 0
        self._taken = 0
        self._is_finished = False
        self.tally = Tally()

    async def add(self, segment: Spoken, narration: Narration, is_last: IsLast) -> None:
        """The next segment."""
        self.tally.add(segment)
        self._taken += 1
        pieces = list(self._cutting.cut(segment.pcm))
        for number, pcm in enumerate(pieces, 1):
            await self.say(pcm, is_final=number == len(pieces) and is_last(self._taken))
            narration.playback.handed_over(len(pcm) / BYTES_PER_S, self._chunks.clock())

    async def finish(self) -> None:
        """The end, should nothing have said that it is one."""
        if not self._is_finished:
            await self.say(b"", is_final=True)

    async def say(self, pcm: bytes, *, is_final: bool) -> None:
        """One chunk."""
        audio = await self._encoder.feed(pcm) if pcm else b""
        if is_final:
            audio += await self._encoder.close()
        chunks = self._chunks
        record = chunks.telling.record
        told = ChunkTold(
            "chunk",
            chunks.number,
            self._index,
            self._rendition.rate_hz,
            round(1000 * len(pcm) / BYTES_PER_S, 3),
            is_final,
            record.request_id,
        )
        if is_final and self.tally.parts:
            told.audio_duration = round(self.tally.duration_s, 3)
            told.generation_time = round(self.tally.generation_s, 3)
            told.substitution = self.tally.substitution
            told.segments = spoken.segments_of(self.tally.parts)
        self._index += 1
        self._is_finished = is_final
        await chunks.socket.send(told, audio)
        record.first_byte = record.first_byte or chunks.clock()
