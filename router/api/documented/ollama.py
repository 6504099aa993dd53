"""Ollama's own API (ollama/ollama docs/api.md, 2026-08-21), but for its lists, which say it themselves."""

from typing import Annotated, Any, Final

import msgspec
from litestar import post
from litestar.params import JSONBody
from msgspec import Meta

from router.api.dialects import OLLAMA
from router.api.documented.chats import Messages, ModelName
from router.api.documented.contents import gives
from router.api.documented.errors import model_errors
from router.api.documented.stub import unreachable

_LINES: Final = "application/x-ndjson"
_TAGS: Final = ["Ollama"]


class OllamaOptions(msgspec.Struct):
    """Those that have an effect whichever server answers; the others are accepted and left out."""

    num_predict: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    stop: list[str] | str | None = None


class OllamaChatBody(msgspec.Struct):
    """Without messages nothing is asked but that the model be loaded."""

    model: ModelName
    messages: Messages
    stream: bool = True
    format: str | dict[str, Any] | None = None
    options: OllamaOptions | None = None
    tools: list[dict[str, Any]] | None = None
    think: bool | str | None = None
    keep_alive: float | str | None = None


class OllamaGenerateBody(msgspec.Struct):
    """Without a prompt nothing is asked but that the model be loaded."""

    model: ModelName
    prompt: Annotated[str | None, Meta(examples=["Why is the sky blue?"])] = None
    suffix: str | None = None
    system: str | None = None
    images: list[str] | None = None
    stream: bool = True
    raw: bool = False
    format: str | dict[str, Any] | None = None
    options: OllamaOptions | None = None
    think: bool | str | None = None
    keep_alive: float | str | None = None


class OllamaEmbedBody(msgspec.Struct):
    """Texts to be embedded."""

    model: ModelName
    input: Annotated[str | list[str], Meta(examples=["Hello."])]
    dimensions: int | None = None


class OllamaEmbeddingsBody(msgspec.Struct):
    """A text to be embedded."""

    model: ModelName
    prompt: Annotated[str, Meta(examples=["Hello."])]


@post(
    "/api/chat",
    status_code=200,
    responses=model_errors(422, dialects=(OLLAMA,)),
    operation_class=gives(_LINES),
    tags=_TAGS,
    sync_to_thread=False,
)
def ollama_chat(data: JSONBody[OllamaChatBody]) -> dict[str, Any]:
    """A chat as Ollama has it, with whatever server has the model: lines of JSON or, with `stream: false`, one
    document. One that fails in its middle ends with a line `{"error"}`, and is cut."""
    unreachable()


@post(
    "/api/generate",
    status_code=200,
    responses=model_errors(422, dialects=(OLLAMA,)),
    operation_class=gives(_LINES),
    tags=_TAGS,
    sync_to_thread=False,
)
def ollama_generate(data: JSONBody[OllamaGenerateBody]) -> dict[str, Any]:
    """The same for a single prompt; with `raw` or `suffix` as a text to go on with."""
    unreachable()


@post(
    "/api/embed",
    status_code=200,
    responses=model_errors(422, dialects=(OLLAMA,)),
    tags=_TAGS,
    sync_to_thread=False,
)
def ollama_embed(data: JSONBody[OllamaEmbedBody]) -> dict[str, Any]:
    """Embeddings as Ollama has them."""
    unreachable()


@post(
    "/api/embeddings",
    status_code=200,
    responses=model_errors(422, dialects=(OLLAMA,)),
    tags=_TAGS,
    sync_to_thread=False,
)
def ollama_embeddings(data: JSONBody[OllamaEmbeddingsBody]) -> dict[str, Any]:
    """The same in its older shape: one text, one vector."""
    unreachable()


handlers = [ollama_chat, ollama_generate, ollama_embed, ollama_embeddings]
