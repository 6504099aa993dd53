"""A tts-node of this project. It speaks segments as PCM, tells its state on /health and its engines and voices
on OpenAI-shaped lists."""

from collections.abc import Mapping
from typing import Final

import msgspec

from router.domain import BYTES_PER_SAMPLE, Model, ProviderCard, Segment, Utterance, Voice
from router.errors import Malformed, UpstreamFault
from router.health import HostSign, ProviderSign
from router.ports import Probe
from router.providers.openai import ask_for_speech, speech_body, utterance_of
from router.providers.origin import Origin, decoded, probe_of

_SIGNS: Final[Mapping[str, ProviderSign]] = {
    "up": ProviderSign.READY,
    "cold": ProviderSign.COLD,
    "loading": ProviderSign.LOADING,
    "yielded": ProviderSign.YIELDED,
    "draining": ProviderSign.DRAINING,
}


class _Health(msgspec.Struct):
    state: str
    voices_revision: str = ""


class _ModelEntry(msgspec.Struct):
    id: str
    state: str | None = None


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

    def __repr__(self) -> str:
        return f"<TtsNode {self.card.id} {self._origin!r}>"

    async def probe(self) -> Probe:
        """GET /health; the lists only when `voices_revision` says that they changed."""
        try:
            health = decoded(await self._origin.look("/health"), _Health, "its /health")
            sign = _SIGNS.get(health.state)
            if sign is None:
                raise Malformed(f"its /health says {health.state!r}, which is no state of a tts-node")
            if health.voices_revision == self._revision:
                return Probe(HostSign.ANSWERED, sign)
            models = decoded(await self._origin.look("/v1/models"), _ModelList, "its model list")
            voices = decoded(await self._origin.look("/v1/audio/voices"), _VoiceList, "its voice list")
        except UpstreamFault as fault:
            self._revision = None  # it may come back as another
            return probe_of(fault)
        self._revision = health.voices_revision
        return Probe(
            HostSign.ANSWERED,
            sign,
            "",
            tuple(Model(entry.id, entry.state) for entry in models.data),
            tuple(Voice(v.id, v.name or v.id, v.language, v.gender) for v in voices.voices),
        )

    async def speak(self, segment: Segment, model: str, request_id: str) -> Utterance:
        """See `ports.SpeechProvider.speak`."""
        body = speech_body(segment, model, "pcm") | {"segment": True}
        head, pcm = await ask_for_speech(self._origin, "/v1/audio/speech", self.card, body, request_id)
        if len(pcm) % BYTES_PER_SAMPLE:
            raise Malformed("sent half a sample of PCM")
        return utterance_of(head, pcm)

    async def aclose(self) -> None:
        await self._origin.aclose()
