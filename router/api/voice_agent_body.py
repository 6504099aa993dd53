"""A voice agent's `POST /api/v1/tts` (document 002, "Chatterbox Integration"), checked field by field.

The document says what is asked, not within which bounds: those of speed are the router's, pitch and volume are
factors up to 4. It does not say what is answered either. Without an `audio_format` that is a WAV, which says
itself what it is; with one, exactly that: bare samples for the codecs that are called pcm_….
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from router.api.peek import check_name, wrong_type
from router.api.speech_body import document_of, speed_in, text_in
from router.domain import AudioFormat, Rendition, SpeechRequest
from router.errors import InvalidRequest
from router.speech.expression import exaggeration_of_emotion, mood_of
from router.speech.renditions import Fields, rendition_of

OWN_MODEL: Final = "model_1"  # the document's placeholder: whatever speaks there
HIGHEST: Final = 4.0  # of pitch and volume
_NEUTRAL: Final = "neutral"
_FIELDS: Final = Fields(*(f"audio_format.{name}" for name in ("sample_rate", "bit_depth", "channels", "codec")))
_ALIASES: Final = {"ogg": AudioFormat.OPUS, "libmp3lame": AudioFormat.MP3, "libopus": AudioFormat.OPUS}


class _Settings(msgspec.Struct):
    speed: float | None = None
    pitch: float | None = None
    volume: float | None = None
    emotion: str | None = None


class _AudioFormat(msgspec.Struct):
    sample_rate: int | None = None
    bit_depth: int | None = None
    channels: int | None = None
    codec: str | None = None


class _Body(msgspec.Struct):
    text: object
    voice_id: str | None = None
    model_id: str | None = None
    settings: _Settings | None = None
    audio_format: _AudioFormat | None = None
    language: str | None = None


def parse(raw: bytes, *, max_chars: int) -> SpeechRequest:
    """The request in `raw`. Unknown fields are ignored. Raises InvalidRequest naming the field."""
    document = document_of(raw)
    if "text" not in document:
        raise InvalidRequest('Nothing to say: "text" is missing.', param="text", code="text_required")
    try:
        body = msgspec.convert(document, _Body)
    except msgspec.ValidationError as exc:
        raise wrong_type(exc) from exc
    check_name("voice_id", body.voice_id)
    check_name("model_id", body.model_id)
    settings = body.settings or _Settings()
    return SpeechRequest(
        text_in("text", body.text, max_chars=max_chars),
        model=body.model_id or None,
        voice=body.voice_id or None,
        rendition=_rendition(body.audio_format),
        speed=1.0 if settings.speed is None else speed_in("settings.speed", settings.speed),
        language=body.language,
        options=_options(settings),
    )


def _options(settings: _Settings) -> Mapping[str, object]:
    """In the words of the house; what is neutral is left out, so that it is the same speech as without it."""
    options: dict[str, object] = {}
    for name, value in (("pitch", settings.pitch), ("volume", settings.volume)):
        if value is None or value == 1.0:
            continue
        if not 0 <= value <= HIGHEST or (name == "pitch" and not value):
            raise InvalidRequest(
                f"settings.{name} must be a factor up to {HIGHEST:g}, is {value}",
                param=f"settings.{name}",
                code="out_of_range",
            )
        options[name] = value
    emotion = settings.emotion or _NEUTRAL
    check_name("settings.emotion", emotion)
    if mood_of(emotion) != _NEUTRAL:
        options |= {"emotion": emotion, "exaggeration": exaggeration_of_emotion(emotion)}
    return options


def _rendition(wanted: _AudioFormat | None) -> Rendition:
    if wanted is None:
        return Rendition(AudioFormat.WAV)
    name = (wanted.codec or "pcm").lower()
    audio_format = _ALIASES.get(name)
    if audio_format is None:
        audio_format = AudioFormat(name) if name in set(AudioFormat) else AudioFormat.PCM
    return rendition_of(
        audio_format,
        rate_hz=wanted.sample_rate,
        bit_depth=wanted.bit_depth,
        channels=wanted.channels,
        codec=wanted.codec if audio_format is AudioFormat.PCM else None,
        fields=_FIELDS,
    )
