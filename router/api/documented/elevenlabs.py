"""ElevenLabs' text-to-speech."""

from typing import Annotated, Final

import msgspec
from litestar import post
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta

from router.api.dialects import ELEVENLABS
from router.api.documented.contents import gives
from router.api.documented.errors import model_errors
from router.api.documented.stub import unreachable
from router.api.elevenlabs_formats import DEFAULT, OUTPUT_FORMATS
from router.api.elevenlabs_timed import TimedAudio

_ERRORS: Final = model_errors(422, dialects=(ELEVENLABS,))
_MEDIA_TYPES: Final = sorted({rendition.media_type for rendition in OUTPUT_FORMATS.values()})
Share = Annotated[float, Meta(ge=0, le=1)] | None


class VoiceSettings(msgspec.Struct):
    """How it is spoken. `stability`, `similarity_boost` and `style` are 0 to 1, `speed` is 0.25 to 4."""

    stability: Share = None
    similarity_boost: Share = None
    style: Share = None
    use_speaker_boost: bool | None = None
    speed: Annotated[float, Meta(ge=0.25, le=4)] | None = None


class TextToSpeechBody(msgspec.Struct):
    """ElevenLabs' speech request. A `model_id` that begins with `eleven_` means `speech.default_model` unless
    somebody here has a model of that name. Further fields are accepted and have no effect."""

    text: Annotated[str, Meta(examples=["Hello there."])]
    model_id: Annotated[str | None, Meta(examples=["eleven_multilingual_v2"])] = None
    language_code: Annotated[str | None, Meta(examples=["en"])] = None
    voice_settings: VoiceSettings | None = None
    seed: Annotated[int, Meta(ge=0, lt=2**32)] | None = None
    previous_text: str | None = None
    next_text: str | None = None


@post(
    "/v1/text-to-speech/{voice_id:str}",
    status_code=200,
    media_type="audio/mpeg",
    responses=_ERRORS,
    operation_class=gives(*_MEDIA_TYPES),
    tags=["ElevenLabs"],
    sync_to_thread=False,
)
def text_to_speech(
    data: JSONBody[TextToSpeechBody],
    voice_id: FromPath[str],
    output_format: FromQuery[str] = DEFAULT,
    enable_logging: FromQuery[bool] = True,
) -> bytes:
    """Speech as ElevenLabs' clients ask for it, in any of its 28 output formats. With `enable_logging=false` it is
    neither read from the cache nor kept."""
    unreachable()


@post(
    "/v1/text-to-speech/{voice_id:str}/stream",
    status_code=200,
    media_type="audio/mpeg",
    responses=_ERRORS,
    operation_class=gives(*_MEDIA_TYPES),
    tags=["ElevenLabs"],
    sync_to_thread=False,
)
def text_to_speech_stream(
    data: JSONBody[TextToSpeechBody], voice_id: FromPath[str], output_format: FromQuery[str] = DEFAULT
) -> bytes:
    """The same, sent while it is spoken."""
    unreachable()


@post(
    "/v1/text-to-speech/{voice_id:str}/with-timestamps",
    status_code=200,
    responses=_ERRORS,
    tags=["ElevenLabs"],
    sync_to_thread=False,
)
def text_to_speech_timed(
    data: JSONBody[TextToSpeechBody], voice_id: FromPath[str], output_format: FromQuery[str] = DEFAULT
) -> TimedAudio:
    """The same as JSON, with the times of its characters: those of a segment share its measured duration."""
    unreachable()


@post(
    "/v1/text-to-speech/{voice_id:str}/stream/with-timestamps",
    status_code=200,
    media_type="application/x-ndjson",
    responses=_ERRORS,
    tags=["ElevenLabs"],
    sync_to_thread=False,
)
def text_to_speech_timed_stream(
    data: JSONBody[TextToSpeechBody], voice_id: FromPath[str], output_format: FromQuery[str] = DEFAULT
) -> TimedAudio:
    """The same as JSON objects, one per line, sent while it is spoken."""
    unreachable()


handlers: Final = [text_to_speech, text_to_speech_stream, text_to_speech_timed, text_to_speech_timed_stream]
