"""Figures of a sound, from its samples alone: pitch, level, noise; and a WAV reader of the tests' own."""

import struct
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from math import log10, pi, sin, sqrt

RATE = 24_000


def vowel(duration_s: float, pitch_hz: float = 150.0, peak: int = 8000) -> bytes:
    """A voiced sound: eight harmonics that fall off, as 24 kHz s16le."""
    weights = [1 / n for n in range(1, 9)]
    count = round(duration_s * RATE)
    tones = [
        sum(w * sin(2 * pi * pitch_hz * n * i / RATE) for n, w in enumerate(weights, 1)) for i in range(count)
    ]
    top = max(map(abs, tones))
    return struct.pack(f"<{count}h", *(round(peak * tone / top) for tone in tones))


def samples_of(pcm: bytes) -> "array[int]":
    """s16le as numbers."""
    samples = array("h")
    samples.frombytes(pcm)
    return samples


def pitch_hz(samples: Sequence[float], rate: int = RATE) -> float:
    """By autocorrelation in the middle, from 60 to 600 Hz, refined between two lags by a parabola."""
    size = rate // 12
    start = len(samples) // 2 - size
    frame = samples[start : start + 2 * size]
    lags = range(rate // 600, rate // 60)
    scores: dict[int, float] = {
        lag: sum(frame[i] * frame[i + lag] for i in range(size)) for lag in (lags[0] - 1, *lags, lags[-1] + 1)
    }
    best = max(lags, key=scores.__getitem__)
    # The shortest lag that is nearly as good: the longer ones are multiples of the period.
    best = next(
        lag
        for lag in lags
        if scores[lag] > 0.9 * scores[best] and scores[lag] >= max(scores[lag - 1], scores[lag + 1])
    )
    left, middle, right = scores[best - 1], scores[best], scores[best + 1]
    shift: float = 0.5 * (left - right) / (left - 2 * middle + right)
    return rate / (best + shift)


def level_db(samples: Sequence[float]) -> float:
    """Root mean square against full scale."""
    return 20 * log10(max(1e-9, sqrt(sum(x * x for x in samples) / max(1, len(samples))) / 32768))


def noise_db(clean: Sequence[float], coded: Sequence[float]) -> float:
    """Signal to noise ratio of two sounds that lie sample on sample."""
    signal = sum(x * x for x in clean)
    noise = sum((x - y) ** 2 for x, y in zip(clean, coded, strict=True))
    return 10 * log10(signal / max(noise, 1e-9))


def expand_mulaw(code: int) -> int:
    """ITU-T G.711, table 2: one byte to a 14-bit sample, here shifted to 16."""
    code = ~code & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)) - 0x84
    return -magnitude if code & 0x80 else magnitude


def expand_alaw(code: int) -> int:
    """ITU-T G.711, table 1: one byte to a 13-bit sample, here shifted to 16."""
    code ^= 0x55
    exponent, mantissa = (code & 0x70) >> 4, (code & 0x0F) << 4
    magnitude = mantissa + 8 if exponent == 0 else (mantissa + 0x108) << (exponent - 1)
    return magnitude if code & 0x80 else -magnitude


@dataclass(frozen=True)
class Wav:
    """What a RIFF/WAVE file says of itself, and its first channel as 16-bit numbers."""

    tag: int
    channels: int
    rate: int
    byte_rate: int
    block: int
    bits: int
    fact: int | None
    riff_bytes: int
    data_bytes: int
    samples: list[float]


def read_wav(file: bytes) -> Wav:
    """Chunk by chunk."""
    assert (b"RIFF", b"WAVE") == (file[:4], file[8:12])
    chunks: dict[bytes, bytes] = {}
    sizes: dict[bytes, int] = {}
    position = 12
    while position + 8 <= len(file):
        name, size = file[position : position + 4], int.from_bytes(file[position + 4 : position + 8], "little")
        chunks[name], sizes[name] = file[position + 8 : position + 8 + size], size
        position += 8 + size + size % 2
    tag, channels, rate, byte_rate, block, bits = struct.unpack_from("<HHIIHH", chunks[b"fmt "])
    assert tag == 1 or (len(chunks[b"fmt "]), chunks[b"fmt "][16:]) == (18, b"\0\0")
    fact = int.from_bytes(chunks[b"fact"], "little") if b"fact" in chunks else None
    samples = expanded(chunks[b"data"], tag, bits)[::channels]
    riff_bytes = int.from_bytes(file[4:8], "little")
    return Wav(tag, channels, rate, byte_rate, block, bits, fact, riff_bytes, sizes[b"data"], samples)


def expanded(data: bytes, tag: int, bits: int) -> list[float]:
    """Every sample on the scale of 16 bits."""
    if tag in (6, 7):
        table = [float((expand_alaw if tag == 6 else expand_mulaw)(code)) for code in range(256)]
        return [table[code] for code in data]
    if bits == 8:
        return [(code - 128) * 256.0 for code in data]
    width = bits // 8
    scale = 2.0 ** (bits - 16)
    return [
        int.from_bytes(data[at : at + width], "little", signed=True) / scale
        for at in range(0, len(data) - width + 1, width)
    ]
