"""Pitch and loudness of what was spoken, by FFmpeg's filters: for providers that know neither."""

import asyncio
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from router.domain import SAMPLE_RATE_HZ, Utterance
from router.speech.stretching import filtered, tempo_filters

PITCH: Final = "pitch"
VOLUME: Final = "volume"
PITCHES: Final = (0.25, 4.0)  # two octaves either way
VOLUMES: Final = (0.0, 4.0)  # up to 12 dB more


class Shape(NamedTuple):
    """What is left to be done to a segment's sound: factors, 1 for nothing."""

    pitch: float = 1.0
    volume: float = 1.0

    @classmethod
    def left(cls, options: Mapping[str, object], known: frozenset[str]) -> "Shape":
        """Of a request's options those that the provider does not know, at the nearest that can be done. What is
        no factor means nothing here: clients send the fields of other servers."""
        pitch = None if PITCH in known else _factor(options.get(PITCH))
        volume = None if VOLUME in known else _factor(options.get(VOLUME))
        lowest, highest = PITCHES
        return cls(
            min(max(pitch, lowest), highest) if pitch else 1.0,  # a pitch of 0 counts in other units
            1.0 if volume is None else min(volume, VOLUMES[1]),
        )

    def filters(self) -> Iterator[tuple[str, str]]:
        """FFmpeg's, each with its arguments."""
        if self.pitch != 1.0:  # played faster, and then as slow as before
            yield "asetrate", str(round(SAMPLE_RATE_HZ * self.pitch))
            yield "aresample", str(SAMPLE_RATE_HZ)
            yield from tempo_filters(1 / self.pitch)
        if self.volume != 1.0:
            yield "volume", f"{self.volume:.4f}"


async def shaped(said: Utterance, options: Mapping[str, object], known: frozenset[str]) -> Utterance:
    """What was spoken, with the pitch and the loudness that the options ask for, as far as its provider knows
    neither; it takes as long to hear as before. Raises Malformed."""
    filters = list(Shape.left(options, known).filters()) if PITCH in options or VOLUME in options else []
    if not filters or not said.pcm:
        return said
    return replace(said, pcm=await asyncio.to_thread(filtered, said.pcm, filters))


def _factor(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < math.inf else None  # type: ignore[arg-type, operator]  # it is one
