"""What an answer sounds like, by figures: duration, loudness, and whether it could be a voice.

Speech is told from what a broken encoder or a placeholder gives by three things at once. Most of its energy is
low (vowels, below 1 kHz), which noise's is not. Its short-time spectrum changes, which a tone's does not. Its
loudness rises and falls with the syllables, which neither's does. No numpy: Goertzel's algorithm on few bins.
"""

import io
import math
import statistics
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import av

RATE_HZ: Final = 24_000
FRAME: Final = 480  # 20 ms
# Centres of the bands looked at, in Hz: half-tone-wide samples from a voice's pitch to where hiss lives.
BANDS_HZ: Final = (150, 250, 400, 600, 850, 1200, 1700, 2400, 3300, 4500, 6000, 8000, 10_000)
LOW_HZ: Final = 4_000


@dataclass(frozen=True, slots=True)
class Sound:
    """Mono samples at 24 kHz, -1 to 1."""

    samples: Sequence[float]

    @property
    def duration_s(self) -> float:
        return len(self.samples) / RATE_HZ

    @property
    def rms(self) -> float:
        return math.sqrt(sum(sample * sample for sample in self.samples) / max(1, len(self.samples)))

    @property
    def frames(self) -> list[Sequence[float]]:
        return [self.samples[at : at + FRAME] for at in range(0, len(self.samples) - FRAME, FRAME)]

    @property
    def loud_frames(self) -> list[Sequence[float]]:
        """Those that are no pause: at least a tenth of the loudest."""
        levels = [level(frame) for frame in self.frames]
        quiet = max(levels) / 10
        return [frame for frame, one in zip(self.frames, levels, strict=True) if one > quiet]

    @property
    def low_share(self) -> float:
        """The part of the energy below 4 kHz, over the bands looked at."""
        bands: list[float] = [
            sum(column) for column in zip(*(band_powers(f) for f in self.loud_frames), strict=True)
        ]
        low: float = sum(power for power, hz in zip(bands, BANDS_HZ, strict=True) if hz < LOW_HZ)
        return low / sum(bands)

    @property
    def spectral_variation(self) -> float:
        """How much the strongest band wanders, in octaves (standard deviation): a tone has none."""
        tops = []
        for frame in self.loud_frames:
            powers = band_powers(frame)
            tops.append(math.log2(BANDS_HZ[powers.index(max(powers))]))
        return statistics.pstdev(tops)

    @property
    def loudness_variation(self) -> float:
        """Standard deviation of the level by its mean: about 0.03 for steady noise, 0 for a tone."""
        levels = [level(frame) for frame in self.frames]
        return statistics.pstdev(levels) / statistics.mean(levels)

    @property
    def zero_crossings_hz(self) -> float:
        """Sign changes a second where it is loud: white noise at 24 kHz has about 12 000."""
        loud = self.loud_frames
        changes = sum(a * b < 0 for frame in loud for a, b in pairwise(frame))
        return changes / (len(loud) * FRAME / RATE_HZ)

    @property
    def is_speech_like(self) -> bool:
        return (
            self.rms > 0.005
            and self.low_share > 0.9
            and self.spectral_variation > 0.3
            and self.loudness_variation > 0.3
            and 200 < self.zero_crossings_hz < 8_000
        )

    def __repr__(self) -> str:
        figures = (self.low_share, self.spectral_variation, self.loudness_variation, self.zero_crossings_hz)
        low, spectrum, loudness, crossings = figures
        return (
            f"<Sound {self.duration_s:.2f} s, rms {self.rms:.3f}, below 4 kHz {low:.0%}, spectrum {spectrum:.2f} "
            f"octaves, loudness {loudness:.2f}, {crossings:.0f} crossings/s>"
        )


def level(frame: Sequence[float]) -> float:
    return math.sqrt(sum(sample * sample for sample in frame) / len(frame))


def band_powers(frame: Sequence[float]) -> list[float]:
    """Goertzel's algorithm: the power at each centre."""
    powers = []
    for hz in BANDS_HZ:
        coefficient = 2 * math.cos(2 * math.pi * hz / RATE_HZ)
        one = two = 0.0
        for sample in frame:
            one, two = sample + coefficient * one - two, one
        powers.append(one * one + two * two - coefficient * one * two)
    return powers


def decoded(audio: bytes, audio_format: str) -> Sound:
    """A whole file in one of OpenAI's formats; `pcm` is taken at its word. Raises what PyAV raises."""
    if audio_format == "pcm":
        return Sound(_floats(audio))
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
    pcm = bytearray()
    with av.open(io.BytesIO(audio), mode="r") as container:
        for frame in [*container.decode(audio=0), None]:
            for resampled in resampler.resample(frame):
                pcm += bytes(resampled.planes[0])[: resampled.samples * 2]
    return Sound(_floats(bytes(pcm)))


def duration_s(audio: bytes, audio_format: str) -> float:
    """Decoded, not read from a header."""
    return decoded(audio, audio_format).duration_s


def _floats(pcm: bytes) -> Sequence[float]:
    return [sample / 32_768 for sample in array("h", pcm)]
