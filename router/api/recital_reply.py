"""A chat that is answered aloud, in OpenAI's two shapes (API reference, "Audio" of chat completions): whole, with
`message.audio`; or as chunks, whose `delta.audio` has the transcript as it is written and base64 PCM as it is
spoken.

The text is the model's, byte for byte, code and marks of emphasis included; what was said of it is told beside
the audio. Beyond OpenAI's fields, the first piece of each segment says which words it is, and the last audio delta
what `speech.audio.done` says.
"""

import asyncio
import base64
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from router.api import spoken as told
from router.api.call import Reply
from router.completion import DONE, Chunk, Completion
from router.config.settings import SpeechSettings
from router.domain import BYTES_PER_S, BYTES_PER_SAMPLE
from router.errors import InvalidRequest, RouterError
from router.ports import Header, Record, StateStore
from router.recital import Begun, Muted, Recital, Refused, Spoke, Wrote
from router.speech.encoders import Encoders, WholeEncoder
from router.spoken import NOTHING, NOTHING_S, Spoken, Tally
from router.telling import Telling

PIECE_BYTES: Final = BYTES_PER_S  # a second of PCM in each event
# SDKs join the pieces before they decode, so only the last may end with padding (RFC 4648 §3.2); and in the
# middle of no sample.
_UNPADDED_BYTES: Final = 3 * BYTES_PER_SAMPLE
LARGE_BYTES: Final = 1024 * 1024  # what takes longer than some milliseconds to put into JSON
_EVENTS: Final[Header] = (b"content-type", b"text/event-stream; charset=utf-8")
_JSON: Final[Header] = (b"content-type", b"application/json")


@dataclass(frozen=True, slots=True)
class Replies:
    """Spoken answers by their audio's id, for one client, for a while."""

    store: StateStore
    client: str
    kept_s: float

    async def keep(self, audio_id: str, transcript: str) -> None:
        await self.store.put(self._key(audio_id), transcript.encode(), ttl_s=self.kept_s)

    async def transcript(self, number: int, audio_id: str) -> str:
        """What was said. Raises InvalidRequest for the message with that number when nobody knows any more."""
        found = await self.store.get(self._key(audio_id))
        if found is None:
            raise InvalidRequest(
                f"No audio {audio_id[:100]!r} is known here: it has expired, or it was another router's. Send the "
                "answer's text as `content` instead.",
                param=f"messages[{number}].audio.id",
                code="audio_not_found",
            )
        return found.decode()

    def _key(self, audio_id: str) -> str:
        return f"audio/{self.client}/{audio_id}"


@dataclass
class _Aloud:
    """What both shapes have."""

    encoders: Encoders
    replies: Replies
    telling: Telling
    reply: Reply
    record: Record
    settings: SpeechSettings
    audio_id: str = field(init=False, default_factory=lambda: f"audio_{secrets.token_hex(12)}")
    muted: RouterError | None = field(init=False, default=None)

    def mute(self, error: RouterError) -> None:
        """Nothing more is spoken. Raises it where that makes the whole answer fail."""
        if self.settings.without_voice == "error":
            raise error
        self.muted = error
        self.record.muted = error.reason

    async def _pass_on(self, refused: Refused) -> None:
        self.record.streamed = False
        await self.reply.start(refused.status, refused.headers)
        await self.reply.send(refused.body, is_last=True)

    async def _keep(self, transcript: str) -> int:
        """When that will be forgotten, in Unix time."""
        await self.replies.keep(self.audio_id, transcript)
        return int(time.time() + self.replies.kept_s)

    async def _remember(self, tally: Tally, status: str) -> None:
        record = self.telling.record
        key = told.answer_key(record.client, record.request_id)
        await self.replies.store.put(key, told.summary_so_far(tally, record, status), ttl_s=told.ANSWER_TTL_S)

    @property
    def _muted_header(self) -> list[Header]:
        return [] if self.muted is None else [(b"x-router-audio", self.muted.reason.encode())]


