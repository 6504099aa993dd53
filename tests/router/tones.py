"""Tones as the house's PCM, and what of them is heard in an encoded answer."""

import io
from typing import Any

import av
import numpy as np

from router.domain import SAMPLE_RATE_HZ

Samples = np.ndarray[tuple[Any, ...], np.dtype[np.float64]]


def tone(hz: float, seconds: float, amplitude: float = 0.5) -> bytes:
    """A sine: 24 kHz, s16le, mono."""
    count = round(seconds * SAMPLE_RATE_HZ)
    wave = amplitude * 32_767 * np.sin(2 * np.pi * hz * np.arange(count) / SAMPLE_RATE_HZ)
    return bytes(np.round(wave).astype("<i2").tobytes())


def heard(audio: bytes, container: str | None = None, **options: str) -> tuple[int, Samples]:
    """Rate, and samples by channel, -1 to 1; `container` and `options` for raw ones."""
    with av.open(io.BytesIO(audio), "r", format=container, options=options) as file:
        resampler = av.AudioResampler(format="fltp")
        rate, parts = file.streams.audio[0].rate, []
        for frame in (*file.decode(audio=0), None):
            parts += [each.to_ndarray() for each in resampler.resample(frame)]
    return rate, np.concatenate(parts, axis=1).astype(np.float64)


def loudest_hz(samples: Samples, rate: int) -> float:
    """Where most of the energy is."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum[1:]) + 1) * rate / len(samples)


def share_beside(samples: Samples, rate: int, hz: float, width_hz: float = 60.0) -> float:
    """The part of the energy that is not at `hz`: a click or a lost sample has it everywhere."""
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    at = np.fft.rfftfreq(len(samples), 1 / rate)
    return float(power[np.abs(at - hz) > width_hz].sum() / power.sum())


def rms(samples: Samples) -> float:
    """Of -1 to 1."""
    return float(np.sqrt(np.mean(samples**2)))
