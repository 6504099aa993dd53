"""An engine's own parameters: checked against its row, told when ignored, passed over when unknown."""

from dataclasses import replace
from typing import Any

import pytest

from tts_node.domain import SpeechRequest
from tts_node.engines import ESPEAK, EngineOption
from tts_node.errors import BadRequest
from tts_node.options import options_for, warning_of

ONE = replace(
    ESPEAK,
    id="one",
    options={
        "warmth": EngineOption(float, 0.5, 0.25, 2.0),
        "steps": EngineOption(int, 10, 1, 50),
        "loud": EngineOption(bool, True),
    },
)
OTHER = replace(ESPEAK, id="other", options={"weight": EngineOption(float, 0.5, 0, 1)})
REGISTRY = {each.id: each for each in (ONE, OTHER, ESPEAK)}


def resolved(**fields: Any) -> tuple[dict[str, object], tuple[str, ...]]:
    """For engine one."""
    options, ignored = options_for(ONE, REGISTRY, SpeechRequest("Hi", options=fields))
    return dict(options), ignored


def test_what_is_asked_for_is_given() -> None:
    """With the type the engine wants; what was not asked for keeps the engine's default."""
    options, ignored = resolved(warmth=1, steps=20.0, loud=False)
    assert ({"warmth": 1.0, "steps": 20, "loud": False}, ()) == (options, ignored)
    assert [float, int, bool] == [type(options[name]) for name in ("warmth", "steps", "loud")]
    assert ({}, ()) == resolved()


@pytest.mark.parametrize("value", [0.25, 2.0, 2])
def test_the_bounds_belong_to_the_range(value: float) -> None:
    """From … to, both included."""
    assert {"warmth": float(value)} == resolved(warmth=value)[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("warmth", 0.24),
        ("warmth", 2.01),
        ("warmth", float("nan")),
        ("warmth", float("inf")),
        ("warmth", "1"),
        ("warmth", True),
        ("warmth", [1]),
        ("warmth", {"a": 1}),
        ("steps", 0),
        ("steps", 1.5),
        ("steps", float("nan")),
        ("steps", True),
        ("steps", 10**400),
        ("loud", 1),
        ("loud", "true"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, value: object) -> None:
    """A 400 that names the field."""
    with pytest.raises(BadRequest) as caught:
        resolved(**{name: value})
    assert name == caught.value.param
    assert f"'{name}' must be" in caught.value.message


def test_other_engines_options_are_told() -> None:
    """Not an error: the same request may be meant for several engines. Unknown fields pass in silence."""
    assert ({}, ("weight",)) == resolved(weight="whatever", user="me", x=[1])
    assert ((), ("weight",)) == (options_for(OTHER, REGISTRY, SpeechRequest("Hi"))[1], resolved(weight=1)[1])


def test_instructions_are_told() -> None:
    """No engine here follows them."""
    _, ignored = options_for(ONE, REGISTRY, SpeechRequest("Hi", instructions="whisper", options={"weight": 1}))
    assert ("instructions", "weight") == ignored
    assert "ignored: instructions, weight" == warning_of(ignored)
    assert warning_of(()) is None
