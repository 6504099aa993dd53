"""Texts to be spoken, and recordings to be written down."""

from typing import Annotated, Any, Final

import msgspec
from litestar import post
from litestar.datastructures import ResponseHeader, UploadFile
from litestar.params import JSONBody, MultipartBody
from msgspec import Meta

from router.api.documented.contents import AUDIO, EVENTS, gives
from router.api.documented.errors import model_errors
from router.api.documented.stub import unreachable
from router.api.hls import HLS_PATH, Ordered

SpeechModel = Annotated[str | None, Meta(examples=["tts-1"])]
VoiceName = Annotated[str | None, Meta(examples=["alloy"])]
TranscriptionModel = Annotated[str | None, Meta(examples=["whisper-1"])]


class SpeechBody(msgspec.Struct):
    """OpenAI's speech request. `stream`: whether the answer is sent while it is spoken, else as `speech.stream`
    says; `stream_format`: audio or sse. Further fields are engine options. ChatTTS' clients send `text` in the
    place of `input`."""

    input: Annotated[str, Meta(examples=["Hello there."])]
    model: SpeechModel = None
    voice: VoiceName = None
    response_format: Annotated[str, Meta(examples=["mp3", "opus", "aac", "flac", "wav", "pcm"])] = "mp3"
    speed: Annotated[float, Meta(ge=0.25, le=4)] = 1.0
    instructions: str | None = None
    stream_format: Annotated[str, Meta(examples=["audio", "sse"])] = "audio"
    stream: bool | None = None
    language: Annotated[str | None, Meta(examples=["en"])] = None
    seed: Annotated[int, Meta(ge=0, lt=2**32)] | None = None


def _header(name: str, description: str) -> ResponseHeader:
    return ResponseHeader(name=name, description=description, documentation_only=True)


_SPEECH_HEADERS: Final = [
    _header("X-Audio-Duration", "Seconds of audio. Of an answer that is complete before its first byte."),
    _header("X-Generation-Time", "Seconds that it took to speak. Of such an answer."),
    _header("X-Router-Cache", "hit, miss or bypass."),
    _header("X-Router-Provider", "Who spoke the first segment."),
    _header("X-Router-Substitution", "What is not as asked for, such as model=espeak, as far as known by then."),
    _header("X-TTS-Engine", "The engine that spoke the first segment."),
    _header("X-TTS-Voice", "The voice that it used."),
    _header("X-TTS-Voice-Hash", "SHA-256 of the recording that the voice was copied from."),
    _header("X-Request-Id", "What GET /v1/audio/speech/{request_id} knows the answer by."),
]


@post(
    "/v1/audio/speech",
    status_code=200,
    media_type="audio/mpeg",
    response_headers=_SPEECH_HEADERS,
    responses=model_errors(),
    operation_class=gives(*AUDIO, EVENTS),
    sync_to_thread=False,
)
def speech(data: JSONBody[SpeechBody]) -> bytes:
    """Speech in the asked format, at once or, of longer texts, as it is spoken.

    With `stream_format: sse` as events: `speech.audio.delta` with base64 `audio`, then one `speech.audio.done`
    with `usage`, `audio_duration` and `generation_time` (seconds), `substitution`, and `segments`: who spoke which
    part. What could not be finished ends with an `error` event; audio is cut. `Cache-Control: no-store` is neither
    read from the cache nor kept, `no-cache` is kept; `X-Router-Fallback` says who may speak in place of the asked:
    none, same_voice, mapped or any.
    """
    unreachable()


@post(HLS_PATH, status_code=201, responses=model_errors(), sync_to_thread=False)
def speech_hls(data: JSONBody[SpeechBody]) -> Ordered:
    """The same for browsers and players, by HLS: `url` is a playlist that grows while the text is spoken. It and
    what it names need no key. `response_format`, `stream` and `stream_format` mean nothing here. What nobody
    fetches anything of for a minute is spoken no further; what is over is kept for ten minutes."""
    unreachable()


class TranscriptionForm(msgspec.Struct):
    """OpenAI's transcription request. `file`: the recording, with a filename whose ending tells its format;
    `model`: as in GET /v1/models, else `transcription.default_model`; `response_format`: json, text, srt,
    verbose_json or vtt, as far as the server has it. Further fields are the server's own."""

    file: UploadFile
    model: TranscriptionModel = None
    language: Annotated[str | None, Meta(examples=["en"])] = None
    prompt: str | None = None
    response_format: Annotated[str, Meta(examples=["json", "text", "srt", "verbose_json", "vtt"])] = "json"
    temperature: float | None = None
    stream: bool = False


_GIVES_TEXT: Final = gives("text/plain", EVENTS)  # of text, srt and vtt; with stream


@post(
    "/v1/audio/transcriptions",
    status_code=200,
    responses=model_errors(422),
    operation_class=_GIVES_TEXT,
    sync_to_thread=False,
)
def transcriptions(data: MultipartBody[TranscriptionForm]) -> dict[str, Any]:
    """What is said in a recording (multipart/form-data), routed by `model`; the answer, events with `stream`, is
    the upstream's, byte for byte. Recordings up to `transcription.max_upload_mb`."""
    unreachable()


@post(
    "/v1/audio/translations",
    status_code=200,
    responses=model_errors(422),
    operation_class=_GIVES_TEXT,
    sync_to_thread=False,
)
def translations(data: MultipartBody[TranscriptionForm]) -> dict[str, Any]:
    """The same in English."""
    unreachable()


handlers = [speech, speech_hls, transcriptions, translations]
