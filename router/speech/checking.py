"""Whether a spoken segment can be the whole of its text. Pure.

A node that dies or gives up early sends too little; a model that babbles on sends too much. The bounds are wide:
speech has some 15 characters a second, but espeak rushes a word without end at 120, and a text of pauses is slow.
"""

from typing import Final

from router.domain import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ
from router.errors import Implausible

FASTEST_CHARS_PER_S: Final = 160.0
SLOWEST_CHARS_PER_S: Final = 0.8
GRACE_S: Final = 10.0  # numbers, abbreviations and pauses in short texts


def longest_s(text: str, speed: float) -> float:
    """The most seconds that `text` at `speed` can plausibly take."""
    return GRACE_S + len(text) / (SLOWEST_CHARS_PER_S * min(speed, 1.0))


def check_duration(pcm: bytes, text: str, speed: float) -> None:
    """Raise Implausible when `pcm` (24 kHz s16le mono) is implausibly short or long for `text` at `speed`."""
    duration_s = len(pcm) / (SAMPLE_RATE_HZ * BYTES_PER_SAMPLE)
    spoken = sum(map(str.isalpha, text)) + sum(map(str.isdecimal, text))  # no superscripts, which few voices say
    shortest_s = spoken / (FASTEST_CHARS_PER_S * max(speed, 1.0))
    if spoken and duration_s <= max(shortest_s, 0.02):
        raise Implausible(
            f"sent {duration_s:.2f} s of audio for {len(text)} characters: too short to be all of it"
        )
    if duration_s > longest_s(text, speed):
        raise Implausible(f"sent {duration_s:.0f} s of audio for {len(text)} characters: too long to be right")
