"""The hot routes for the OpenAPI document. `router/entry.py` answers them before Litestar is asked; these
declarations only describe them, and say so should they ever be called."""

from typing import Any, NoReturn

import msgspec
from litestar import post
from litestar.params import JSONBody

from router.errors import NotFound


class ChatBody(msgspec.Struct):
    """Whatever the chosen model's server takes; the router reads `model` and `stream`."""

    model: str
    messages: list[dict[str, Any]]
    stream: bool = False


class ModelBody(msgspec.Struct):
    """Whatever the chosen model's server takes; the router reads `model` and `stream`."""

    model: str
    stream: bool = False


class SpeechBody(msgspec.Struct):
    """OpenAI's speech request. Further fields are engine options."""

    input: str
    model: str | None = None
    voice: str | None = None
    response_format: str = "mp3"
    speed: float = 1.0
    instructions: str | None = None
    stream_format: str = "audio"
    language: str | None = None
    seed: int | None = None


def _unreachable() -> NoReturn:
    raise NotFound("There is no such path; GET /schema lists what there is.", code="unknown_route")


@post("/v1/chat/completions", status_code=200, sync_to_thread=False)
def chat_completions(data: JSONBody[ChatBody]) -> dict[str, Any]:
    """Chat, routed by `model`; JSON or, with `stream`, server-sent events, byte for byte the upstream's."""
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


@post("/v1/audio/speech", status_code=200, media_type="audio/mpeg", sync_to_thread=False)
def speech(data: JSONBody[SpeechBody]) -> bytes:
    """Speech in the asked format, with X-Audio-Duration and X-Generation-Time (seconds)."""
    _unreachable()


handlers = [chat_completions, completions, embeddings, responses, messages, speech]
