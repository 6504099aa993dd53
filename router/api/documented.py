"""The hot routes for the OpenAPI document. `router/entry.py` answers them before Litestar is asked; these
declarations only describe them, and say so should they ever be called."""

from typing import Any, Final, NoReturn

import msgspec
from litestar import post
from litestar.datastructures import ResponseHeader
from litestar.params import JSONBody, MultipartBody

from router.errors import NotFound


class ChatVoice(msgspec.Struct):
    """How an answer is spoken. `format`: wav, mp3, flac, opus, aac or pcm16; of streamed answers pcm16. `model`
    and the rest as in a speech request."""

    voice: str | None = None
    format: str | None = None
    model: str | None = None
    speed: float = 1.0
    language: str | None = None


class ChatBody(msgspec.Struct):
    """Whatever the chosen model's server takes; the router reads `model` and `stream`, and what has to do with
    audio."""

    model: str
    messages: list[dict[str, Any]]
    stream: bool = False
    modalities: list[str] | None = None
    audio: ChatVoice | None = None


class ModelBody(msgspec.Struct):
    """Whatever the chosen model's server takes; the router reads `model` and `stream`."""

    model: str
    stream: bool = False


class SpeechBody(msgspec.Struct):
    """OpenAI's speech request. `stream`: whether the answer is sent while it is spoken, else as `speech.stream`
    says; `stream_format`: audio or sse. Further fields are engine options."""

    input: str
    model: str | None = None
    voice: str | None = None
    response_format: str = "mp3"
    speed: float = 1.0
    instructions: str | None = None
    stream_format: str = "audio"
    stream: bool | None = None
    language: str | None = None
    seed: int | None = None


def _unreachable() -> NoReturn:
    raise NotFound("There is no such path; GET /schema lists what there is.", code="unknown_route")


_CHAT_HEADERS: Final = [
    ResponseHeader(name=name, description=description, documentation_only=True)
    for name, description in (
        ("X-Router-Audio", "Why an answer that was to be spoken was not."),
        ("X-Audio-Duration", "Seconds of audio. Of a spoken answer that was not streamed."),
        ("X-Generation-Time", "Seconds that it took to speak. Of such an answer."),
        ("X-Router-Speech-Provider", "Who spoke it. Of such an answer."),
    )
]


@post("/v1/chat/completions", status_code=200, response_headers=_CHAT_HEADERS, sync_to_thread=False)
def chat_completions(data: JSONBody[ChatBody]) -> dict[str, Any]:
    """Chat, routed by `model`; JSON or, with `stream`, server-sent events, byte for byte the upstream's.

    With `modalities: ["text", "audio"]` and `audio` the answer is spoken, whichever model writes it: as
    `message.audio` (`id`, `data`, `expires_at`, `transcript`) or, with `stream`, as `delta.audio`, whose
    transcript comes as it is written and whose base64 PCM as it is spoken; the last one also has
    `audio_duration`, `generation_time`, `substitution`, `segments` and, where the voice failed, `error`. Code,
    tool calls and refusals are not read aloud. `audio.id` of an earlier answer may stand for its text in a
    message of the assistant, and `input_audio` parts are transcribed for models that cannot hear.
    """
    _unreachable()


@post("/v1/completions", status_code=200, sync_to_thread=False)
def completions(data: JSONBody[ModelBody]) -> dict[str, Any]:
    """Text completion, routed by `model`."""
    _unreachable()


@post("/v1/embeddings", status_code=200, sync_to_thread=False)
def embeddings(data: JSONBody[ModelBody]) -> dict[str, Any]:
    """Embeddings, routed by `model`."""
    _unreachable()


@post("/v1/responses", status_code=200, sync_to_thread=False)
def responses(data: JSONBody[ModelBody]) -> dict[str, Any]:
    """OpenAI's Responses, routed by `model`."""
    _unreachable()


@post("/v1/messages", status_code=200, sync_to_thread=False)
def messages(data: JSONBody[ModelBody]) -> dict[str, Any]:
    """Anthropic's Messages, routed by `model`; errors in Anthropic's shape."""
    _unreachable()


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
    _unreachable()


class TelephoneBody(msgspec.Struct):
    """A question. `prompt`: what the model is told; `model` is the language model's."""

    text: str
    prompt: str | None = None
    voice: str | None = None
    model: str | None = None
    stream: bool = False


class TelephoneForm(msgspec.Struct):
    """A recorded question; the rest as in `/process-text`."""

    audio: str
    prompt: str | None = None
    voice: str | None = None
    model: str | None = None
    stream: bool = False


class SpeakBody(msgspec.Struct):
    """Words to be said; further fields as in a speech request."""

    text: str
    voice: str | None = None


@post("/process-text", status_code=200, media_type="audio/wav", sync_to_thread=False)
def process_text(data: JSONBody[TelephoneBody]) -> bytes:
    """An AI telephone's question, answered by a language model and spoken: WAV, with `stream` while it is made."""
    _unreachable()


@post("/process-audio", status_code=200, media_type="audio/wav", sync_to_thread=False)
def process_audio(data: MultipartBody[TelephoneForm]) -> bytes:
    """The same of a recording (multipart/form-data), which is written down first."""
    _unreachable()


@post("/speak", status_code=200, media_type="audio/wav", sync_to_thread=False)
def speak(data: JSONBody[SpeakBody]) -> bytes:
    """Words as WAV, as Chatterbox's own server has it."""
    _unreachable()


class TranscriptionForm(msgspec.Struct):
    """OpenAI's transcription request. `file`: the recording, with a filename whose ending tells its format;
    `model`: as in GET /v1/models, else `transcription.default_model`; `response_format`: json, text, srt,
    verbose_json or vtt, as far as the server has it. Further fields are the server's own."""

    file: str
    model: str | None = None
    language: str | None = None
    prompt: str | None = None
    response_format: str = "json"
    temperature: float | None = None
    stream: bool = False


@post("/v1/audio/transcriptions", status_code=200, sync_to_thread=False)
def transcriptions(data: MultipartBody[TranscriptionForm]) -> dict[str, Any]:
    """What is said in a recording (multipart/form-data), routed by `model`; the answer, events with `stream`, is
    the upstream's, byte for byte. Recordings up to `transcription.max_upload_mb`."""
    _unreachable()


@post("/v1/audio/translations", status_code=200, sync_to_thread=False)
def translations(data: MultipartBody[TranscriptionForm]) -> dict[str, Any]:
    """The same in English."""
    _unreachable()


handlers = [
    chat_completions,
    completions,
    embeddings,
    responses,
    messages,
    speech,
    transcriptions,
    translations,
    process_text,
    process_audio,
    speak,
]
