"""A voice agent's speech."""

from typing import Annotated, Final

import msgspec
from litestar import post
from litestar.params import JSONBody
from msgspec import Meta

from router.api.dialects import VOICE_AGENT
from router.api.documented.contents import AUDIO, gives
from router.api.documented.errors import model_errors
from router.api.documented.stub import unreachable

_Factor = Annotated[float, Meta(ge=0, le=4)] | None


class VoiceAgentSettings(msgspec.Struct):
    """How it is spoken: factors, and a mood such as happy, sad or excited."""

    speed: Annotated[float, Meta(ge=0.25, le=4)] | None = None
    pitch: Annotated[float, Meta(gt=0, le=4)] | None = None
    volume: _Factor = None
    emotion: Annotated[str, Meta(examples=["neutral"])] | None = None


class VoiceAgentFormat(msgspec.Struct):
    """How it is written down. `codec`: pcm_u8, pcm_s16le, pcm_s24le, pcm_s32le, pcm_mulaw or pcm_alaw for bare
    samples; wav, mp3, opus, aac or flac."""

    sample_rate: Annotated[int, Meta(ge=8_000, le=48_000, examples=[16_000])] | None = None
    bit_depth: Annotated[int, Meta(examples=[16])] | None = None
    channels: Annotated[int, Meta(ge=1, le=2)] | None = None
    codec: Annotated[str, Meta(examples=["pcm_s16le"])] | None = None


class VoiceAgentBody(msgspec.Struct):
    """A voice agent's speech request. Without an `audio_format` the answer is a WAV. `model_1` means
    `speech.default_model` unless somebody here has a model of that name."""

    text: Annotated[str, Meta(examples=["Hello, how can I help you today?"])]
    voice_id: Annotated[str, Meta(examples=["alloy"])] | None = None
    model_id: Annotated[str, Meta(examples=["model_1"])] | None = None
    settings: VoiceAgentSettings | None = None
    audio_format: VoiceAgentFormat | None = None
    language: Annotated[str, Meta(examples=["en"])] | None = None


@post(
    "/api/v1/tts",
    status_code=200,
    media_type="audio/wav",
    responses=model_errors(dialects=(VOICE_AGENT,)),
    operation_class=gives(*AUDIO),
    tags=["Voice agent"],
    sync_to_thread=False,
)
def voice_agent_tts(data: JSONBody[VoiceAgentBody]) -> bytes:
    """Speech as a voice agent's Chatterbox client asks for it, at once or, of longer texts, as it is spoken."""
    unreachable()


handlers: Final = [voice_agent_tts]
