"""How the dialects word the same wishes: how much feeling, how even, which mood. Tables and pure functions.

The words of the house are Chatterbox's: `exaggeration` (0.25 to 2; 0.5 is neutral), `temperature` (0.8 is
usual), `emotion` (a word), `pitch` and `volume` (factors). A dialect's module translates at its edge, in both
directions, so that any client can speak to any provider. What is neutral in one dialect is neutral in the other.
The tables are in docs/guides/expression.md.
"""

import math
from collections.abc import Mapping
from typing import Final

from router.errors import InvalidRequest

NEUTRAL_EXAGGERATION: Final = 0.5
EXAGGERATION: Final = (0.25, 2.0)
USUAL_TEMPERATURE: Final = 0.8
USUAL_STABILITY: Final = 0.5  # ElevenLabs' own
_SPREAD: Final = EXAGGERATION[1] - NEUTRAL_EXAGGERATION  # what a style of 0 to 1 covers

# How much feeling a mood has, for those who know only how much. Chatterbox takes the mood itself from the text.
_FEELING: Final[Mapping[str, float]] = {
    "neutral": 0.5,
    "calm": 0.35,
    "peaceful": 0.35,
    "serene": 0.35,
    "bored": 0.35,
    "tired": 0.35,
    "distant": 0.4,
    "sad": 0.6,
    "melancholic": 0.6,
    "curious": 0.6,
    "content": 0.6,
    "confident": 0.65,
    "sympathetic": 0.65,
    "happy": 0.75,
    "sarcastic": 0.75,
    "disgusted": 0.8,
    "surprised": 0.9,
    "scared": 0.9,
    "angry": 1.0,
    "excited": 1.0,
    "enthusiastic": 1.0,
    "amazed": 1.0,
    "panicked": 1.2,
    "outraged": 1.2,
    "euphoric": 1.2,
}
_SOME_FEELING: Final = 0.7  # of a mood that is not in the table
# What others say for words of the table above. Those are Cartesia's (its `emotion`, SDK 4.2.0), which takes any.
_SAME_MOOD: Final[Mapping[str, str]] = {
    "normal": "neutral",
    "default": "neutral",
    "none": "neutral",
    "cheerful": "happy",
    "joy": "happy",
    "joyful": "happy",
    "positive": "happy",
    "sadness": "sad",
    "sorrowful": "sad",
    "depressed": "melancholic",
    "anger": "angry",
    "furious": "outraged",
    "mad": "angry",
    "fear": "scared",
    "fearful": "scared",
    "afraid": "scared",
    "terrified": "panicked",
    "surprise": "surprised",
    "positivity": "happy",
    "curiosity": "curious",
    "disgust": "disgusted",
    "excitement": "excited",
    "relaxed": "calm",
    "soft": "calm",
    "empathetic": "sympathetic",
    "friendly": "content",
    "serious": "determined",
}


def style_of(exaggeration: float) -> float:
    """ElevenLabs' `style` (0 to 1, 0 is neutral). It has none for less feeling than usual."""
    return _within((exaggeration - NEUTRAL_EXAGGERATION) / _SPREAD, 0.0, 1.0)


def exaggeration_of_style(style: float) -> float:
    """The way back."""
    return NEUTRAL_EXAGGERATION + _SPREAD * _within(style, 0.0, 1.0)


def stability_of(temperature: float) -> float:
    """ElevenLabs' `stability` (0 to 1): the more varied, the less stable."""
    return _within(USUAL_STABILITY + USUAL_TEMPERATURE - temperature, 0.0, 1.0)


def temperature_of_stability(stability: float) -> float:
    """The way back: 0.3 to 1.3."""
    return USUAL_TEMPERATURE + USUAL_STABILITY - _within(stability, 0.0, 1.0)


def mood_of(emotion: str) -> str:
    """An emotion by its usual name, in Cartesia's words where it has one."""
    word = " ".join(emotion.lower().split())
    return _SAME_MOOD.get(word, word)


def exaggeration_of_emotion(emotion: str) -> float:
    """How much feeling a mood has, for those who know only how much."""
    return _FEELING.get(mood_of(emotion), _SOME_FEELING)


def exaggeration_in(options: Mapping[str, object]) -> float | None:
    """What a request says of feeling: by `exaggeration`, else by `emotion`; None when it says nothing. Raises
    InvalidRequest."""
    said = number_in(options, "exaggeration", *EXAGGERATION)
    emotion = word_in(options, "emotion")
    return said if said is not None or emotion is None else exaggeration_of_emotion(emotion)


def number_in(options: Mapping[str, object], name: str, lowest: float, highest: float) -> float | None:
    """A number among a request's options, at the nearest that is allowed; None when there is none. Raises
    InvalidRequest for what is no number."""
    value = options.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidRequest(f"{name} must be a number.", param=name)
    return _within(value, lowest, highest)


def word_in(options: Mapping[str, object], name: str) -> str | None:
    """A word among a request's options; None when there is none, or an empty one. Raises InvalidRequest."""
    value = options.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > 100:
        raise InvalidRequest(f"{name} must be a short text.", param=name)
    return value


def _within(value: float, lowest: float, highest: float) -> float:
    return float(min(max(value, lowest), highest))
