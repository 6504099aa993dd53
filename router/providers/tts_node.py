"""A tts-node of this project. It speaks segments as PCM, tells its state on /health and its engines and voices
on OpenAI-shaped lists."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import msgspec

from router.domain import BYTES_PER_SAMPLE, Model, ProviderCard, Segment, Utterance, Voice
from router.errors import Malformed, Silent, UpstreamFault
from router.health import HostSign, ProviderSign
from router.ports import Probe
from router.providers.node_voices import NodeVoices
from router.providers.openai import ask_for_speech, seconds, speech_body, utterance_of
from router.providers.origin import (
    TOUCH_DEADLINE_S,
    Origin,
    decoded,
    probe_of,
    request_headers,
)
from router.transport import Inbox

_log = logging.getLogger(__name__)
_DURATION_TOLERANCE_S: Final = 0.05
_SIGNS: Final[Mapping[str, ProviderSign]] = {
    "up": ProviderSign.READY,
    "cold": ProviderSign.COLD,
    "loading": ProviderSign.LOADING,
    "yielded": ProviderSign.YIELDED,
    "draining": ProviderSign.DRAINING,
}


class _Queue(msgspec.Struct):
    depth: int = 0
    busy: bool = False


class _Health(msgspec.Struct):
    state: str
    voices_revision: str = ""
    eta_s: float | None = None
    queue: _Queue = msgspec.field(default_factory=_Queue)


class _ModelEntry(msgspec.Struct):
    id: str
    state: str | None = None
    cloning: bool = False


class _ModelList(msgspec.Struct):
    data: list[_ModelEntry]


class _VoiceEntry(msgspec.Struct):
    id: str
    name: str = ""
    language: str | None = None
    gender: str | None = None


class _VoiceList(msgspec.Struct):
    voices: list[_VoiceEntry]


class TtsNode:
    """Implements `ports.SpeechProvider`."""

    def __init__(self, card: ProviderCard, origin: Origin) -> None:
        self.card = card
        self._origin = origin
        self._revision: str | None = None
        self.voices = NodeVoices(origin)

    def __repr__(self) -> str:
        return f"<TtsNode {self.card.id} {self._origin!r}>"

    def redact(self, text: str) -> str:
        """See `ports.Provider.redact`."""
        return self._origin.redact(text)

    async def probe(self) -> Probe:
        """GET /health; the lists only when `voices_revision` says that they changed."""
        try:
            probe, revision = await self._health(self._origin.probe_deadline_s)
            if revision == self._revision:
                return probe
            models = decoded(await self._origin.look("/v1/models"), _ModelList, "its model list")
            voices = decoded(await self._origin.look("/v1/audio/voices"), _VoiceList, "its voice list")
        except UpstreamFault as fault:
            self._revision = None  # it may come back as another
            return _probe_of(fault)
        self._revision = revision
        return replace(
            probe,
            models=tuple(Model(entry.id, entry.state, entry.cloning) for entry in models.data),
            voices=tuple(Voice(v.id, v.name or v.id, v.language, v.gender) for v in voices.voices),
        )

    async def touch(self) -> Probe | None:
        """GET /health, which a node answers at once whatever its model does."""
        if self._origin.is_remote:
            return None
        try:
            return (await self._health(TOUCH_DEADLINE_S))[0]
        except UpstreamFault as fault:
            return _probe_of(fault)

    async def warm(self) -> None:
        """POST /warm."""
        inbox = Inbox()
        try:
            inbox.attach(await self._origin.post("/warm", request_headers("warm"), b"", inbox))
            await inbox.read_head(self._origin.probe_deadline_s)
        except UpstreamFault as fault:
            _log.info("%s could not be warmed: %s", self.card.id, fault.message)
        finally:
            inbox.close()

    async def _health(self, deadline_s: float) -> tuple[Probe, str]:
        health = decoded(await self._origin.look("/health", deadline_s=deadline_s), _Health, "its /health")
        sign = _SIGNS.get(health.state)
        if sign is None:
            raise Malformed(f"its /health says {health.state!r}, which is no state of a tts-node")
        queued = health.queue.depth + health.queue.busy
        return Probe(HostSign.ANSWERED, sign, eta_s=health.eta_s, queued=queued), health.voices_revision

    async def speak(self, segment: Segment, model: str, request_id: str) -> Utterance:
        """See `ports.SpeechProvider.speak`."""
        body = speech_body(segment, model, "pcm") | {"segment": True}
        head, pcm = await ask_for_speech(self._origin, "/v1/audio/speech", self.card, body, request_id)
        if len(pcm) % BYTES_PER_SAMPLE:
            raise Malformed("sent half a sample of PCM")
        spoken = utterance_of(head, pcm)
        said_s = seconds(head.get(b"x-audio-duration"))
        if said_s is not None and abs(said_s - spoken.duration_s) > _DURATION_TOLERANCE_S:
            raise Malformed(f"sent {spoken.duration_s:.2f} s of audio and says that it is {said_s:.2f} s")
        return spoken

    async def aclose(self) -> None:
        await self._origin.aclose()


def _probe_of(fault: UpstreamFault) -> Probe:
    """As for any origin, but silence after a dial is a sign: a node always answers at once."""
    if isinstance(fault, Silent):
        return Probe(HostSign.ANSWERED, ProviderSign.MUTE, "accepts connections, answers nothing")
    return probe_of(fault)
