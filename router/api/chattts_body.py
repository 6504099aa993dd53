"""ChatTTS' dialect of `POST /v1/audio/speech`: `text` in the place of `input`, and its own parameters (document
003, "ChatTTS Integration Complete", 2025-10-31; ranges as its server checks them).

Its clients send every parameter every time. What is ChatTTS' own default says nothing then: another engine has
defaults of its own, and a ChatTTS behind this router is asked as it is configured.
"""

from collections.abc import Mapping
from typing import Any, Final

from router.errors import InvalidRequest
from router.ports import Header
from router.spoken import SpokenAnswer

RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "speed": (0.5, 2.0),
    "temperature": (0.1, 1.0),
    "top_p": (0.5, 1.0),
    "top_k": (10, 30),
}
DEFAULTS: Final[Mapping[str, object]] = {"temperature": 0.3, "top_p": 0.7, "top_k": 20, "use_refine": False}
_WHOLE: Final = frozenset({"top_k"})


def is_chattts(document: Mapping[str, object]) -> bool:
    """Whether a body is in this dialect."""
    return "input" not in document and isinstance(document.get("text"), str)


def speech_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """The body in the house's words, but for the text, which stays `text`. Raises InvalidRequest naming the
    field."""
    for name in RANGES:
        if name in document:
            _check_range(name, document[name])
    if not isinstance(document.get("use_refine", False), bool):
        raise InvalidRequest("use_refine must be true or false.", param="use_refine", code="wrong_type")
    told = {name: value for name, value in document.items() if name not in DEFAULTS or value != DEFAULTS[name]}
    return {"response_format": "wav", "stream": False, **told}


def headers_of(answer: SpokenAnswer) -> list[Header]:
    """Its figures: how many seconds it took, and how many for each second of speech."""
    rtf = answer.generation_s / answer.duration_s if answer.duration_s else 0.0
    return [(b"x-processing-time", f"{answer.generation_s:.3f}".encode()), (b"x-rtf", f"{rtf:.3f}".encode())]


def _check_range(name: str, value: object) -> None:
    lowest, highest = RANGES[name]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or (name in _WHOLE and not isinstance(value, int)):
        what = "a whole number" if name in _WHOLE else "a number"
        raise InvalidRequest(f"{name} must be {what}.", param=name, code="wrong_type")
    if not lowest <= value <= highest:  # type: ignore[operator]  # it is a number
        raise InvalidRequest(
            f"{name} must be {lowest:g} to {highest:g}, is {value}", param=name, code="out_of_range"
        )
