"""How each dialect's errors look, for the OpenAPI document: one table, and what every status means.

A new dialect adds its shape here. `tests/router/api/test_documented_errors.py` renders every error of
`router/errors.py` in every dialect and holds it to the shape.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from litestar.openapi import ResponseSpec
from msgspec import Meta

from router.api.dialects import ANTHROPIC, ELEVENLABS, OLLAMA, OPENAI, VOICE_AGENT, Dialect


class OpenAIError(msgspec.Struct):
    """What went wrong; `param` names the field that is at fault, `code` is for programs."""

    message: str
    type: Annotated[str, Meta(examples=["invalid_request_error"])]
    param: str | None
    code: str | None


class OpenAIErrorBody(msgspec.Struct):
    """OpenAI's error shape."""

    error: OpenAIError


class AnthropicError(msgspec.Struct):
    """What went wrong, in Anthropic's words for it."""

    type: Annotated[str, Meta(examples=["invalid_request_error"])]
    message: str


class AnthropicErrorBody(msgspec.Struct):
    """Anthropic's error shape."""

    type: Annotated[str, Meta(examples=["error"])]
    error: AnthropicError


class ElevenLabsError(msgspec.Struct):
    """What went wrong; `status` repeats the code for older clients."""

    type: str
    code: str
    message: str
    status: str
    request_id: str
    param: str | None


class ElevenLabsFault(msgspec.Struct):
    """A field that is missing or of another kind; `loc` is the way to it."""

    type: str
    loc: list[str | int]
    msg: str
    input: Any = None


class ElevenLabsErrorBody(msgspec.Struct):
    """ElevenLabs' error shape; of status 422 a list."""

    detail: ElevenLabsError | list[ElevenLabsFault]


class VoiceAgentError(msgspec.Struct):
    """What went wrong; `code` is for programs."""

    code: str
    message: str


class VoiceAgentErrorBody(msgspec.Struct):
    """A voice agent's error shape."""

    error: VoiceAgentError


class OllamaErrorBody(msgspec.Struct):
    """Ollama's error shape."""

    error: str


SHAPES: Final[Mapping[Dialect, type[msgspec.Struct]]] = {
    OPENAI: OpenAIErrorBody,
    ANTHROPIC: AnthropicErrorBody,
    ELEVENLABS: ElevenLabsErrorBody,
    OLLAMA: OllamaErrorBody,
    VOICE_AGENT: VoiceAgentErrorBody,
}

_MEANINGS: Final[Mapping[int, str]] = {
    400: "The request is at fault: what came is no HTTP, no JSON, or has a field that cannot be used.",
    401: "No key, or none of this router's.",
    403: "A foreign Host or Origin, or this client may not do this.",
    404: "There is no such model, voice or answer; close matches are named.",
    408: "The request did not arrive in time.",
    409: "What is there already stands against it.",
    410: "What was there is there no more, or broke off.",
    413: "The body is too large.",
    422: "The model's server cannot use it; its answer is passed on.",
    426: "This path is a WebSocket; ask for one (RFC 6455).",
    429: "This client asks too often, or everybody has too much to do; `Retry-After` says when to come again.",
    431: "The head of the request is too large (RFC 6585).",
    500: "The router failed; its log tells more under this request's id.",
    503: "Nobody can serve this now, with one line per provider saying why; `Retry-After` says when to try again.",
    507: "No room is left for it.",
    508: "The request has passed this router before.",
}
_OF_EVERY: Final = (400, 401, 403, 408, 431, 500, 508)  # the server and the door are before every route
_OF_MODELS: Final = (404, 413, 429, 503)


def errors(*statuses: int, dialects: Sequence[Dialect] = (OPENAI,)) -> dict[int, ResponseSpec]:
    """What an operation may answer when it fails: `statuses` of its own beside those that every one has.

    `dialects`: more than one where a path is shared and a header tells whose it is.
    """
    kinds = [SHAPES[dialect] for dialect in dialects]
    shape: Any = kinds[0]
    for kind in kinds[1:]:
        shape |= kind
    return {
        status: ResponseSpec(
            shape,
            generate_examples=False,
            description=_MEANINGS.get(status, HTTPStatus(status).phrase),
        )
        for status in sorted({*_OF_EVERY, *statuses})
    }


def model_errors(*statuses: int, dialects: Sequence[Dialect] = (OPENAI,)) -> dict[int, ResponseSpec]:
    """The same of one that asks a model or a voice."""
    return errors(*_OF_MODELS, *statuses, dialects=dialects)
