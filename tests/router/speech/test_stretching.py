"""Another speed at the same pitch."""

import math
from itertools import pairwise

import pytest
from running import run
from vendors.sound import tone

from router.domain import BYTES_PER_S, SAMPLE_RATE_HZ
from router.errors import Malformed
from router.speech.stretching import Speed, at_speed, stretched

PITCH_HZ = 220.0
SPOKEN = tone(2.0, hz=PITCH_HZ)


def _pitch_hz(pcm: bytes) -> float:
    """Of a pure tone, by how often it crosses zero upwards."""
    samples = memoryview(pcm).cast("h")
    ups = sum(1 for before, after in pairwise(samples) if before < 0 <= after)
    return ups / (len(samples) / SAMPLE_RATE_HZ)


@pytest.mark.parametrize("factor", [0.25, 0.4, 0.7, 1.3, 2.0, 3.4, 4.0])
def test_it_is_as_fast_as_was_asked(factor: float) -> None:
    """Within a few hundredths, at the pitch that it had: nobody becomes a chipmunk."""
    pcm = stretched(SPOKEN, factor)
    assert math.isclose(2.0 / factor, len(pcm) / BYTES_PER_S, rel_tol=0.06, abs_tol=0.04)
    assert math.isclose(PITCH_HZ, _pitch_hz(pcm), rel_tol=0.06)


@pytest.mark.parametrize("samples", [1, 2, 100])
def test_a_few_samples(samples: int) -> None:
    """Too short for a window is no fault."""
    assert 0 == len(stretched(SPOKEN[: samples * 2], 2.0)) % 2


def test_half_a_sample_is_none() -> None:
    """Whoever sent it is told apart from who did not."""
    with pytest.raises(Malformed):
        stretched(b"\0\0\0", 2.0)


@pytest.mark.parametrize(
    ("wanted", "bounds", "expected"),
    [
        (1.0, (1.0, 1.0), (1.0, 1.0)),
        (2.0, (1.0, 1.0), (1.0, 2.0)),
        (1.1, (0.7, 1.2), (1.1, 1.0)),
        (2.4, (0.7, 1.2), (1.2, 2.0)),
        (0.35, (0.7, 1.2), (0.7, 0.5)),
    ],
)
def test_a_speed_in_two_parts(wanted: float, bounds: tuple[float, float], expected: tuple[float, float]) -> None:
    """As much as it can of it is the provider's."""
    assert pytest.approx(expected) == Speed.of(wanted, *bounds)


def test_what_has_its_speed_is_left_alone() -> None:
    """Not a sample is touched, and nothing stays nothing."""

    async def main() -> None:
        assert SPOKEN is await at_speed(SPOKEN, 1.001)
        assert b"" == await at_speed(b"", 3.0)
        assert len(SPOKEN) > len(await at_speed(SPOKEN, 2.0))

    run(main())
