"""A request's body to a `SpeechRequest`: every way to get it wrong is a BadRequest that names the field. Pure."""

import json
import re
from typing import Any, Literal

import msgspec

from tts_node.domain import AudioFormat, Priority, SpeechRequest
from tts_node.errors import BadRequest
from tts_node.sound.layout import layout_of

_SPEEDS = (0.25, 4.0)
_PITCHES = (0.5, 2.0)
_VOLUMES = (0.0, 4.0)
_SEEDS = (-(2**63), 2**64 - 1)
_FIELD = re.compile(r" - at `\$\.?(\w*)")


class _VoiceRef(msgspec.Struct):
    id: str


class _Body(msgspec.Struct):
    """The JSON as it stands. What else there is may be an engine's option: `options.py` judges."""

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
    priority: Literal["interactive", "batch"] | None = None
    pitch: float | None = None
    volume: float | None = None
    sample_rate: int | None = None
    bit_depth: int | None = None
    channels: int | None = None
    codec: str | None = None


def parse_speech_request(body: bytes, input_limit: int) -> SpeechRequest:
    """Raises BadRequest."""
    try:
        content = _parse_json(body)
        wish = msgspec.convert(content, _Body)
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
    audio_format = _format(wish.response_format)
    return SpeechRequest(
        text=wish.input,
        model=wish.model,
        voice=voice,
        format=audio_format,
        speed=_factor("speed", wish.speed, _SPEEDS),
        language=wish.language or None,
        seed=_seed(wish.seed),
        instructions=wish.instructions,
        is_segment=bool(wish.segment),
        stream=wish.stream if isinstance(wish.stream, bool) else None,
        is_sse=wish.stream_format == "sse",
        priority=Priority[(wish.priority or "interactive").upper()],
        options=_extras(content),
        pitch=_factor("pitch", wish.pitch, _PITCHES),
        volume=_factor("volume", wish.volume, _VOLUMES),
        layout=layout_of(audio_format, wish.sample_rate, wish.bit_depth, wish.channels, wish.codec),
    )


def _extras(content: dict[str, Any]) -> dict[str, object]:
    """Fields that are none of the body's own; null means absent."""
    own = _Body.__struct_fields__
    return {name: value for name, value in content.items() if name not in own and value is not None}


def _parse_json(body: bytes) -> dict[str, Any]:  # JSON edge
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


def _factor(name: str, value: float | None, bounds: tuple[float, float]) -> float:
    low, high = bounds
    if value is None:
        return 1.0
    if not low <= value <= high:  # NaN too
        raise BadRequest(f"'{name}' must be from {low:g} to {high:g}.", param=name, code="out_of_range")
    return value


def _seed(value: int | None) -> int | None:
    low, high = _SEEDS
    if value is not None and not low <= value <= high:
        raise BadRequest("'seed' must fit into 64 bits.", param="seed", code="out_of_range")
    return value
