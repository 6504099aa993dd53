"""Any OpenAI-compatible server: Ollama, llama.cpp, vLLM, LM Studio, a gaming PC's manager, another router.

Chat and its kin pass through as they are. Speech is asked for as WAV, which every such server has, and decoded
to the house's PCM; so it does not matter whether the server really sends WAV, nor whether it sends it in events.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import msgspec

from router.answers import error_code, error_message, error_param, rejection
from router.domain import ENDPOINT_PATHS, Endpoint, Model, ProviderCard, Segment, Utterance
from router.errors import InvalidRequest, Malformed, Rejected, UpstreamFault, VoiceMissing
from router.health import HostSign, ProviderSign
from router.ports import Body, Exchange, Header, Probe, ResponseHead, Sink
from router.providers.origin import Origin, decoded, probe_of, request_headers
from router.providers.spoken_events import SpokenEvents, is_events
from router.speech.checking import longest_s
from router.transport import Inbox

MAX_SPEECH_BYTES: Final = 64 * 1024 * 1024  # 22 minutes of 24 kHz PCM
MAX_FAULT_BYTES: Final = 1024 * 1024  # of an answer that says what went wrong
_RICHEST_BYTES_PER_S: Final = 48_000 * 2 * 4  # stereo in 32 bits
_TAGS_BYTES: Final = 1024 * 1024  # headers, and a picture on the cover
_ODD: Final = 2.0  # times the longest that is plausible are decoded, and judged by comparison; more is a bomb
CALLERS_STATUSES: Final = frozenset({400, 413, 422})  # the client's fault, whoever finds it
Read = Callable[[ResponseHead, Inbox], Awaitable[bytes]]
"""Takes the body of an answer. Raises UpstreamFault."""


class _ModelEntry(msgspec.Struct):
    id: str


class _ModelList(msgspec.Struct):
    data: list[_ModelEntry]


class OpenAIServer:
    """Implements `ports.ForwardProvider` and `ports.SpeechProvider`. `speaks_in_events`: it has speech only as
    server-sent events, and wants to be asked for them."""

    def __init__(self, card: ProviderCard, origin: Origin, *, speaks_in_events: bool = False) -> None:
        self.card = card
        self._speaks_in_events = speaks_in_events
        self._origin = origin
        self._known = tuple(Model(name) for name in card.known_models)

    def redact(self, text: str) -> str:
        """See `ports.Provider.redact`."""
        return self._origin.redact(text)

    def __repr__(self) -> str:
        return f"<OpenAIServer {self.card.id} {self._origin!r}>"

    async def probe(self) -> Probe:
        """GET /models, which loads nothing."""
        try:
            listing = decoded(await self._origin.look("/models"), _ModelList, "its model list")
        except Rejected as fault:
            if fault.upstream_status == 404 and self._known:  # a server without a list, and we know its models
                return Probe(HostSign.ANSWERED, ProviderSign.READY, "", self._known)
            return probe_of(fault)
        except UpstreamFault as fault:
            return probe_of(fault)
        models = tuple(Model(entry.id) for entry in listing.data) + self._known
        return Probe(HostSign.ANSWERED, ProviderSign.READY, "", models)

    async def touch(self) -> Probe | None:
        """A dial: an LLM server may be too busy to answer HTTP, its machine's kernel is not."""
        return None if self._origin.is_remote else Probe(await self._origin.touch(), None)

    async def warm(self, model: str | None = None) -> None:
        """Nothing: only an inference loads a model here."""

    async def send(
        self, endpoint: Endpoint, headers: Sequence[Header], body: Body, sink: Sink, *, is_once: bool = False
    ) -> Exchange:
        """See `ports.ForwardProvider.send`."""
        is_once = is_once or self.card.is_billed
        return await self._origin.post(ENDPOINT_PATHS[endpoint], headers, body, sink, is_once=is_once)

    async def speak(self, segment: Segment, model: str, request_id: str) -> Utterance:
        """See `ports.SpeechProvider.speak`."""
        body = speech_body(segment, model, "wav")
        if self._speaks_in_events:
            body["stream_format"] = "sse"
        path = ENDPOINT_PATHS[Endpoint.SPEECH]
        most_s = _ODD * longest_s(segment.text, segment.speed)
        most_bytes = min(MAX_SPEECH_BYTES, _TAGS_BYTES + int(most_s * _RICHEST_BYTES_PER_S))

        async def read(head: ResponseHead, inbox: Inbox) -> bytes:
            if is_events(head):
                return await self._read_events(inbox, most_bytes)
            return await inbox.read_all(self.card.stall_s, most_bytes)

        head, audio = await ask_for_speech(self._origin, path, self.card, body, request_id, read)
        return utterance_of(head, await asyncio.to_thread(_to_pcm, audio, most_s))

    async def _read_events(self, inbox: Inbox, most_bytes: int) -> bytes:
        """To the end, though nothing behind the last event is wanted: the connection is used again."""
        events, size = SpokenEvents(self.redact, most_bytes), 0
        while chunk := await inbox.read(self.card.stall_s):
            size += len(chunk)
            if size > MAX_SPEECH_BYTES:
                raise Malformed(f"the answer is longer than {MAX_SPEECH_BYTES} bytes")
            await asyncio.to_thread(events.feed, chunk)
        return events.audio

    async def aclose(self) -> None:
        await self._origin.aclose()


