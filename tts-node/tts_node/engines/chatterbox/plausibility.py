"""Whether speech can be what a text says, by its length. Pure.

Chatterbox sometimes runs on after the text, or stops before its end. Speakers read 10 to 20 letters a
second in alphabets, 4 to 8 signs in Chinese; the bounds below are more than twice as generous on both
sides, so that what falls outside is a fault of the model and not a way of speaking.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

from tts_node.domain import TOKENS_PER_AUDIO_SECOND
from tts_node.engines.chatterbox.tags import count_tags, without_tags

MODEL_TOKENS = 1000  # the package's own cap: 40 s
LONGEST_S = MODEL_TOKENS / TOKENS_PER_AUDIO_SECOND
_SPARE_S = 3.0  # for breaths, hesitation and the silence at both ends; and for each [laugh]
_HASTE_S = 0.4


@dataclass(frozen=True, slots=True)
class Pace:
    """Letters or signs a second, between which speech is plausible."""

    slowest: float
    fastest: float


_ALPHABET = Pace(4.0, 40.0)
_PACES = {
    "zh": Pace(1.2, 15.0),
    "ja": Pace(2.0, 25.0),  # kana; kanji are said in several morae
    "ko": Pace(1.5, 18.0),
    "ar": Pace(3.0, 32.0),  # vowels are not written
    "he": Pace(3.0, 32.0),
    "hi": Pace(3.0, 32.0),
}


class Fault(StrEnum):
    """What is wrong with a take; the words go to the log."""

    RUNAWAY = "it did not stop"
    TRUNCATED = "it was too short for the text"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds between which a text can be spoken."""

    shortest_s: float
    longest_s: float

    @property
    def can_be_spoken(self) -> bool:
        """Whether the model can get to the text's end at all."""
        return self.shortest_s < LONGEST_S

    @property
    def token_limit(self) -> int:
        """Speech tokens after which the model has run away, never more than it can give."""
        return min(MODEL_TOKENS, math.ceil(self.longest_s * TOKENS_PER_AUDIO_SECOND))

    def fault_of(self, duration_s: float, *, has_stopped: bool) -> Fault | None:
        """Judges a take; None is a good one."""
        if not has_stopped:
            return Fault.RUNAWAY
        return Fault.TRUNCATED if duration_s < self.shortest_s else None


def bounds_of(text: str, language: str | None) -> Bounds:
    """Of a text in a language (None: an alphabet's)."""
    pace = _PACES.get(language or "", _ALPHABET)
    letters = sum(character.isalnum() for character in without_tags(text))
    return Bounds(
        shortest_s=max(0.0, letters / pace.fastest - _HASTE_S),
        longest_s=letters / pace.slowest + _SPARE_S * (1 + count_tags(text)),
    )


def other_seed(seed: int) -> int:
    """The seed of the second take: the same for the same first one, far from its neighbours."""
    return (seed * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019) % 2**63
