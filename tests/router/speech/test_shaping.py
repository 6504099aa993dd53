"""Pitch and loudness for what was spoken."""

import math
from itertools import pairwise
from typing import Any

import pytest
from running import run
from vendors.sound import tone

from router.domain import BYTES_PER_S, SAMPLE_RATE_HZ, Utterance
from router.speech.shaping import Shape, shaped

NOTHING: frozenset[str] = frozenset()
SPOKEN = Utterance(tone(2.0, hz=220.0), 0.5, "engine", "fable")


def _pitch_hz(pcm: bytes) -> float:
    """Of a pure tone, by how often it crosses zero upwards."""
    samples = memoryview(pcm).cast("h")
    ups = sum(1 for before, after in pairwise(samples) if before < 0 <= after)
    return ups / (len(samples) / SAMPLE_RATE_HZ)


def _peak(pcm: bytes) -> int:
    return max(memoryview(pcm).cast("h"))


@pytest.mark.parametrize("pitch", [0.5, 0.8, 1.25, 2.0, 4.0])
def test_another_pitch(pitch: float) -> None:
    """Takes as long to hear as before."""
    pcm = run(shaped(SPOKEN, {"pitch": pitch}, NOTHING)).pcm
    assert math.isclose(220.0 * pitch, _pitch_hz(pcm), rel_tol=0.06)
    assert math.isclose(2.0, len(pcm) / BYTES_PER_S, rel_tol=0.06)


@pytest.mark.parametrize(("volume", "peak"), [(0.5, 4000), (2, 16_000), (0, 0), (3.9, 31_200), (40, 32_000)])
def test_another_loudness(volume: float, peak: int) -> None:
    """Sample by sample; what would be too loud is cut off at the top."""
    pcm = run(shaped(SPOKEN, {"volume": volume}, NOTHING)).pcm
    assert len(SPOKEN.pcm) == len(pcm)
    assert math.isclose(peak, _peak(pcm), rel_tol=0.03, abs_tol=2)


def test_the_rest_of_it_stays() -> None:
    """Who spoke, and how long that took."""
    said = run(shaped(SPOKEN, {"volume": 0.5, "pitch": 1.5}, NOTHING))
    assert (0.5, "engine", "fable") == (said.generation_s, said.engine, said.voice)


@pytest.mark.parametrize(
    ("options", "known"),
    [
        ({}, NOTHING),
        ({"pitch": 1, "volume": 1.0}, NOTHING),
        ({"pitch": 1.5, "volume": 2}, frozenset({"pitch", "volume"})),
        ({"pitch": 0}, NOTHING),
        ({"pitch": "high", "volume": None}, NOTHING),
        ({"pitch": True, "volume": float("nan")}, NOTHING),
        ({"pitch": -2, "volume": float("inf")}, NOTHING),
    ],
)
def test_what_is_left_alone(options: dict[str, Any], known: frozenset[str]) -> None:
    """Nothing asked, nothing to do, done by the provider, or in somebody else's units."""
    assert SPOKEN is run(shaped(SPOKEN, options, known))


def test_what_a_provider_knows_is_its_own_affair() -> None:
    """The rest is the router's."""
    assert Shape(1.0, 2.0) == Shape.left({"pitch": 1.5, "volume": 2.0}, frozenset({"pitch"}))
    assert Shape(0.25, 4.0) == Shape.left({"pitch": 0.01, "volume": 100}, NOTHING)
