"""A chat that is answered aloud, as one document: `message.audio` beside what a plain answer has (OpenAI's API
reference, "Audio" of chat completions)."""

import base64
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from router.api import spoken as told
from router.api.aloud import Aloud
from router.api.replies import Replies, new_audio_id
from router.completion import Chunk, Completion
from router.errors import RouterError
from router.ports import Header
from router.speech.encoders import WholeEncoder
from router.spoken import NOTHING, NOTHING_S, Spoken, Tally

PIECE_BYTES: Final = 3 * 256 * 1024  # of sound, made base64 at once: a millisecond
_JSON: Final[Header] = (b"content-type", b"application/json")


@dataclass
class WholeChat(Aloud):
    """`fails_mute`: without a voice the answer fails."""

    replies: Replies
    fails_mute: bool
    muted: RouterError | None = field(init=False, default=None)
    _is_mute: bool = field(init=False, default=False)  # from the start, whoever writes
    _completion: Completion = field(init=False, default_factory=Completion)
    _encoder: WholeEncoder = field(init=False)

    def mute_all(self, error: RouterError) -> None:
        """Nobody can speak."""
        self.mute(error)
        self._is_mute = True

    def begun(self) -> None:
        """See `Aloud.begun`."""
        self._completion = Completion()
        self._encoder = self.encoders.whole(self.telling.request.rendition)
        if not self._is_mute:
            self.muted, self.record.muted = None, ""

    def mute(self, error: RouterError) -> None:
        """See `Aloud.mute`. The text is there."""
        if self.fails_mute:
            raise error
        self.muted, self.record.muted = error, error.reason

    async def wrote(self, chunk: Chunk) -> None:
        """See `Aloud.wrote`."""
        self._completion.add(chunk)

    async def spoke(self, spoken: Spoken) -> None:
        """See `Aloud.spoke`."""
        await self._encoder.feed(spoken.pcm)

    async def finish(self) -> None:
        """See `Aloud.finish`."""
        self.record.upstream_wait_s = self.waited_s
        message = {"role": "assistant", "content": None, "refusal": None, **self._completion.message}
        for call in message.get("tool_calls") or ():
            if isinstance(call, dict):
                call.pop("index", None)  # that is of deltas
        headers = [_JSON] if self.muted is None else [_JSON, (b"x-router-audio", self.muted.reason.encode())]
        text = self._completion.text
        if text and self.muted is None:
            audio = await self._sound(self.recital.tally)
            headers += await self._told(self.recital.tally, audio)
            audio_id = new_audio_id()
            expires_at = await self.replies.keep(audio_id, text)
            message["content"] = None
            message["audio"] = {"id": audio_id, "data": "", "expires_at": expires_at, "transcript": text}
            await self._send(headers, message, audio)
        else:
            await self.reply.whole(200, headers, msgspec.json.encode(self._completion.document(message)))

    async def _sound(self, tally: Tally) -> bytes:
        if not tally.parts:
            await self._encoder.feed(NOTHING)
        return await self._encoder.close()

    async def _told(self, tally: Tally, audio: bytes) -> list[Header]:
        record = self.telling.record
        if not tally.parts:
            return [(b"x-audio-duration", f"{NOTHING_S:.3f}".encode()), (b"x-generation-time", b"0.000")]
        await self.remember(tally, "completed")
        answer = tally.answer(audio, self.telling.voice)
        provider = (b"x-router-speech-provider", record.provider.encode())
        return [*told.headers_of(answer, record), provider]

    async def _send(self, headers: list[Header], message: dict[str, Any], audio: bytes) -> None:
        """Piece by piece: what is made at once blocks everybody else."""
        before, after = _around(self._completion.document(message), message["audio"])
        size = len(before) + -(-len(audio) // 3) * 4 + len(after)
        await self.reply.start(200, [*headers, (b"content-length", str(size).encode())])
        await self.reply.send(before)
        for piece in _pieces(audio):
            await self.reply.send(base64.b64encode(piece))
        await self.reply.send(after, is_last=True)


def _around(document: Mapping[str, Any], audio: dict[str, Any]) -> tuple[bytes, bytes]:
    """The document's JSON before and after the sound in it."""
    audio["data"] = mark = secrets.token_hex(16)
    before, _, after = msgspec.json.encode(document).partition(mark.encode())
    return before, after


def _pieces(audio: bytes) -> Iterator[bytes]:
    for at in range(0, len(audio), PIECE_BYTES):
        yield audio[at : at + PIECE_BYTES]
