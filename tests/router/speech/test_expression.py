"""The same wishes in the words of several dialects."""

import pytest

from router.errors import InvalidRequest
from router.speech.expression import (
    NEUTRAL_EXAGGERATION,
    USUAL_STABILITY,
    USUAL_TEMPERATURE,
    exaggeration_in,
    exaggeration_of_emotion,
    exaggeration_of_style,
    mood_of,
    number_in,
    stability_of,
    style_of,
    temperature_of_stability,
    word_in,
)


@pytest.mark.parametrize(("exaggeration", "style"), [(0.25, 0.0), (0.5, 0.0), (1.25, 0.5), (2.0, 1.0), (9.0, 1.0)])
def test_feeling_as_style(exaggeration: float, style: float) -> None:
    """Neutral is neutral, the most is the most; less than neutral ElevenLabs does not have."""
    assert pytest.approx(style) == style_of(exaggeration)


@pytest.mark.parametrize("style", [0.0, 0.3, 1.0])
def test_style_comes_back(style: float) -> None:
    """A client of that dialect gets what it asked for, if a provider of that dialect speaks."""
    assert pytest.approx(style) == style_of(exaggeration_of_style(style))


def test_neutral_styles_are_neutral() -> None:
    """In both directions."""
    assert NEUTRAL_EXAGGERATION == exaggeration_of_style(0.0)
    assert pytest.approx(USUAL_TEMPERATURE) == temperature_of_stability(USUAL_STABILITY)
    assert pytest.approx(USUAL_STABILITY) == stability_of(USUAL_TEMPERATURE)


@pytest.mark.parametrize("stability", [0.0, 0.25, 0.9, 1.0])
def test_stability_comes_back(stability: float) -> None:
    """As style does."""
    assert pytest.approx(stability) == stability_of(temperature_of_stability(stability))


def test_the_more_varied_the_less_stable() -> None:
    """And never beyond what the other takes."""
    found = [stability_of(temperature) for temperature in (0.0, 0.3, 0.8, 1.0, 5.0)]
    assert sorted(found, reverse=True) == found
    assert (1.0, 0.0) == (found[0], found[-1])


@pytest.mark.parametrize(
    ("said", "mood"),
    [("Joyful", "happy"), ("  ANGER ", "angry"), ("happy", "happy"), ("like a pirate", "like a pirate")],
)
def test_moods_have_one_name(said: str, mood: str) -> None:
    """What is no word of ours stays: Cartesia takes any."""
    assert mood == mood_of(said)


def test_a_mood_has_a_strength() -> None:
    """For who knows only that; an unknown one has some."""
    calm, neutral, odd, excited = map(exaggeration_of_emotion, ("relaxed", "neutral", "piratical", "excited"))
    assert calm < neutral < odd < excited


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, None),
        ({"exaggeration": 0.7}, 0.7),
        ({"emotion": "neutral"}, 0.5),
        ({"exaggeration": 9, "emotion": "sad"}, 2),
    ],
)
def test_feeling_in_a_request(options: dict[str, object], expected: float | None) -> None:
    """The number goes before the word; at the nearest that is allowed."""
    assert expected == exaggeration_in(options)


@pytest.mark.parametrize("value", ["0.5", True, float("nan"), float("inf"), [0.5]])
def test_what_is_no_number_is_the_clients_fault(value: object) -> None:
    """It names the field."""
    with pytest.raises(InvalidRequest) as caught:
        number_in({"style": value}, "style", 0, 1)
    assert "style" == caught.value.param


@pytest.mark.parametrize("value", [1, ["sad"], "x" * 101])
def test_what_is_no_word_is_the_clients_fault(value: object) -> None:
    """Nor is a novel."""
    with pytest.raises(InvalidRequest) as caught:
        word_in({"emotion": value}, "emotion")
    assert "emotion" == caught.value.param


@pytest.mark.parametrize("options", [{}, {"emotion": None}, {"emotion": ""}])
def test_nothing_said(options: dict[str, object]) -> None:
    """Is no wish."""
    assert None is word_in(options, "emotion")