@dataclass
class StreamedReply(_Aloud):
    """Chunks."""

    _texts: list[str] = field(init=False, default_factory=list)
    _last: Chunk | None = field(init=False, default=None)
    _finish: dict[str, Any] | None = field(init=False, default=None)
    _usage: list[bytes] = field(init=False, default_factory=list)
    _is_announced: bool = field(init=False, default=False)
    _rest: bytes = field(init=False, default=b"")

    async def send(self, recital: Recital) -> None:
        """To the last byte. Raises RouterError, after the first byte for the cut."""
        while (happening := await recital.next()) is not None:
            match happening:
                case Wrote(chunk):
                    await self._write(chunk)
                case Spoke(spoken):
                    await self._speak(spoken, recital)
                case Muted(error):
                    self.mute(error)
                case Refused():
                    await self._pass_on(happening)
                    return
                case Begun():  # nothing of another's has been sent
                    pass
        await self._end(recital)

    async def _write(self, chunk: Chunk) -> None:
        await self._begin()
        if not chunk.has_choices:
            self._usage.append(_event(chunk.document))
            return
        self._last = chunk
        delta = dict(chunk.delta)
        if chunk.text:
            self._texts.append(chunk.text)
            if not self._is_silent_from_start:
                delta.pop("content")
                delta["audio"] = {**self._announcement(), "transcript": chunk.text}
        if chunk.finish_reason is not None:
            self._finish = chunk.with_choice({}, chunk.finish_reason)
        if chunk.finish_reason is None or any(delta.values()):
            await self.reply.send(_event(chunk.with_choice(delta)))

    @property
    def _is_silent_from_start(self) -> bool:
        return self.muted is not None and not self._is_announced

    def _announcement(self) -> dict[str, str]:
        if self._is_announced:
            return {}
        self._is_announced = True
        return {"id": self.audio_id}

    async def _begin(self) -> None:
        if not self.reply.is_started:
            self.record.streamed = True
            await self.reply.start(200, [*self._muted_header, _EVENTS, (b"cache-control", b"no-cache")])

    async def _speak(self, spoken: Spoken, recital: Recital) -> None:
        pcm = self._rest + spoken.pcm
        whole = len(pcm) - len(pcm) % _UNPADDED_BYTES
        pcm, self._rest = pcm[:whole], pcm[whole:]
        segment: dict[str, Any] = {"segment": _segment(len(recital.tally.parts) - 1, spoken)}
        for at in range(0, len(pcm), PIECE_BYTES):
            piece = pcm[at : at + PIECE_BYTES]
            await self._say(piece, segment)
            segment = {}
            recital.handed_over(len(piece) / BYTES_PER_S)

    async def _say(self, pcm: bytes, more: Mapping[str, Any]) -> None:
        await self._send_audio({**self._announcement(), "data": base64.b64encode(pcm).decode(), **more})

    async def _send_audio(self, audio: Mapping[str, Any]) -> None:
        assert self._last is not None, "nothing is said before something is written"
        document = {**self._last.with_choice({"audio": audio}), "usage": None}
        await self.reply.send(_event(document))

    async def _end(self, recital: Recital) -> None:
        await self._begin()
        tally = recital.tally
        if self._is_announced:
            rest = NOTHING if not tally.parts and self.muted is None else self._rest
            if rest:
                await self._say(rest, {})
            status = "completed" if self.muted is None else "failed"
            await self._remember(tally, status)
            expires_at = await self._keep("".join(self._texts))
            await self._send_audio({"expires_at": expires_at, **_summary(tally, self.muted)})
        if self._finish is not None:
            await self.reply.send(_event(self._finish))
        for event in self._usage:
            await self.reply.send(event)
        await self.reply.send(b"data: " + DONE + b"\n\n", is_last=True)


@dataclass
class WholeReply(_Aloud):
    """One document."""

    async def send(self, recital: Recital) -> None:
        """To the last byte. Raises RouterError."""
        completion, encoder = Completion(), self._encoder()
        started_mute, began_s = self.muted, time.monotonic()
        try:
            while (happening := await recital.next()) is not None:
                match happening:
                    case Begun():
                        completion, encoder, self.muted = Completion(), self._encoder(), started_mute
                    case Wrote(chunk):
                        completion.add(chunk)
                    case Spoke(spoken):
                        await encoder.feed(spoken.pcm)
                    case Muted(error):
                        self.mute(error)
                    case Refused():
                        await self._pass_on(happening)
                        return
        finally:
            self.record.streamed = False  # only the router's own question was
        self.record.upstream_wait_s = time.monotonic() - began_s
        await self._answer(completion, encoder, recital.tally)

    def _encoder(self) -> WholeEncoder:
        return self.encoders.whole(self.telling.request.format)

    async def _answer(self, completion: Completion, encoder: WholeEncoder, tally: Tally) -> None:
        message = {"role": "assistant", "content": None, "refusal": None, **completion.message}
        headers = [_JSON, *self._muted_header]
        text = message["content"]
        if isinstance(text, str) and text and self.muted is None:
            if not tally.parts:
                await encoder.feed(NOTHING)
            audio = await encoder.close()
            if tally.parts:
                answer = tally.answer(audio, self.telling.voice)
                headers += told.headers_of(answer, self.telling.record)
                headers.append((b"x-router-speech-provider", self.telling.record.provider.encode()))
                await self._remember(tally, "completed")
            else:
                headers += [(b"x-audio-duration", f"{NOTHING_S:.3f}".encode()), (b"x-generation-time", b"0.000")]
            expires_at = await self._keep(text)
            message["content"] = None
            message["audio"] = {"id": self.audio_id, "data": audio, "expires_at": expires_at, "transcript": text}
        body = await _encoded(completion.document(message), len(message.get("audio", {}).get("data", b"")))
        await self.reply.whole(200, headers, body)


def _segment(index: int, spoken: Spoken) -> dict[str, object]:
    return {
        "index": index,
        "text": spoken.passage.text,
        "audio_duration": round(spoken.duration_s, 3),
        "provider": spoken.route.provider,
    }


def _summary(tally: Tally, muted: RouterError | None) -> dict[str, object]:
    """What cannot be said in headers any more, as in `speech.audio.done`."""
    summary: dict[str, object] = {
        "audio_duration": round(tally.duration_s, 3),
        "generation_time": round(tally.generation_s, 3),
        "substitution": tally.substitution,
        "segments": told.segments_of(tally.parts),
    }
    if muted is not None:
        summary["error"] = {"message": muted.message, "code": muted.code, "reason": muted.reason}
    return summary


async def _encoded(document: Mapping[str, Any], audio_bytes: int) -> bytes:
    """As JSON, in which msgspec makes base64 of bytes (RFC 4648 §4)."""
    if audio_bytes < LARGE_BYTES:
        return msgspec.json.encode(document)
    return await asyncio.to_thread(msgspec.json.encode, document)


def _event(document: Mapping[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(document) + b"\n\n"
