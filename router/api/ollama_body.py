"""What clients of Ollama's own API ask, in OpenAI's words (ollama/ollama docs/api.md, api/types.go of 2026-08-21).

What OpenAI's API has no word for is left out: `num_ctx`, `top_k`, `min_p`, `repeat_penalty` and the other options,
`keep_alive`, `truncate`, `shift`, `logprobs`. Ollama itself gets what came.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

import msgspec

from router.api.ollama_messages import Message, openai_messages
from router.api.peek import check_name, wrong_type
from router.api.speech_body import document_of
from router.domain import Endpoint
from router.errors import InvalidRequest

_EFFORTS: Final = ("low", "medium", "high", "max")
_NOW: Final = frozenset({0, "0", "0s", "0m", "0h"})  # as keep_alive: unload
_SAME_NAME: Final = ("temperature", "top_p", "seed", "frequency_penalty", "presence_penalty")


class Shape(StrEnum):
    """How the answer looks, by the route that was asked."""

    CHAT = "chat"  # message
    GENERATE = "generate"  # response


class _Options(msgspec.Struct):
    num_predict: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    stop: list[str] | str | None = None


class _Body(msgspec.Struct):
    model: str = ""
    stream: bool | None = None
    format: dict[str, Any] | str | None = None
    keep_alive: float | str | None = None
    options: _Options | None = None
    think: bool | str | None = None


class _Chat(_Body):
    messages: list[Message] | None = None
    tools: list[dict[str, Any]] | None = None


class _Generate(_Body):
    prompt: str | None = None
    suffix: str | None = None
    system: str | None = None
    images: list[str] | None = None
    raw: bool | None = None
    template: str | None = None
    context: list[int] | None = None


class _Embed(msgspec.Struct):
    model: str = ""
    input: list[str] | str | None = None
    prompt: str | None = None
    dimensions: int | None = None


_B = TypeVar("_B", bound=_Chat | _Generate | _Embed)


@dataclass(frozen=True, slots=True)
class Asked:
    """A chat or a text to go on with. `document` is the body for `endpoint`, without the model; `given` is what
    came. `done_reason`: nothing is asked but that the model be loaded, or unloaded."""

    model: str
    shape: Shape
    endpoint: Endpoint
    is_streamed: bool
    document: Mapping[str, Any]
    given: Mapping[str, Any]
    done_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Embedding:
    """Texts to be embedded; `dimensions`: of each vector, where the model has a choice."""

    model: str
    texts: Sequence[str]
    dimensions: int | None = None

    @property
    def document(self) -> dict[str, Any]:
        """OpenAI's body, without the model."""
        asked = {"input": list(self.texts), "encoding_format": "float"}
        return asked if self.dimensions is None else {**asked, "dimensions": self.dimensions}


def chat_of(raw: bytes) -> Asked:
    """`POST /api/chat`. Raises InvalidRequest naming the field."""
    given, body = _body_of(raw, _Chat)
    document: dict[str, Any] = {"messages": openai_messages(body.messages or ())}
    if body.tools:
        document["tools"] = body.tools
    return _asked(given, body, Shape.CHAT, Endpoint.CHAT, document, is_nothing=not body.messages)


def generate_of(raw: bytes) -> Asked:
    """`POST /api/generate`. Raises InvalidRequest naming the field."""
    given, body = _body_of(raw, _Generate)
    for name in ("template", "context"):
        if getattr(body, name):
            raise InvalidRequest(
                f"{name} is not supported here: send the conversation as messages to /api/chat.",
                param=name,
                code="unsupported_value",
            )
    prompt = body.prompt or ""
    is_nothing = not (prompt or body.suffix or body.images)
    if body.raw or body.suffix:
        document: dict[str, Any] = {"prompt": prompt}
        if body.suffix:
            document["suffix"] = body.suffix
        return _asked(given, body, Shape.GENERATE, Endpoint.COMPLETIONS, document, is_nothing=is_nothing)
    told = [Message("system", body.system)] if body.system else []
    asked = Message("user", prompt, images=body.images)
    document = {"messages": openai_messages([*told, asked])}
    return _asked(given, body, Shape.GENERATE, Endpoint.CHAT, document, is_nothing=is_nothing)


def embedding_of(raw: bytes) -> Embedding:
    """`POST /api/embed`, or the older `/api/embeddings` with `prompt`. Raises InvalidRequest naming the field."""
    _, body = _body_of(raw, _Embed)
    given = body.input if body.input is not None else body.prompt or []
    texts = [given] if isinstance(given, str) else given
    return Embedding(body.model, texts, body.dimensions)


def model_of(raw: bytes) -> str:
    """The model that `POST /api/show` or `/api/pull` is about; `name` in older clients. Raises InvalidRequest."""
    document = document_of(raw)
    name = document.get("model") or document.get("name")
    if not isinstance(name, str) or not name:
        raise _no_model()
    check_name("model", name)
    return name


def _body_of(raw: bytes, kind: type[_B]) -> tuple[dict[str, Any], _B]:
    if not raw:
        raise InvalidRequest("missing request body", code="invalid_json")
    given = document_of(raw)
    try:
        body = msgspec.convert(given, kind)
    except msgspec.ValidationError as exc:
        raise wrong_type(exc) from exc
    if not body.model:
        raise _no_model()
    check_name("model", body.model)
    return given, body


def _no_model() -> InvalidRequest:
    return InvalidRequest("model is required", param="model", code="model_required")


def _asked(
    given: Mapping[str, Any],
    body: _Chat | _Generate,
    shape: Shape,
    endpoint: Endpoint,
    document: dict[str, Any],
    *,
    is_nothing: bool,
) -> Asked:
    is_streamed = body.stream is not False
    document |= _options(body.options or _Options())
    if endpoint is Endpoint.CHAT:
        document |= _format(body.format) | _effort(body.think)
    if is_streamed:
        document |= {"stream": True, "stream_options": {"include_usage": True}}
    done_reason = None
    if is_nothing:
        done_reason = "unload" if body.keep_alive in _NOW else "load"
    return Asked(body.model, shape, endpoint, is_streamed, document, given, done_reason)


def _options(options: _Options) -> dict[str, Any]:
    told: dict[str, Any] = {name: getattr(options, name) for name in _SAME_NAME}
    told["stop"] = options.stop or None
    if options.num_predict is not None and options.num_predict > 0:  # negative: without end
        told["max_tokens"] = options.num_predict
    return {name: value for name, value in told.items() if value is not None}


def _format(wanted: dict[str, Any] | str | None) -> dict[str, Any]:
    if not wanted:
        return {}
    if wanted == "json":
        return {"response_format": {"type": "json_object"}}
    if isinstance(wanted, str):
        raise InvalidRequest(
            f'format: {wanted[:100]!r} is neither "json" nor a JSON schema.', param="format", code="invalid_value"
        )
    schema = {"name": "answer", "schema": wanted}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _effort(think: bool | str | None) -> dict[str, Any]:
    if think is None or think == "":
        return {}
    if isinstance(think, bool):
        return {"reasoning_effort": "medium" if think else "none"}
    if think not in _EFFORTS:
        known = ", ".join(_EFFORTS)
        raise InvalidRequest(
            f"think: {think[:100]!r} is neither true nor false nor one of {known}.",
            param="think",
            code="invalid_value",
        )
    return {"reasoning_effort": think}
