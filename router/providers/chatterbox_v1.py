"""A Chatterbox server of a voice agent: `POST /api/v1/tts`, `GET /api/v1/voices`, a Bearer key.

After document 002 ("Chatterbox Integration"), which says what is asked and not what is answered. So whatever may
be meant is taken: a file of any kind, JSON with base64 in it, or bare samples, of which the configured
`audio_format` says what they are.
"""

from dataclasses import replace
from typing import Final

import msgspec

from router.config.provider_settings import AudioFormatSettings, ChatterboxV1Provider
from router.domain import AudioFormat, Model, ProviderCard, Rendition, Segment, Utterance, Voice
from router.errors import Malformed, Rejected, UpstreamFault
from router.health import HostSign, ProviderSign
from router.ports import Probe, ResponseHead
from router.providers.asking import Question, ask, utterance_of
from router.providers.origin import Origin, decoded, probe_of
from router.providers.parcel import Parcel, complaint_of, has_container, pcm_of, unpacked
from router.providers.server import Server
from router.speech.expression import number_in, word_in
from router.speech.wav import open_header

FIRST_VOICE: Final = "voice_1"  # the document's, should it list none
FACTORS: Final = (0.0, 4.0)  # of pitch and volume; the document has no bounds
_USUAL: Final = AudioFormatSettings()
_RATES_HZ: Final = (8_000, 192_000)


class _VoiceEntry(msgspec.Struct):
    id: str
    name: str | None = None
    language: str | None = None
    gender: str | None = None


class _VoiceList(msgspec.Struct):
    voices: list[_VoiceEntry]


def _listed(body: bytes) -> list[_VoiceEntry]:
    """As the document has it, or bare. Raises Malformed."""
    if body.lstrip().startswith(b"["):
        return decoded(body, list[_VoiceEntry], "its voice list")
    return decoded(body, _VoiceList, "its voice list").voices


class ChatterboxV1(Server):
    """Implements `ports.SpeechProvider`."""

    def __init__(self, card: ProviderCard, origin: Origin, entry: ChatterboxV1Provider) -> None:
        super().__init__(card, origin)
        self._entry = entry
        self._models = tuple(Model(name) for name in card.known_models)
        self._usual_voice = entry.voice or FIRST_VOICE

    async def probe(self) -> Probe:
        """GET /api/v1/voices, which asks for the key as well. A server without a list is up all the same."""
        try:
            entries = _listed(await self._origin.look("/api/v1/voices"))
        except Rejected as fault:
            if fault.upstream_status == 404:
                return Probe(HostSign.ANSWERED, ProviderSign.READY, "", self._models)
            return probe_of(fault)
        except UpstreamFault as fault:
            return probe_of(fault)
        if entries and not self._entry.voice:
            self._usual_voice = entries[0].id
        voices = tuple(Voice(each.id, each.name or each.id, each.language, each.gender) for each in entries)
        return Probe(HostSign.ANSWERED, ProviderSign.READY, "", self._models, voices)

    async def speak(self, segment: Segment, model: str, request_id: str) -> Utterance:
        """See `ports.SpeechProvider.speak`."""
        voice = segment.voice or self._usual_voice
        question = Question("/api/v1/tts", self._body(segment, model, voice), understand=complaint_of)
        head, body = await ask(self._origin, self.card, question, request_id)
        parcel = await unpacked(head, body)
        sound = parcel.sound if has_container(parcel.sound) else self._headed(head, parcel)
        spoken = utterance_of(head, await pcm_of(sound, segment))
        took_s = spoken.generation_s
        if took_s is None:
            took_s = parcel.figure("processing_time", "generation_time")
        return replace(spoken, voice=spoken.voice or voice, generation_s=took_s)

    def _body(self, segment: Segment, model: str, voice: str) -> dict[str, object]:
        """The document's words, with what a request says of them, else the configured."""
        entry, options = self._entry, segment.options
        pitch, volume = (number_in(options, name, *FACTORS) for name in ("pitch", "volume"))
        settings = {
            "speed": segment.speed,
            "pitch": pitch or entry.pitch,
            "volume": entry.volume if volume is None else volume,
            "emotion": word_in(options, "emotion") or entry.emotion,
        }
        body: dict[str, object] = {
            "text": segment.text,
            "voice_id": voice,
            "model_id": model,
            "settings": settings,
        }
        if entry.audio_format is not None:
            body["audio_format"] = entry.audio_format.as_asked()
        return body

    def _headed(self, head: ResponseHead, parcel: Parcel) -> bytes:
        """Bare samples as a WAV. Raises Malformed for what can be none."""
        sound = parcel.sound
        if head.content_type.startswith(b"text/"):
            raise Malformed(f"sent {len(sound)} bytes of text for sound")
        asked = self._entry.audio_format or _USUAL
        if not sound or len(sound) % (asked.codec.bits // 8 * asked.channels):
            raise Malformed(f"sent {len(sound)} bytes, which are no whole samples of {asked.codec}")
        told_hz, (lowest, highest) = int(parcel.figure("sample_rate") or 0), _RATES_HZ
        rate_hz = told_hz if lowest <= told_hz <= highest else asked.sample_rate
        return open_header(Rendition(AudioFormat.WAV, rate_hz, asked.channels, codec=asked.codec)) + sound
