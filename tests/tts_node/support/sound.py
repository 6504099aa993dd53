"""Is it audio, how long, and does it sound like speech? Without numpy."""

import io
from array import array
from dataclasses import dataclass
from math import cos, pi, sin, sqrt

import av

from tts_node.domain import SAMPLE_RATE
from tts_node.sound.audio import pcm_of


@dataclass(frozen=True)
class Sound:
    """16-bit mono samples at 24 kHz."""

    samples: "array[int]"
    native_rate: int

    @property
    def duration_s(self) -> float:
        """Of all samples."""
        return len(self.samples) / SAMPLE_RATE

    @property
    def loudness(self) -> float:
        """Root mean square."""
        return sqrt(sum(x * x for x in self.samples) / max(1, len(self.samples)))

    def band(self, low_hz: int, high_hz: int) -> float:
        """Mean spectral energy between two frequencies, over frames spread across the sound."""
        size, total, count = 960, 0.0, 0
        for start in range(0, len(self.samples) - size, max(size, len(self.samples) // 8)):
            frame = self.samples[start : start + size]
            for frequency in range(low_hz, high_hz, (high_hz - low_hz) // 6):
                turn = 2 * pi * frequency / SAMPLE_RATE
                real = sum(x * cos(turn * n) for n, x in enumerate(frame))
                imaginary = sum(x * sin(turn * n) for n, x in enumerate(frame))
                total += real * real + imaginary * imaginary
                count += 1
        return total / max(1, count)

    @property
    def envelope(self) -> list[float]:
        """Loudness of each 20 ms."""
        size = SAMPLE_RATE // 50
        frames = [self.samples[i : i + size] for i in range(0, len(self.samples) - size, size)]
        return [sqrt(sum(x * x for x in frame) / size) for frame in frames]

    @property
    def is_speech_like(self) -> bool:
        """Loud enough, in syllables (loud and soft by turns), with its energy where voices have it."""
        envelope = self.envelope
        mean = sum(envelope) / len(envelope)
        spread = sqrt(sum((x - mean) ** 2 for x in envelope) / len(envelope))
        return mean > 300 and spread > 0.3 * mean and self.band(100, 1000) > 5 * self.band(9000, 11000)


def of_pcm(data: bytes) -> Sound:
    """Raw 24 kHz s16le."""
    samples = array("h")
    samples.frombytes(data)
    return Sound(samples, SAMPLE_RATE)


def decode(data: bytes, audio_format: str) -> Sound:
    """Any of the six formats."""
    if audio_format == "pcm":
        return of_pcm(data)
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
    with av.open(io.BytesIO(data), "r") as container:
        rate = container.streams.audio[0].rate
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        frames += resampler.resample(None)
    return Sound(of_pcm(pcm_of(frames)).samples, rate)
