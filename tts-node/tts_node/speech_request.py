"""A request's body to a `SpeechRequest`: every way to get it wrong is a BadRequest that names the field. Pure."""

import json
import re
from typing import Any, Literal

import msgspec

from tts_node.domain import AudioFormat, SpeechRequest
from tts_node.errors import BadRequest

_SPEEDS = (0.25, 4.0)
_SEEDS = (-(2**63), 2**64 - 1)
_FIELD = re.compile(r" - at `\$\.?(\w*)")


class _VoiceRef(msgspec.Struct):
    id: str


class _Body(msgspec.Struct):
    """The JSON as it stands. Fields this node does not know are other engines' options and pass."""

    input: str
    model: str | None = None
    voice: str | _VoiceRef | None = None
    response_format: str | None = None
    speed: float | None = None
    language: str | None = None
    seed: int | None = None
    instructions: str | None = None
    segment: bool | None = None
    stream: bool | Literal["auto"] | None = None
    stream_format: Literal["audio", "sse"] | None = None


def parse_speech_request(body: bytes, input_limit: int) -> SpeechRequest:
    """Raises BadRequest."""
    try:
        wish = msgspec.convert(_parse_json(body), _Body)
    except msgspec.ValidationError as exc:
        raise _as_bad_request(exc) from exc
    voice = wish.voice.id if isinstance(wish.voice, _VoiceRef) else wish.voice
    _refuse_lone_surrogates(
        input=wish.input,
        model=wish.model,
        voice=voice,
        language=wish.language,
        instructions=wish.instructions,
    )
    if not wish.input.strip():
        raise BadRequest("'input' is empty: there is nothing to say.", param="input", code="empty_input")
    if len(wish.input) > input_limit:
        raise BadRequest(
            f"'input' has {len(wish.input)} characters; this node takes {input_limit} at a time.",
            param="input",
            code="input_too_long",
        )
    return SpeechRequest(
        text=wish.input,
        model=wish.model,
        voice=voice,
        format=_format(wish.response_format),
        speed=_speed(wish.speed),
        language=wish.language or None,
        seed=_seed(wish.seed),
        instructions=wish.instructions,
        is_segment=bool(wish.segment),
        stream=wish.stream if isinstance(wish.stream, bool) else None,
        is_sse=wish.stream_format == "sse",
    )


def _parse_json(body: bytes) -> Any:  # JSON edge
    try:
        text = body.decode()
    except UnicodeDecodeError as exc:
        raise BadRequest(
            f"The body is not UTF-8: {exc.reason} at byte {exc.start}.", code="invalid_encoding"
        ) from exc
    try:
        value = json.loads(text, object_pairs_hook=_object_without_duplicates)
    except json.JSONDecodeError as exc:
        where = f"line {exc.lineno} column {exc.colno}"
        raise BadRequest(f"The body is not JSON: {exc.msg} at {where}.", code="invalid_json") from exc
    except (RecursionError, ValueError) as exc:  # nested thousands deep; a number of thousands of digits
        raise BadRequest("The body is not JSON that anyone means.", code="invalid_json") from exc
    if not isinstance(value, dict):
        raise BadRequest("The body must be a JSON object.", code="invalid_json")
    return value


def _object_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two parsers that disagree on which of two keys counts are a way around every check between them."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            param = None if has_lone_surrogate(key) else key
            raise BadRequest(f"The key {key!a} stands twice.", param=param, code="duplicate_key")
        found[key] = value
    return found


def has_lone_surrogate(text: str) -> bool:
    """Whether JSON's escapes smuggled in what no UTF-8 can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _refuse_lone_surrogates(**fields: str | None) -> None:
    for name, text in fields.items():
        if text and has_lone_surrogate(text):
            raise BadRequest(f"'{name}' holds half a surrogate pair.", param=name, code="invalid_encoding")


def _as_bad_request(exc: msgspec.ValidationError) -> BadRequest:
    message = str(exc)
    if missing := re.search(r"missing required field `(\w+)`", message):
        field = missing.group(1)
        inside = _FIELD.search(message)
        if inside and inside.group(1):
            field = inside.group(1)
        return BadRequest(f"'{field}' is missing or incomplete.", param=field, code="missing_field")
    match = _FIELD.search(message)
    field_name = match.group(1) or None if match else None
    return BadRequest(message.replace(" - at `$.", " in `"), param=field_name, code="invalid_type")


def _format(text: str | None) -> AudioFormat:
    try:
        return AudioFormat(text or AudioFormat.MP3)
    except ValueError as exc:
        raise BadRequest(
            f"'response_format' {text!a} is none of {', '.join(AudioFormat)}.",
            param="response_format",
            code="unknown_format",
        ) from exc


def _speed(value: float | None) -> float:
    low, high = _SPEEDS
    if value is None:
        return 1.0
    if not low <= value <= high:  # NaN too
        raise BadRequest(f"'speed' must be from {low} to {high:g}.", param="speed", code="out_of_range")
    return value


def _seed(value: int | None) -> int | None:
    low, high = _SEEDS
    if value is not None and not low <= value <= high:
        raise BadRequest("'seed' must fit into 64 bits.", param="seed", code="out_of_range")
    return value
