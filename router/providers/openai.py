"""Any OpenAI-compatible server: Ollama, llama.cpp, vLLM, LM Studio, a gaming PC's manager, another router.

Chat and its kin pass through as they are. Speech is asked for as WAV, which every such server has, and decoded
to the house's PCM; so it does not matter whether the server really sends WAV, nor whether it sends it in events.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from router.domain import ENDPOINT_PATHS, Endpoint, Model, ProviderCard, Segment, Utterance
from router.errors import Malformed, Rejected, UpstreamFault
from router.health import HostSign, ProviderSign
from router.ports import Body, Exchange, Header, Probe, ResponseHead, Sink
from router.providers.asking import MAX_SPEECH_BYTES, Question, ask, utterance_of
from router.providers.origin import Origin, decoded, probe_of
from router.providers.server import Server
from router.providers.spoken_events import SpokenEvents, is_events
from router.speech.checking import longest_s
from router.transport import Inbox

_RICHEST_BYTES_PER_S: Final = 48_000 * 2 * 4  # stereo in 32 bits
_TAGS_BYTES: Final = 1024 * 1024  # headers, and a picture on the cover
_ODD: Final = 2.0  # times the longest that is plausible are decoded, and judged by comparison; more is a bomb


class _ModelEntry(msgspec.Struct):
    id: str


class _ModelList(msgspec.Struct):
    data: list[_ModelEntry]


class OpenAIServer(Server):
    """Implements `ports.ForwardProvider` and `ports.SpeechProvider`. `speaks_in_events`: it has speech only as
    server-sent events, and wants to be asked for them."""

    def __init__(self, card: ProviderCard, origin: Origin, *, speaks_in_events: bool = False) -> None:
        super().__init__(card, origin)
        self._speaks_in_events = speaks_in_events
        self._known = tuple(Model(name) for name in card.known_models)

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

        head, audio = await ask(self._origin, self.card, Question(path, body, read=read), request_id)
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


def _to_pcm(audio: bytes, most_s: float) -> bytes:
    from router.speech.decoding import to_pcm  # PyAV, 17 MB: not where nobody speaks

    return to_pcm(audio, most_s)


def speech_body(segment: Segment, model: str, audio_format: str) -> dict[str, object]:
    """OpenAI's speech request for a segment; what the client left out stays out."""
    body: dict[str, object] = {**segment.options, "model": model, "input": segment.text}
    optional = {"voice": segment.voice, "language": segment.language, "instructions": segment.instructions}
    body |= {key: value for key, value in optional.items() if value is not None}
    return body | {"response_format": audio_format, "speed": segment.speed, "seed": segment.seed}
