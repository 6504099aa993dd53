"""A telephone's answer: nothing but its sound, as WAV."""

from dataclasses import dataclass, field
from typing import Final

from router.api import spoken as told
from router.api.aloud import Aloud
from router.completion import Chunk
from router.domain import BYTES_PER_S, AudioFormat, Rendition
from router.errors import InvalidRequest, Malformed
from router.happenings import Refused
from router.ports import Header
from router.speech.encoders import AnswerEncoder, WholeEncoder
from router.spoken import NOTHING, Spoken

_RENDITION: Final = Rendition(AudioFormat.WAV)
_WAV: Final[Header] = (b"content-type", _RENDITION.media_type.encode())


@dataclass
class _Call(Aloud):
    """What both have. Without a voice there is nothing to send, so that is a failure."""

    _has_words: bool = field(init=False, default=False)

    def begun(self) -> None:
        """See `Aloud.begun`."""
        self._has_words = False

    async def wrote(self, chunk: Chunk) -> None:
        """See `Aloud.wrote`."""
        self._has_words = self._has_words or bool(chunk.text)

    async def refused(self, refused: Refused) -> None:
        """See `Aloud.refused`: in words for whoever calls."""
        raise InvalidRequest(
            f"The language model's server refused it (status {refused.status}): "
            f"{refused.body[:200].decode(errors='replace')}",
            code="rejected_by_provider",
        )

    def check_words(self) -> None:
        """Raise Malformed where the model said nothing."""
        if not self._has_words:
            raise Malformed("The language model answered with nothing to say.")


@dataclass
class StreamedCall(_Call):
    """While it is made: nobody knows how long it will be."""

    _encoder: AnswerEncoder = field(init=False)

    def begun(self) -> None:
        """See `Aloud.begun`."""
        super().begun()
        self._encoder = self.encoders.open(_RENDITION)

    async def spoke(self, spoken: Spoken) -> None:
        """See `Aloud.spoke`."""
        await self._send(spoken.pcm)

    async def finish(self) -> None:
        """See `Aloud.finish`."""
        if not self.recital.tally.parts:
            self.check_words()
            await self._send(NOTHING)
        await self.remember(self.recital.tally, "completed")
        await self.reply.send(await self._encoder.close(), is_last=True)

    async def _send(self, pcm: bytes) -> None:
        for piece in self._encoder.slices(pcm):
            audio = await self._encoder.feed(piece)
            if not self.reply.is_started:
                first = self.recital.tally.first
                headers = told.first_headers(first, self.telling.record) if first is not None else []
                await self.reply.start(200, [_WAV, *headers])
            await self.reply.send(audio)
            self.recital.handed_over(len(piece) / BYTES_PER_S)


@dataclass
class WholeCall(_Call):
    """When all of it is there."""

    _encoder: WholeEncoder = field(init=False)

    def begun(self) -> None:
        """See `Aloud.begun`."""
        super().begun()
        self._encoder = self.encoders.whole(_RENDITION)

    async def spoke(self, spoken: Spoken) -> None:
        """See `Aloud.spoke`."""
        await self._encoder.feed(spoken.pcm)

    async def finish(self) -> None:
        """See `Aloud.finish`."""
        self.record.upstream_wait_s = self.waited_s
        headers = [_WAV]
        if self.recital.tally.parts:
            audio = await self._encoder.close()
            headers += told.headers_of(self.recital.tally.answer(audio, self.telling.voice), self.telling.record)
            await self.remember(self.recital.tally, "completed")
        else:
            self.check_words()
            await self._encoder.feed(NOTHING)
            audio = await self._encoder.close()
        await self.reply.whole(200, headers, audio)
