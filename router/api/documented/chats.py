"""Chat and its kin."""

from typing import Annotated, Any, Final

import msgspec
from litestar import post
from litestar.datastructures import ResponseHeader
from litestar.params import JSONBody
from msgspec import Meta

from router.api.dialects import ANTHROPIC
from router.api.documented.contents import EVENTS, gives
from router.api.documented.errors import model_errors
from router.api.documented.stub import unreachable

ModelName = Annotated[str, Meta(description="As in GET /v1/models.", examples=["demo"], min_length=1)]
Messages = Annotated[
    list[dict[str, Any]],
    Meta(examples=[[{"role": "user", "content": "Hello!"}]]),  # the model's server checks more
]


class ChatVoice(msgspec.Struct):
    """How an answer is spoken. `format`: wav, mp3, flac, opus, aac or pcm16; of streamed answers pcm16. `model`
    and the rest as in a speech request."""

    voice: Annotated[str | None, Meta(examples=["alloy"])] = None
    format: Annotated[str | None, Meta(examples=["wav"])] = None
    model: str | None = None
    speed: float = 1.0
    language: str | None = None


class ChatBody(msgspec.Struct):
    """Whatever the chosen model's server takes; the router reads `model` and `stream`, and what has to do with
    audio."""

    model: ModelName
    messages: Messages
    stream: bool = False
    modalities: Annotated[list[str] | None, Meta(examples=[["text"]])] = None
    audio: ChatVoice | None = None


class CompletionBody(msgspec.Struct):
    """Whatever the chosen model's server takes; the router reads `model` and `stream`."""

    model: ModelName
    prompt: Annotated[str | list[Any], Meta(examples=["Once upon a time"])]
    stream: bool = False


class EmbeddingBody(msgspec.Struct):
    """Whatever the chosen model's server takes; the router reads `model`."""

    model: ModelName
    input: Annotated[str | list[Any], Meta(examples=["Hello."])]


class ResponseBody(msgspec.Struct):
    """Whatever the chosen model's server takes; the router reads `model`, `stream` and what binds a request to the
    server that remembers it."""

    model: ModelName
    input: Annotated[str | list[Any] | None, Meta(examples=["Hello!"])] = None
    stream: bool = False
    previous_response_id: str | None = None
    background: bool | None = None
    store: bool | None = None


class MessagesBody(msgspec.Struct):
    """Whatever the chosen model's server takes; the router reads `model` and `stream`."""

    model: ModelName
    max_tokens: Annotated[int, Meta(examples=[100])]
    messages: Messages
    stream: bool = False


_CHAT_HEADERS: Final = [
    ResponseHeader(name=name, description=description, documentation_only=True)
    for name, description in (
        ("X-Router-Audio", "Why an answer that was to be spoken was not."),
        ("X-Audio-Duration", "Seconds of audio. Of a spoken answer that was not streamed."),
        ("X-Generation-Time", "Seconds that it took to speak. Of such an answer."),
        ("X-Router-Speech-Provider", "Who spoke it. Of such an answer."),
    )
]


@post(
    "/v1/chat/completions",
    status_code=200,
    response_headers=_CHAT_HEADERS,
    responses=model_errors(422),
    operation_class=gives(EVENTS),
    sync_to_thread=False,
)
def chat_completions(data: JSONBody[ChatBody]) -> dict[str, Any]:
    """Chat, routed by `model`; JSON or, with `stream`, server-sent events, byte for byte the upstream's.

    With `modalities: ["text", "audio"]` and `audio` the answer is spoken, whichever model writes it: as
    `message.audio` (`id`, `data`, `expires_at`, `transcript`) or, with `stream`, as `delta.audio`, whose
    transcript comes as it is written and whose base64 PCM as it is spoken; the last one also has
    `audio_duration`, `generation_time`, `substitution`, `segments` and, where the voice failed, `error`. Code,
    tool calls and refusals are not read aloud. `audio.id` of an earlier answer may stand for its text in a
    message of the assistant, and `input_audio` parts are transcribed for models that cannot hear.
    """
    unreachable()


@post(
    "/v1/completions",
    status_code=200,
    responses=model_errors(422),
    operation_class=gives(EVENTS),
    sync_to_thread=False,
)
def completions(data: JSONBody[CompletionBody]) -> dict[str, Any]:
    """Text completion, routed by `model`."""
    unreachable()


@post("/v1/embeddings", status_code=200, responses=model_errors(422), sync_to_thread=False)
def embeddings(data: JSONBody[EmbeddingBody]) -> dict[str, Any]:
    """Embeddings, routed by `model`."""
    unreachable()


@post(
    "/v1/responses",
    status_code=200,
    responses=model_errors(422),
    operation_class=gives(EVENTS),
    sync_to_thread=False,
)
def responses(data: JSONBody[ResponseBody]) -> dict[str, Any]:
    """OpenAI's Responses, routed by `model`."""
    unreachable()


@post(
    "/v1/messages",
    status_code=200,
    responses=model_errors(422, dialects=(ANTHROPIC,)),
    operation_class=gives(EVENTS),
    sync_to_thread=False,
)
def messages(data: JSONBody[MessagesBody]) -> dict[str, Any]:
    """Anthropic's Messages, routed by `model`; errors in Anthropic's shape."""
    unreachable()


handlers = [chat_completions, completions, embeddings, responses, messages]
