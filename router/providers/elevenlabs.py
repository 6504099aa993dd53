"""ElevenLabs: API v1 as of its SDK 2.78.0 (2026-10). A segment is asked for as `pcm_24000`, the house's format.

Its models differ: v3 takes no speed, style or neighbouring text, and the v2 multilingual one takes no language.
What an answer cost stands in `character-cost`; it is not the length of the text. Errors are read by `code`, before
2026 by `status` (elevenlabs.io/docs/eleven-api/resources/errors).
"""

from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

import msgspec

from router.config.provider_settings import ElevenLabsProvider
from router.domain import Model, ProviderCard, Segment, Voice
from router.errors import UpstreamFault
from router.health import HostSign, ProviderSign
from router.ports import Monotonic, Probe, ResponseHead
from router.providers.asking import Complaint, Question
from router.providers.cloud_speech import CloudSpeech
from router.providers.origin import Origin, decoded, probe_of
from router.providers.voice_pages import PAGE_SIZE
from router.speech.expression import exaggeration_in, number_in, stability_of, style_of

KEY_HEADER: Final = b"xi-api-key"
SPEEDS: Final = (0.7, 1.2)
SEEDS: Final = 2**32
_FORMAT: Final = "pcm_24000"
_GUESSES_LANGUAGE: Final = ("eleven_multilingual", "eleven_monolingual", "eleven_english")  # and refuse to be told
_TAKES_ONLY_STABILITY: Final = "eleven_v3"
_UNPAID: Final = frozenset({"quota_exceeded", "insufficient_credits"})
_TEMPERATURES: Final = (0.0, 5.0)


class _ModelEntry(msgspec.Struct):
    model_id: str
    can_do_text_to_speech: bool | None = True


class _VoiceEntry(msgspec.Struct):
    voice_id: str
    name: str | None = None
    labels: dict[str, Any] | None = None

    @property
    def voice(self) -> Voice:
        labels = {key: value for key, value in (self.labels or {}).items() if isinstance(value, str)}
        return Voice(self.voice_id, self.name or self.voice_id, labels.get("language"), labels.get("gender"))


class _VoicePage(msgspec.Struct):
    voices: list[_VoiceEntry]
    has_more: bool = False
    next_page_token: Annotated[str, msgspec.Meta(max_length=1000)] | None = None


class ElevenLabs(CloudSpeech):
    """Implements `ports.SpeechProvider`."""

    def __init__(self, card: ProviderCard, origin: Origin, clock: Monotonic, entry: ElevenLabsProvider) -> None:
        super().__init__(card, origin, clock, voice=entry.voice)
        self._usual = {
            "stability": entry.stability,
            "similarity_boost": entry.similarity_boost,
            "style": entry.style,
        }
        self._models: tuple[Model, ...] = ()

    async def probe(self) -> Probe:
        """GET /v1/models, which asks for the key and costs nothing; a page of the voices now and then, and when
        the models have changed: the key may be another account's."""
        since = self._clock()
        try:
            listing = decoded(await self._origin.look("/v1/models"), list[_ModelEntry], "its model list")
        except UpstreamFault as fault:
            return probe_of(fault)
        names = [entry.model_id for entry in listing if entry.can_do_text_to_speech]
        models = tuple(Model(name) for name in dict.fromkeys([*names, *self.card.known_models]))
        if models != self._models:
            self._pages.renew()
        self._models = models
        await self._read_page(since)
        return Probe(HostSign.ANSWERED, ProviderSign.READY, self._trouble, models, self._pages.told)

    async def _page(self, cursor: str | None, deadline_s: float) -> tuple[list[Voice], str | None]:
        query = {"page_size": str(PAGE_SIZE)} | ({"next_page_token": cursor} if cursor is not None else {})
        body = await self._origin.look(f"/v2/voices?{urlencode(query)}", deadline_s=deadline_s)
        page = decoded(body, _VoicePage, "its voice list")
        return [entry.voice for entry in page.voices], page.next_page_token if page.has_more else None

    def _speeds(self, model: str) -> tuple[float, float]:
        return (1.0, 1.0) if model.startswith(_TAKES_ONLY_STABILITY) else SPEEDS

    def _question(self, segment: Segment, model: str, voice: str) -> Question:
        body: dict[str, object] = {"text": segment.text, "seed": segment.seed % SEEDS}
        if model:
            body["model_id"] = model
        if segment.language and not model.startswith(_GUESSES_LANGUAGE):
            body["language_code"] = segment.language.partition("-")[0].lower()
        settings = self._settings(segment, model)
        if settings:
            body["voice_settings"] = settings
        path = f"/v1/text-to-speech/{quote(voice, safe='')}?output_format={_FORMAT}"
        return Question(path, body, understand=understood)

    def _settings(self, segment: Segment, model: str) -> dict[str, object]:
        """What the request says, in its words or in ours, else what is configured, else nothing: the voice has
        settings of its own. Raises InvalidRequest."""
        options = segment.options
        told = {name: number_in(options, name, 0.0, 1.0) for name in self._usual}
        temperature, exaggeration = number_in(options, "temperature", *_TEMPERATURES), exaggeration_in(options)
        if told["stability"] is None and temperature is not None:
            told["stability"] = stability_of(temperature)
        if told["style"] is None and exaggeration is not None:
            told["style"] = style_of(exaggeration)
        merged = {name: self._usual[name] if value is None else value for name, value in told.items()}
        settings: dict[str, object] = {name: value for name, value in merged.items() if value is not None}
        if model.startswith(_TAKES_ONLY_STABILITY):
            return {name: value for name, value in settings.items() if name == "stability"}
        if isinstance(options.get("use_speaker_boost"), bool):
            settings["use_speaker_boost"] = options["use_speaker_boost"]
        if segment.speed != 1:
            settings["speed"] = segment.speed
        return settings

    def _billed(self, head: ResponseHead) -> int | None:
        said = head.get(b"character-cost")
        return int(said) if said is not None and said.isdigit() and len(said) < 10 else None


def understood(body: bytes) -> Complaint:
    """`detail`: an object, for a body it does not understand pydantic's list, on some routes a text."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Complaint()
    detail = document.get("detail") if isinstance(document, dict) else None
    match detail:
        case str():
            return Complaint(detail)
        case [dict() as first, *_]:
            where = first.get("loc")
            param = ".".join(str(part) for part in where[1:]) if isinstance(where, list) else None
            return Complaint(f"{param or 'body'}: {_text(first.get('msg'))}", param or None)
        case dict():
            return _of_object(detail)
    return Complaint()


def _of_object(detail: dict[str, Any]) -> Complaint:
    codes = [_text(detail.get(name)) for name in ("code", "status")]
    message = _text(detail.get("message"))
    if "voice_not_found" in codes:
        message += " voices.NAME.use maps a name to one of its voice ids."
    code = next((code for code in codes if code), None)
    return Complaint(message, _text(detail.get("param")) or None, code, not _UNPAID.isdisjoint(codes))


def _text(value: object) -> str:
    return value[:300] if isinstance(value, str) else ""
