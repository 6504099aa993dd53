"""ElevenLabs' text-to-speech request, checked: path, query and body (REST v1 as its SDK 2.78.0 sends it).

What it says of the voice becomes the house's options (`speech/expression.py`). What has no counterpart here is
accepted and has no effect, as are fields that nobody knows: its own service ignores those, too.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

from router.api.elevenlabs_formats import DEFAULT, rendition_named
from router.api.peek import check_name
from router.api.speech_body import SPEED_RANGE, document_of
from router.domain import CacheUse, SpeechRequest
from router.errors import InvalidRequest, Unprocessable
from router.speech.expression import exaggeration_of_style, temperature_of_stability

ROOT: Final = "/v1/text-to-speech/"
MODEL_PREFIX: Final = "eleven_"
_MOST_SEED: Final = 2**32 - 1
_KINDS: Final[Mapping[str, tuple[type, ...]]] = {"string": (str,), "bool": (bool,), "number": (int, float)}
_FALSE: Final = frozenset({"false", "0", "no", "off"})


class Way(NamedTuple):
    """What a path asks for: `is_streamed` while it is spoken, `is_timed` as JSON with the times of characters."""

    voice: str
    is_streamed: bool
    is_timed: bool


def way_of(path: str) -> Way:
    """The route below `ROOT`."""
    rest, is_timed = _without(path.removeprefix(ROOT), "/with-timestamps")
    voice, is_streamed = _without(rest, "/stream")
    return Way(voice, is_streamed, is_timed)


def request_of(way: Way, query: bytes, raw: bytes, *, max_chars: int) -> SpeechRequest:
    """What is to be spoken, with the names of voice and model as the client used them. Raises Unprocessable for a
    field that is missing or of another kind, InvalidRequest for what cannot be used; both name the field."""
    document = document_of(raw)
    text = _of_kind(document, "string", "text")
    if text is None:
        raise _unprocessable("Field required", "missing", "text")
    wishes = dict(parse_qsl(query.decode("latin-1")))
    model = _of_kind(document, "string", "model_id") or None
    check_name("model_id", model)
    check_name("voice_id", way.voice)
    settings = _settings(document)
    return SpeechRequest(
        _checked(text, max_chars),
        model,
        way.voice,
        rendition_named(wishes.get("output_format") or DEFAULT),
        _speed(settings),
        _of_kind(document, "string", "language_code") or None,
        _seed(document),
        stream=True if way.is_streamed else None,
        cache=CacheUse.BYPASS if wishes.get("enable_logging", "").lower() in _FALSE else CacheUse.USE,
        options=_options(settings),
    )


def _without(path: str, ending: str) -> tuple[str, bool]:
    """A voice may be called what a route is called: something has to be left of it."""
    return (path.removesuffix(ending), True) if path.endswith(ending) else (path, False)


def _checked(text: str, max_chars: int) -> str:
    if not text.strip():
        raise InvalidRequest("text is empty: there is nothing to say.", param="text", code="input_empty")
    if len(text) > max_chars:
        raise InvalidRequest(
            f"text has {len(text)} characters; at most {max_chars} are spoken at once (speech.max_input_chars).",
            param="text",
            code="input_too_long",
        )
    return text


def _settings(document: Mapping[str, Any]) -> Mapping[str, Any]:
    settings = document.get("voice_settings")
    if settings is None:
        return {}
    if not isinstance(settings, dict):
        raise _unprocessable("Input should be a valid dictionary", "model_attributes_type", "voice_settings")
    return settings


def _options(settings: Mapping[str, Any]) -> dict[str, object]:
    """In the house's words; what only ElevenLabs knows goes on by its own name, for its own service."""
    options: dict[str, object] = {}
    style, stability = _share(settings, "style"), _share(settings, "stability")
    if style is not None:
        options["exaggeration"] = exaggeration_of_style(style)
    if stability is not None:
        options["temperature"] = temperature_of_stability(stability)
    similarity = _share(settings, "similarity_boost")
    if similarity is not None:
        options["similarity_boost"] = similarity
    boost = _of_kind(settings, "bool", "use_speaker_boost", "voice_settings")
    if boost is not None:
        options["use_speaker_boost"] = boost
    return options


def _share(settings: Mapping[str, Any], name: str) -> float | None:
    value = _of_kind(settings, "number", name, "voice_settings")
    if value is None:
        return None
    if value < 0:
        fault = "Input should be greater than or equal to 0"
        raise _unprocessable(fault, "greater_than_equal", "voice_settings", name)
    if not value <= 1:
        raise _unprocessable("Input should be less than or equal to 1", "less_than_equal", "voice_settings", name)
    return float(value)


def _speed(settings: Mapping[str, Any]) -> float:
    speed = _of_kind(settings, "number", "speed", "voice_settings")
    if speed is None:
        return 1.0
    low, high = SPEED_RANGE
    if not low <= speed <= high:
        raise InvalidRequest(
            f"voice_settings.speed must be {low} to {high}, is {speed}.",
            param="voice_settings.speed",
            code="invalid_voice_settings",
        )
    return float(speed)


def _seed(document: Mapping[str, Any]) -> int | None:
    seed = document.get("seed")
    if seed is None:
        return None
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise _unprocessable("Input should be a valid integer", "int_type", "seed")
    if seed < 0:
        raise _unprocessable("Input should be greater than or equal to 0", "greater_than_equal", "seed")
    if seed > _MOST_SEED:
        raise _unprocessable(f"Input should be less than or equal to {_MOST_SEED}", "less_than_equal", "seed")
    return seed


def _of_kind(document: Mapping[str, Any], kind: str, name: str, *above: str) -> Any:
    """A field's value; null means absent."""
    value = document.get(name)
    if value is None or (isinstance(value, _KINDS[kind]) and (kind == "bool" or not isinstance(value, bool))):
        return value
    raise _unprocessable(f"Input should be a valid {kind}", f"{kind}_type", *above, name)


def _unprocessable(message: str, kind: str, *where: str) -> Unprocessable:
    return Unprocessable(message, where=("body", *where), kind=kind)
