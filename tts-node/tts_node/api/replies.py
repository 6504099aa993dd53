"""The three shapes a spoken reply has: complete with its figures, streamed audio, server-sent events.

Rule: nothing is sent before the first audio exists, so that every earlier fault has its true status. A fault
after the first byte cuts the connection (`Cut`): a short body is never taken for a whole one.
"""

import base64
from collections.abc import AsyncIterator, Callable

import msgspec
from starlette.types import Message, Send

from tts_node.api.http import error_content, put
from tts_node.domain import (
    BYTES_PER_SAMPLE,
    SAMPLE_RATE,
    TOKENS_PER_AUDIO_SECOND,
    Outcome,
    Speech,
    SpeechRequest,
)
from tts_node.errors import NodeError
from tts_node.life.utterance import Utterance
from tts_node.node import Order
from tts_node.options import warning_of
from tts_node.sound.layout import media_type_of
from tts_node.sound.rendering import Rendering, rendering_of
from tts_node.threads import Threads

_SLICE_BYTES = SAMPLE_RATE * BYTES_PER_SAMPLE  # a second of audio per hop to a thread


class Cut(Exception):
    """The reply ends unfinished."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class Reply:
    """One reply to one order."""

    def __init__(self, order: Order, send: Send, threads: Threads, stall_s: float) -> None:
        self._order = order
        self._send = send
        self._threads = threads
        self._stall_s = stall_s
        self._headers = [
            (b"x-tts-engine", order.model.descriptor.id.encode()),
            (b"x-tts-voice", order.voice.id.encode()),
            *([(b"x-tts-warning", warning.encode())] if (warning := warning_of(order.ignored)) else []),
            *([(b"x-tts-voice-hash", order.job.clip.hash.encode())] if order.job.clip else []),
        ]

    @property
    def _media_type(self) -> bytes:
        return media_type_of(self._order.request.format, self._order.request.layout).encode()

    def _rendering(self, *, is_whole: bool) -> Rendering:
        has_speed = self._order.model.descriptor.has_speed
        return rendering_of(self._order.request, has_speed=has_speed, is_whole=is_whole)

    async def complete(self, utterance: Utterance, on_first: Callable[[], None]) -> None:
        """Everything at once: Content-Length, duration and generation time in the header."""
        rendering = self._rendering(is_whole=True)
        try:
            parts = [part async for part in self._encoded(utterance, rendering, on_first)]
        finally:
            rendering.close()
        body = b"".join(parts)
        await self._start(
            self._media_type,
            (b"content-length", str(len(body)).encode()),
            *figures(heard(utterance, rendering)),
        )
        await self._put({"type": "http.response.body", "body": body})

    async def stream(self, utterance: Utterance, on_first: Callable[[], None]) -> None:
        """Chunked, as generated."""
        rendering = self._rendering(is_whole=False)
        is_started = False
        try:
            async for part in self._encoded(utterance, rendering, on_first):
                if not is_started:
                    is_started = True
                    await self._start(self._media_type)
                await self._more(part)
            await self._put({"type": "http.response.body", "body": b""})
        except NodeError as exc:
            if is_started:
                raise Cut(exc.outcome) from exc
            raise
        finally:
            rendering.close()

    async def events(self, utterance: Utterance, on_first: Callable[[], None]) -> None:
        """`speech.audio.delta` …, `speech.audio.done`; an `error` event before a cut."""
        rendering = self._rendering(is_whole=False)
        is_started = False
        try:
            async for part in self._encoded(utterance, rendering, on_first):
                if not is_started:
                    is_started = True
                    await self._start(b"text/event-stream", (b"cache-control", b"no-cache"))
                await self._more(delta_event(part))
            await self._more(done_event(self._order.request, heard(utterance, rendering)))
            await self._put({"type": "http.response.body", "body": b""})
        except NodeError as exc:
            if is_started:
                await self._more(error_event(exc))
                raise Cut(exc.outcome) from exc
            raise
        finally:
            rendering.close()

    async def _encoded(
        self, utterance: Utterance, rendering: Rendering, on_first: Callable[[], None]
    ) -> AsyncIterator[bytes]:
        """The reply's bytes, none of them empty."""
        is_first = True
        async for pcm in utterance.pieces():
            if is_first:
                is_first = False
                on_first()
            for start in range(0, len(pcm), _SLICE_BYTES):
                if part := await self._code(rendering, rendering.feed, pcm[start : start + _SLICE_BYTES]):
                    yield part
        if part := await self._code(rendering, rendering.finish):
            yield part

    async def _code(self, rendering: Rendering, step: Callable[..., bytes], *pcm: bytes) -> bytes:
        return await self._threads.run(step, *pcm) if rendering.is_slow else step(*pcm)

    async def _start(self, media_type: bytes, *headers: tuple[bytes, bytes]) -> None:
        await self._put(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", media_type), *headers, *self._headers],
            }
        )

    async def _more(self, body: bytes) -> None:
        await self._put({"type": "http.response.body", "body": body, "more_body": True})

    async def _put(self, message: Message) -> None:
        await put(self._send, message, self._stall_s)


def heard(utterance: Utterance, rendering: Rendering) -> Speech:
    """What the client hears, which tempo makes longer or shorter than what was generated."""
    return Speech(rendering.heard_s, utterance.speech.generation_time_s)


def figures(speech: Speech) -> list[tuple[bytes, bytes]]:
    """Both headers, in decimal seconds."""
    return [
        (b"x-audio-duration", f"{speech.audio_duration_s:.6f}".encode()),
        (b"x-generation-time", f"{speech.generation_time_s:.6f}".encode()),
    ]


def _event(content: object) -> bytes:
    return b"data: " + msgspec.json.encode(content) + b"\n\n"


def delta_event(part: bytes) -> bytes:
    """A piece of the encoded audio."""
    return _event({"type": "speech.audio.delta", "audio": base64.b64encode(part).decode()})


def done_event(request: SpeechRequest, speech: Speech) -> bytes:
    """The end, with usage: a character is an input token, 40 ms of audio an output token, for every engine."""
    spoken = round(speech.audio_duration_s * TOKENS_PER_AUDIO_SECOND)
    usage = {
        "input_tokens": len(request.text),
        "output_tokens": spoken,
        "total_tokens": len(request.text) + spoken,
    }
    return _event(
        {
            "type": "speech.audio.done",
            "usage": usage,
            "audio_duration": round(speech.audio_duration_s, 6),
            "generation_time": round(speech.generation_time_s, 6),
        }
    )


def error_event(error: NodeError) -> bytes:
    """What went wrong after the first byte."""
    return b"event: error\n" + _event({"type": "error", **error_content(error)})
