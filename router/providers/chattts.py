"""A ChatTTS server: OpenAI's path with fields of its own, eight voices, and figures of its speed.

After document 003 ("ChatTTS Integration Complete", 2025-10-31) and the FastAPI server that it is about. What that
server does not know it replaces without a word (another voice is male_1, another format a WAV) or refuses with 422
(figures out of range); so nothing goes out that it does not know. It computes in its event loop: while it speaks
it answers nobody, /health neither, and only a dial tells that it is there.
"""

from dataclasses import replace
from typing import Final

import msgspec

from router.config.provider_settings import ChatTTSProvider
from router.domain import Model, ProviderCard, Segment, Utterance, Voice
from router.errors import Rejected, UpstreamFault
from router.health import HostSign, ProviderSign
from router.ports import Probe, ResponseHead
from router.providers.asking import Question, ask, seconds, utterance_of
from router.providers.origin import Origin, decoded, probe_of
from router.providers.parcel import Parcel, complaint_of, pcm_of, unpacked
from router.providers.server import Server
from router.speech.expression import number_in
from router.speech.stretching import Speed

PRESETS: Final = (
    *("female_1", "female_2", "female_3"),
    *("male_1", "male_2", "male_3"),
    *("neutral_1", "neutral_2"),
)
SPEEDS: Final = (0.5, 2.0)
TEMPERATURES: Final = (0.1, 1.0)
TOP_PS: Final = (0.5, 1.0)
TOP_KS: Final = (10, 30)


class _Health(msgspec.Struct):
    status: str = "healthy"
    available_voices: list[str] = []


class ChatTTS(Server):
    """Implements `ports.SpeechProvider`."""

    def __init__(self, card: ProviderCard, origin: Origin, entry: ChatTTSProvider) -> None:
        super().__init__(card, origin)
        self._entry = entry
        self._models = tuple(Model(name) for name in card.known_models)
        self._presets: tuple[str, ...] = PRESETS
        self._asked = 0  # how many segments it speaks for us just now

    async def probe(self) -> Probe:
        """GET /health; while it speaks for us a dial, which says of its state nothing unless nobody listens."""
        if self._asked:
            return await self.dialled(None)
        try:
            health = decoded(await self._origin.look("/health"), _Health, "its /health")
        except Rejected as fault:
            if fault.upstream_status != 404:  # 503 while its model loads
                return probe_of(fault)
            health = _Health()
        except UpstreamFault as fault:
            return probe_of(fault)  # silence is SLOW: it may speak for somebody else
        if health.status != "healthy":
            return Probe(HostSign.ANSWERED, ProviderSign.FAULT, f"says that it is {health.status[:100]}")
        self._presets = tuple(health.available_voices) or PRESETS
        voices = tuple(Voice(each, _name(each), gender=_gender(each)) for each in self._presets)
        return Probe(HostSign.ANSWERED, ProviderSign.READY, "", self._models, voices)

    async def speak(self, segment: Segment, model: str, request_id: str) -> Utterance:
        """See `ports.SpeechProvider.speak`."""
        del model  # it has one
        voice, speed = self._voice(segment), Speed.of(segment.speed, *SPEEDS)
        question = Question("/v1/audio/speech", self._body(segment, voice, speed.asked), understand=complaint_of)
        self._asked += 1
        try:
            head, body = await ask(self._origin, self.card, question, request_id)
        finally:
            self._asked -= 1
        parcel = await unpacked(head, body)
        spoken = utterance_of(head, await pcm_of(parcel.sound, segment, speed.left))
        took_s = _generation_s(head, parcel, spoken.duration_s * speed.left)
        return replace(spoken, voice=voice, generation_s=spoken.generation_s if took_s is None else took_s)

    def _voice(self, segment: Segment) -> str:
        """One that it has: of any other it would speak with a man's."""
        wanted, usual = segment.voice, self._entry.voice
        if wanted in self._presets:
            return wanted
        return usual if usual in self._presets else self._presets[0]

    def _body(self, segment: Segment, voice: str, speed: float) -> dict[str, object]:
        """The document's words, each within its range; what a request does not say is as configured."""
        entry, options = self._entry, segment.options
        temperature = number_in(options, "temperature", *TEMPERATURES)
        top_p, top_k = number_in(options, "top_p", *TOP_PS), number_in(options, "top_k", *TOP_KS)
        refines = options.get("use_refine")
        return {
            "text": segment.text,
            "voice": voice,
            "speed": speed,
            "temperature": entry.temperature if temperature is None else temperature,
            "top_p": entry.top_p if top_p is None else top_p,
            "top_k": entry.top_k if top_k is None else round(top_k),
            "response_format": "wav",
            "use_refine": refines if isinstance(refines, bool) else entry.use_refine,
        }


def _generation_s(head: ResponseHead, parcel: Parcel, duration_s: float) -> float | None:
    """How long it took to speak `duration_s`, as it says itself: by the clock, else by its real-time factor."""
    took_s = seconds(head.get(b"x-processing-time"))
    if took_s is None:
        took_s = parcel.figure("processing_time", "generation_time")
    if took_s is not None:
        return took_s
    rtf = seconds(head.get(b"x-rtf"))
    if rtf is None:
        rtf = parcel.figure("rtf", "RTF")
    return None if rtf is None else rtf * duration_s


def _name(preset: str) -> str:
    """`female_1` is shown as "Female 1"."""
    return preset.replace("_", " ").capitalize()


def _gender(preset: str) -> str | None:
    kind = preset.partition("_")[0]
    return kind if kind in {"female", "male", "neutral"} else None
