"""Cartesia: `POST /tts/bytes` for bare samples at 24 kHz, `GET /voices`. Version 2026-08-14 of its API (SDK
4.2.0); older ones are spoken too: before that date a voice is `{"mode", "id"}`, before 2026-03-01 errors are text.

It lists no models and tells no cost. Speed, volume and emotion are for sonic-3 and later; older ones ignore them.
"""

import re
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from router.config.provider_settings import CartesiaProvider
from router.domain import SAMPLE_RATE_HZ, Model, ProviderCard, Segment, Voice
from router.errors import UpstreamFault
from router.health import HostSign, ProviderSign
from router.ports import Header, Monotonic, Probe
from router.providers.asking import Complaint, Question
from router.providers.cloud_speech import CloudSpeech
from router.providers.origin import Origin, decoded, probe_of
from router.providers.voice_pages import PAGE_SIZE
from router.speech.expression import mood_of, number_in, word_in

SPEEDS: Final = (0.6, 1.5)
VOLUMES: Final = (0.5, 2.0)
_VOICE_IS_AN_ID: Final = "2026-08-14"  # from this version on; dates of this form are in order as text
_TOO_OLD: Final = re.compile(r"^sonic(-2|-turbo|-english|-multilingual|-preview|$)")  # for a generation_config
_FORMAT: Final = {"container": "raw", "encoding": "pcm_s16le", "sample_rate": SAMPLE_RATE_HZ}
_UNPAID: Final = frozenset({"quota_exceeded", "insufficient_credits", "credits_exhausted"})
_GENDERS: Final = {"masculine": "male", "feminine": "female"}


class _VoiceEntry(msgspec.Struct):
    id: str
    name: str | None = None
    language: str | None = None
    gender: str | None = None

    @property
    def voice(self) -> Voice:
        gender = _GENDERS.get(self.gender or "", self.gender)
        return Voice(self.id, self.name or self.id, self.language, gender)


class _VoicePage(msgspec.Struct):
    data: list[_VoiceEntry]
    has_more: bool = False


def version_header(version: str) -> Header:
    """What every request has to carry."""
    return b"Cartesia-Version", version.encode()


class Cartesia(CloudSpeech):
    """Implements `ports.SpeechProvider`."""

    def __init__(self, card: ProviderCard, origin: Origin, clock: Monotonic, entry: CartesiaProvider) -> None:
        super().__init__(card, origin, clock, voice=entry.voice)
        self._has_modes = entry.version < _VOICE_IS_AN_ID
        self._models = tuple(Model(name) for name in card.known_models)

    async def probe(self) -> Probe:
        """GET /voices, which asks for the key and costs nothing: a page when one is due, else a single one."""
        now = self._clock()
        try:
            if self._pages.is_due(now):
                voices, cursor = await self._page(self._pages.cursor, self._origin.probe_deadline_s)
                self._pages.take(voices, cursor, now)
            else:
                await self._origin.look("/voices?limit=1")
        except UpstreamFault as fault:
            self._pages.renew()
            return probe_of(fault)
        return Probe(HostSign.ANSWERED, ProviderSign.READY, self._trouble, self._models, self._pages.told)

    async def _page(self, cursor: str | None, deadline_s: float) -> tuple[list[Voice], str | None]:
        query = {"limit": str(PAGE_SIZE)} | ({"starting_after": cursor} if cursor is not None else {})
        body = await self._origin.look(f"/voices?{urlencode(query)}", deadline_s=deadline_s)
        page = decoded(body, _VoicePage, "its voice list")
        voices = [entry.voice for entry in page.data]
        return voices, voices[-1].id if page.has_more and voices else None

    def _speeds(self, model: str) -> tuple[float, float]:
        return (1.0, 1.0) if _TOO_OLD.match(model) else SPEEDS

    def _question(self, segment: Segment, model: str, voice: str) -> Question:
        body: dict[str, object] = {
            "model_id": model,
            "transcript": segment.text,
            "voice": {"mode": "id", "id": voice} if self._has_modes else {"id": voice},
            "output_format": _FORMAT,
        }
        if segment.language:
            body["language"] = segment.language.partition("-")[0].lower()
        config = self._config(segment)
        if config and not _TOO_OLD.match(model):
            body["generation_config"] = config
        return Question("/tts/bytes", body, understand=understood)

    def _config(self, segment: Segment) -> dict[str, object]:
        """Raises InvalidRequest."""
        config: dict[str, object] = {"speed": segment.speed} if segment.speed != 1 else {}
        volume, emotion = number_in(segment.options, "volume", *VOLUMES), word_in(segment.options, "emotion")
        if volume is not None:
            config["volume"] = volume
        if emotion is not None:
            config["emotion"] = mood_of(emotion)
        return config


def understood(body: bytes) -> Complaint:
    """JSON, or before 2026-03-01 `Title: Message`."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Complaint(body.decode("utf-8", "replace")[:300])
    if not isinstance(document, dict):
        return Complaint()
    title, message, code = (_text(document, name) for name in ("title", "message", "error_code"))
    said = ": ".join(part for part in (title, message) if part)
    return Complaint(said, code=code or None, is_unpaid=code in _UNPAID)


def _text(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    return value[:300] if isinstance(value, str) else ""
