"""The house's PCM (24 kHz, s16le, mono) as PyAV's frames, however it is cut. Whoever imports this loads PyAV."""

from fractions import Fraction
from typing import Final

import av

from router.domain import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ

_TIME_BASE: Final = Fraction(1, SAMPLE_RATE_HZ)
_LAYOUTS: Final = {1: "mono", 2: "stereo"}


def layout_of(channels: int) -> str:
    """FFmpeg's name for one or two."""
    return _LAYOUTS[channels]


class Framer:
    """One answer's. Two channels are copies: FFmpeg's own way from one to two takes 3 dB away."""

    def __init__(self, channels: int) -> None:
        self._layout = layout_of(channels)
        self._channels = channels
        self._odd = b""
        self._samples = 0

    def frame(self, pcm: bytes) -> av.AudioFrame | None:
        """All whole samples so far; None where there is none."""
        pcm = self._odd + pcm if self._odd else pcm
        whole = len(pcm) - len(pcm) % BYTES_PER_SAMPLE
        pcm, self._odd = pcm[:whole], pcm[whole:]
        if not pcm:
            return None
        samples = len(pcm) // BYTES_PER_SAMPLE
        frame = av.AudioFrame(format="s16", layout=self._layout, samples=samples, align=1)
        frame.planes[0].update(pcm if self._channels == 1 else _doubled(pcm))
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.time_base = _TIME_BASE
        frame.pts = self._samples
        self._samples += samples
        return frame


def _doubled(pcm: bytes) -> bytes:
    """Each sample twice."""
    twice = bytearray(2 * len(pcm))
    low, high = pcm[::2], pcm[1::2]
    twice[0::4] = twice[2::4] = low
    twice[1::4] = twice[3::4] = high
    return bytes(twice)
