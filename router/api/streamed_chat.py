"""A chat that is answered aloud, as OpenAI's chunks (API reference, "Audio" of chat completions): `delta.audio`
has the transcript as it is written and base64 PCM as it is spoken.

The text is the model's, byte for byte, code and marks of emphasis included; what was said of it is told beside
the audio. Beyond OpenAI's fields, the first piece of each segment says which words it is, and the last audio delta
what `speech.audio.done` says.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from router.api import spoken as told
from router.api.aloud import Aloud
from router.api.replies import Replies, new_audio_id
from router.completion import DONE, Chunk
from router.domain import BYTES_PER_S, BYTES_PER_SAMPLE
from router.errors import RouterError
from router.ports import Header
from router.recital import Recital
from router.spoken import NOTHING, Spoken, Tally

PIECE_BYTES: Final = BYTES_PER_S  # a second of PCM in each event
# SDKs join the pieces before they decode, so only the last may end with padding (RFC 4648 §3.2); and in the
# middle of no sample.
_UNPADDED_BYTES: Final = 3 * BYTES_PER_SAMPLE
_EVENTS: Final[list[Header]] = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
]


@dataclass
class StreamedChat(Aloud):
    """`fails_mute`: without a voice the answer fails."""

    replies: Replies
    fails_mute: bool
    audio_id: str = field(init=False, default_factory=new_audio_id)
    muted: RouterError | None = field(init=False, default=None)
    _texts: list[str] = field(init=False, default_factory=list)
    _last: Chunk | None = field(init=False, default=None)
    _finish: dict[str, Any] | None = field(init=False, default=None)
    _usage: bytes = field(init=False, default=b"")
    _rest: bytes = field(init=False, default=b"")  # of the sound: too little for a piece
    _is_announced: bool = field(init=False, default=False)
    _is_done: bool = field(init=False, default=False)

    @property
    def is_event_stream(self) -> bool:
        return True

    async def send(self, recital: Recital) -> None:
        """See `Aloud.send`. Whoever was interrupted may go on from what was said until then."""
        try:
            await super().send(recital)
        finally:
            if self._is_announced and not self._is_done:
                await self.replies.keep(self.audio_id, "".join(self._texts))
                await self.remember(recital.tally, "failed")

    def mute_all(self, error: RouterError) -> None:
        """Nobody can speak."""
        self.mute(error)

    def mute(self, error: RouterError) -> None:
        """See `Aloud.mute`. The text goes on."""
        if self.fails_mute:
            raise error
        self.muted = error
        self.record.muted = error.reason

    async def wrote(self, chunk: Chunk) -> None:
        """See `Aloud.wrote`."""
        await self._begin()
        if not chunk.has_choices:
            await self._pass_on_later(_event(chunk.document))
            return
        delta = dict(chunk.delta)
        if self._last is None:
            delta = {"role": "assistant", **delta}
        self._last = chunk
        if chunk.text:
            delta = await self._aloud(chunk.text, delta)
        if chunk.finish_reason is None:
            await self.reply.send(_event(chunk.with_delta(delta)))
        elif any(value for name, value in delta.items() if name != "role"):
            await self.reply.send(_event(chunk.with_delta(delta)))
            self._finish = chunk.beside({}, chunk.finish_reason)
        else:
            self._finish = chunk.with_delta({}, chunk.finish_reason)

    async def spoke(self, spoken: Spoken) -> None:
        """See `Aloud.spoke`."""
        pcm = self._rest + spoken.pcm
        whole = len(pcm) - len(pcm) % _UNPADDED_BYTES
        pcm, self._rest = pcm[:whole], pcm[whole:]
        segment: dict[str, Any] = {"segment": _segment(len(self.recital.tally.parts) - 1, spoken)}
        for at in range(0, len(pcm), PIECE_BYTES):
            piece = pcm[at : at + PIECE_BYTES]
            await self._say(piece, segment)
            segment = {}
            self.recital.handed_over(len(piece) / BYTES_PER_S)

    async def finish(self) -> None:
        """See `Aloud.finish`."""
        await self._begin()
        tally = self.recital.tally
        if self._is_announced:
            rest = NOTHING if not tally.parts and self.muted is None else self._rest
            if rest:
                await self._say(rest, {})
            await self.remember(tally, "completed" if self.muted is None else "failed")
            expires_at = await self.replies.keep(self.audio_id, "".join(self._texts))
            await self._send_audio({"expires_at": expires_at, **_summary(tally, self.muted)})
        self._is_done = True
        if self._finish is not None:
            await self.reply.send(_event(self._finish))
        await self.reply.send(self._usage + b"data: " + DONE + b"\n\n", is_last=True)

    async def _begin(self) -> None:
        if not self.reply.is_started:
            muted = [] if self.muted is None else [(b"x-router-audio", self.muted.reason.encode())]
            await self.reply.start(200, [*muted, *_EVENTS])

    async def _pass_on_later(self, event: bytes) -> None:
        """What is no choice: at once, and behind the end what it is about."""
        if self._finish is None:
            await self.reply.send(event)
        else:
            self._usage = event

    async def _aloud(self, text: str, delta: dict[str, Any]) -> dict[str, Any]:
        """The delta, its text as a transcript; of an answer that is mute from the start, as it is."""
        self._texts.append(text)
        if self.muted is not None and not self._is_announced:
            return delta
        del delta["content"]
        return {**delta, "audio": {**await self._announced(), "transcript": text}}

    async def _announced(self) -> dict[str, str]:
        """The audio's id, the first time."""
        if self._is_announced:
            return {}
        self._is_announced = True
        await self.remember(Tally(), "in_progress")
        return {"id": self.audio_id}

    async def _say(self, pcm: bytes, more: Mapping[str, Any]) -> None:
        await self._send_audio({**await self._announced(), "data": base64.b64encode(pcm).decode(), **more})

    async def _send_audio(self, audio: Mapping[str, Any]) -> None:
        assert self._last is not None, "nothing is said before something is written"
        await self.reply.send(_event(self._last.beside({"audio": audio})))


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


def _event(document: Mapping[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(document) + b"\n\n"
