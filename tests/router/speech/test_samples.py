"""Samples without a header, as the house's PCM."""

import struct

import pytest
from fakes import pcm

from router.errors import Malformed
from router.speech.decoding import samples_to_pcm

SECOND = pcm(1.0)
VALUES = struct.unpack("<24000h", SECOND)


def test_the_houses_own_are_left_alone() -> None:
    """Not even copied."""
    assert SECOND is samples_to_pcm(SECOND, 24_000, 2, 1, 10)


@pytest.mark.parametrize(
    ("samples", "width", "channels"),
    [
        (bytes((value >> 8) + 128 for value in VALUES), 1, 1),
        (b"".join((value << 8).to_bytes(3, "little", signed=True) for value in VALUES), 3, 1),
        (struct.pack("<24000i", *(value << 16 for value in VALUES)), 4, 1),
        (struct.pack("<48000h", *(value for value in VALUES for _ in range(2))), 2, 2),
    ],
    ids=["unsigned 8", "24", "32", "stereo"],
)
def test_other_depths_and_channels(samples: bytes, width: int, channels: int) -> None:
    """The same sound, to the depth that there was."""
    got = struct.unpack("<24000h", samples_to_pcm(samples, 24_000, width, channels, 10))
    assert max(abs(a - b) for a, b in zip(VALUES, got, strict=True)) <= (256 if width == 1 else 2)


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 22_050, 44_100, 48_000])
def test_other_rates(rate_hz: int) -> None:
    """As long as before."""
    got = samples_to_pcm(bytes(2 * rate_hz), rate_hz, 2, 1, 10)
    assert 48_000 == pytest.approx(len(got), abs=100)


@pytest.mark.parametrize(
    ("samples", "rate_hz", "why"),
    [
        (bytes(3), 24_000, "middle of a sample"),
        (bytes(3), 16_000, "middle of a sample"),
        (bytes(48_000 * 3), 24_000, "more than 2 s"),
        (bytes(32_000 * 3), 16_000, "more than 2 s"),
    ],
)
def test_what_cannot_be_right(samples: bytes, rate_hz: int, why: str) -> None:
    """Half a sample; more than the text can take."""
    with pytest.raises(Malformed, match=why):
        samples_to_pcm(samples, rate_hz, 2, 1, 2)