def _to_pcm(audio: bytes, most_s: float) -> bytes:
    from router.speech.decoding import to_pcm  # PyAV, 17 MB: not where nobody speaks

    return to_pcm(audio, most_s)


def speech_body(segment: Segment, model: str, audio_format: str) -> dict[str, object]:
    """OpenAI's speech request for a segment; what the client left out stays out."""
    body: dict[str, object] = {**segment.options, "model": model, "input": segment.text}
    optional = {"voice": segment.voice, "language": segment.language, "instructions": segment.instructions}
    body |= {key: value for key, value in optional.items() if value is not None}
    return body | {"response_format": audio_format, "speed": segment.speed, "seed": segment.seed}


async def ask_for_speech(
    origin: Origin,
    path: str,
    card: ProviderCard,
    body: Mapping[str, object],
    request_id: str,
    read: Read | None = None,
) -> tuple[ResponseHead, bytes]:
    """POST a speech request to `path`; the whole answer, or what `read` makes of it. Raises UpstreamFault,
    InvalidRequest."""
    inbox = Inbox()
    try:
        inbox.attach(
            await origin.post(
                path, request_headers(request_id), msgspec.json.encode(body), inbox, is_once=card.is_billed
            )
        )
        head = await inbox.read_head(card.first_byte_s)
        if head.status == 200:
            if read is not None:
                return head, await read(head, inbox)
            return head, await inbox.read_all(card.stall_s, MAX_SPEECH_BYTES)
        answer = await inbox.read_all(card.stall_s, MAX_FAULT_BYTES)
    finally:
        inbox.close()
    if head.status in CALLERS_STATUSES:
        said = origin.redact(error_message(answer)) or f"status {head.status}"
        error = InvalidRequest(f"{card.id}: {said}", param=error_param(answer), code="rejected_by_provider")
        error.status = head.status
        raise error
    if head.status == 404 and error_code(answer) == "voice_missing":
        raise VoiceMissing(f"answered with status 404: {origin.redact(error_message(answer))}")
    raise rejection(head, answer, origin.redact)


def utterance_of(head: ResponseHead, pcm: bytes) -> Utterance:
    """PCM and what the headers tell of it."""
    engine, voice, voice_hash = (head.get(b"x-tts-" + name) for name in (b"engine", b"voice", b"voice-hash"))
    return Utterance(
        pcm,
        generation_s=seconds(head.get(b"x-generation-time")),
        engine=engine.decode("latin-1") if engine else None,
        voice=voice.decode("latin-1") if voice else None,
        voice_hash=voice_hash.decode("latin-1") if voice_hash else None,
    )


def seconds(value: bytes | None) -> float | None:
    """A header's decimal seconds; None when there are none, or none that can be."""
    try:
        seconds = float(value) if value is not None else -1.0
    except ValueError:
        return None
    return seconds if 0 <= seconds < 86_400 else None
