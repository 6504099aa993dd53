"""OpenAI's `POST /v1/audio/speech` body, checked field by field (openai-openapi, 2026-08)."""

import json
from collections.abc import Mapping
from typing import Any, Final, Literal, NoReturn

import msgspec

from router.api.peek import check_name, check_text, duplicate_key, wrong_type
from router.domain import AudioFormat, Rendition, SpeechRequest
from router.errors import InvalidRequest

SPEED_RANGE: Final = (0.25, 4.0)


class _VoiceId(msgspec.Struct):
    id: str


class _Body(msgspec.Struct):
    input: str
    model: str | None = None
    voice: str | _VoiceId | None = None
    response_format: str = "mp3"
    speed: float = 1.0
    instructions: str | None = None
    stream_format: Literal["audio", "sse"] = "audio"
    stream: bool | None = None
    language: str | None = None
    seed: int | None = None


_OWN_FIELDS: Final = frozenset(_Body.__struct_fields__)
# Set by the router on every segment; a client's word on them is not passed on.
_RESERVED: Final = frozenset({"segment", "response_format"})


def parse(raw: bytes, *, max_chars: int) -> SpeechRequest:
    """The request in `raw`. Unknown fields become engine options. Raises InvalidRequest naming the field."""
    return request_of(document_of(raw), max_chars=max_chars)


def request_of(document: Mapping[str, object], *, max_chars: int, said_in: str = "input") -> SpeechRequest:
    """The request in `document`, whose text is the field `said_in`. Raises InvalidRequest naming the field."""
    if said_in not in document:
        raise InvalidRequest(f'Nothing to say: "{said_in}" is missing.', param=said_in, code=f"{said_in}_required")
    try:
        body = msgspec.convert({**document, "input": ""}, _Body)
    except msgspec.ValidationError as exc:
        raise wrong_type(exc) from exc
    voice = _voice(body.voice)
    check_name("model", body.model)
    check_name("voice", voice)
    return SpeechRequest(
        text=text_in(said_in, document[said_in], max_chars=max_chars),
        model=body.model or None,
        voice=voice,
        rendition=Rendition(_format(body.response_format)),
        speed=speed_in("speed", body.speed),
        language=body.language,
        seed=_seed(body.seed),
        instructions=body.instructions,
        sse=body.stream_format == "sse",
        stream=body.stream,
        options={k: v for k, v in document.items() if k not in {*_OWN_FIELDS, *_RESERVED, said_in}},
    )


def document_of(raw: bytes) -> dict[str, Any]:
    """A body that is a JSON object, strictly. Raises InvalidRequest."""
    check_text(raw)
    try:
        document = json.loads(raw, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError) as exc:
        if isinstance(exc, json.JSONDecodeError):
            raise InvalidRequest(f"The body is not JSON: {exc}", code="invalid_json") from exc
        raise InvalidRequest("The body is not JSON that can be read.", code="invalid_json") from exc
    if not isinstance(document, dict):
        raise InvalidRequest(f"The body: expected `object`, got `{type(document).__name__}`", code="wrong_type")
    if b"\\ud" in raw.lower():
        _check_surrogates(document)
    return document


def _check_surrogates(document: Mapping[str, object]) -> None:
    """Half of a surrogate pair can be escaped in JSON but is no text and cannot be passed on (RFC 8259 §8.2)."""
    for key, value in document.items():
        try:
            key.encode()
        except UnicodeEncodeError as exc:
            raise InvalidRequest("A key holds half a surrogate pair.", code="invalid_json") from exc
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as exc:
            raise InvalidRequest(
                f"{key[:100]!r} holds half a surrogate pair.", param=key[:100], code="invalid_json"
            ) from exc


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise duplicate_key(twice)
    return document


def _no_constant(name: str) -> NoReturn:
    raise InvalidRequest(f"{name} is not JSON (RFC 8259 §6).", code="invalid_json")


def text_in(field: str, text: object, *, max_chars: int) -> str:
    """What is to be said. Raises InvalidRequest."""
    if not isinstance(text, str):
        kind = "null" if text is None else type(text).__name__
        raise InvalidRequest(f"{field}: expected `str`, got `{kind}`", param=field, code="wrong_type")
    if not text.strip():
        raise InvalidRequest(f'"{field}" is empty: there is nothing to say.', param=field, code=f"{field}_empty")
    if len(text) > max_chars:
        raise InvalidRequest(
            f'"{field}" has {len(text)} characters; at most {max_chars} are spoken at once '
            "(speech.max_input_chars).",
            param=field,
            code=f"{field}_too_long",
        )
    try:
        text.encode()
    except UnicodeEncodeError as exc:  # half of a surrogate pair, from an escape
        raise InvalidRequest(
            f'"{field}" is not text: {exc.reason} at character {exc.start}', param=field, code="invalid_json"
        ) from exc
    return text


def _voice(voice: str | _VoiceId | None) -> str | None:
    name = voice.id if isinstance(voice, _VoiceId) else voice
    return name or None


def _format(name: str) -> AudioFormat:
    try:
        return AudioFormat(name)
    except ValueError:
        known = ", ".join(AudioFormat)
        raise InvalidRequest(
            f"No response_format is called {name[:100]!r}; known: {known}.",
            param="response_format",
            code="unknown_format",
        ) from None


def speed_in(field: str, speed: float) -> float:
    """A factor. Raises InvalidRequest."""
    low, high = SPEED_RANGE
    if not low <= speed <= high:
        raise InvalidRequest(f"{field} must be {low} to {high}, is {speed}", param=field, code="out_of_range")
    return speed


def _seed(seed: int | None) -> int | None:
    if seed is not None and not 0 <= seed < 2**32:
        raise InvalidRequest(f"seed must be 0 to {2**32 - 1}, is {seed}", param="seed", code="out_of_range")
    return seed
