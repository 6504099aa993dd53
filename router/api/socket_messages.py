"""What is said on the speech WebSocket, in both directions: JSON, checked field by field.

The fields of chatterstream's StreamConfig (document 004) are options of an utterance. Those that its engine knows
(`temperature`, `top_k`, `top_p`, `repetition_penalty`, and Chatterbox's others) go to whoever speaks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec

from router.api import speech_body
from router.api.peek import wrong_type
from router.api.spoken import SegmentTold
from router.domain import SpeechRequest
from router.errors import ClientError, InvalidRequest, RouterError
from router.speech.chunking import FIRST_TOKENS, LATER_TOKENS, MOST_TOKENS, Sizes

_STANDS_FOR_NOTHING = "."


class _Wishes(msgspec.Struct):
    """Fields that say how an utterance is sent."""

    format: str = "pcm"
    first_chunk_tokens: int = FIRST_TOKENS
    subsequent_chunk_tokens: int = LATER_TOKENS
    overlap_tokens: int = 0
    strategy: Literal["adaptive", "sentence_aligned"] = "adaptive"
    max_gen_len: int | None = None  # a segment's length is the router's and the node's to bound


_OWN_FIELDS = frozenset(_Wishes.__struct_fields__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An utterance as it was asked for."""

    request: SpeechRequest
    sizes: Sizes


def message_of(raw: str | bytes) -> dict[str, Any]:
    """A message of the client's; its `type` is there, "speak" unless it says another. Raises InvalidRequest."""
    if isinstance(raw, bytes):
        raise InvalidRequest("Binary messages mean nothing here; send JSON as text.", code="invalid_json")
    document = speech_body.document_of(raw.encode())
    kind = document.setdefault("type", "speak")
    if not isinstance(kind, str) or kind not in {"speak", "text", "end", "cancel"}:
        raise InvalidRequest(
            f"No message is of type {str(kind)[:100]!r}; known: speak, text, end, cancel.",
            param="type",
            code="unknown_type",
        )
    return document


def wanted_of(document: Mapping[str, Any], *, max_chars: int, is_written: bool) -> Wanted:
    """The utterance that a document asks for; `is_written`: its text comes by itself. Raises InvalidRequest naming
    the field."""
    try:
        wishes = msgspec.convert({key: document[key] for key in _OWN_FIELDS & document.keys()}, _Wishes)
    except msgspec.ValidationError as exc:
        raise wrong_type(exc) from exc
    if wishes.overlap_tokens != 0:
        raise InvalidRequest(
            "overlap_tokens must be 0: chunks follow one another without a seam, and none is sent twice.",
            param="overlap_tokens",
            code="out_of_range",
        )
    sizes = Sizes(
        _tokens("first_chunk_tokens", wishes.first_chunk_tokens),
        _tokens("subsequent_chunk_tokens", wishes.subsequent_chunk_tokens),
        wishes.strategy == "sentence_aligned",
    )
    return Wanted(_request(document, wishes, max_chars, is_written=is_written), sizes)


def _request(document: Mapping[str, Any], wishes: _Wishes, max_chars: int, *, is_written: bool) -> SpeechRequest:
    words = {key: value for key, value in document.items() if key not in {*_OWN_FIELDS, "type"}}
    words["response_format"] = wishes.format
    if is_written:
        words["text"] = _STANDS_FOR_NOTHING
    try:
        request = speech_body.request_of(words, max_chars=max_chars, said_in="text")
    except ClientError as error:
        error.param = "format" if error.param == "response_format" else error.param
        raise
    return replace(request, text="", sse=False) if is_written else replace(request, sse=False)


def _tokens(name: str, tokens: int) -> int:
    if not 1 <= tokens <= MOST_TOKENS:
        raise InvalidRequest(
            f"{name} must be 1 to {MOST_TOKENS} (25 are a second), is {tokens}", param=name, code="out_of_range"
        )
    return tokens


class ChunkTold(msgspec.Struct, omit_defaults=True):
    """Goes before the chunk's bytes. `duration_ms` is that of the sound that was put into them: what compresses
    keeps up to a frame of it for the next. The last also tells what a finished answer tells: times in seconds."""

    type: Literal["chunk"]
    utterance: int
    chunk_index: int
    sample_rate: int
    duration_ms: float
    is_final: bool
    request_id: str
    audio_duration: float | None = None
    generation_time: float | None = None
    substitution: str | None = None
    segments: list[SegmentTold] | None = None


class CancelledTold(msgspec.Struct):
    """Nothing follows of what was asked before."""

    type: Literal["cancelled"]


class _ErrorFields(msgspec.Struct):
    """OpenAI's."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorTold(msgspec.Struct):
    """The last message before the connection is closed."""

    type: Literal["error"]
    error: _ErrorFields
    retry_after: float | None = None


def error_told(error: RouterError) -> ErrorTold:
    """OpenAI's fields, as on every other route."""
    fields = _ErrorFields(error.message, error.type, error.param, error.code)
    return ErrorTold("error", fields, error.retry_after_s)
