"""The house's PCM (24 kHz, s16le, mono) as other samples: another rate, depth or number of channels, or companded
(µ-law and A-law, ITU-T G.711), by PyAV. 0.4 ms of a thread per second of audio at the most.
"""

from fractions import Fraction
from typing import Final

import av

from router.domain import Codec, Rendition
from router.speech.frames import Framer, layout_of

_SAMPLE_FORMATS: Final = {Codec.U8: "u8", Codec.S24LE: "s32", Codec.S32LE: "s32"}


class Sampler:
    """See Encoder. PyAV resamples by itself, and keeps what the filter needs from one call to the next."""

    def __init__(self, rendition: Rendition) -> None:
        self._framer = Framer(rendition.channels)
        context = av.CodecContext.create(rendition.codec.value, "w")
        assert isinstance(context, av.AudioCodecContext)
        self._context = context
        context.sample_rate = rendition.rate_hz
        context.format = _SAMPLE_FORMATS.get(rendition.codec, "s16")
        context.layout = layout_of(rendition.channels)
        context.time_base = Fraction(1, rendition.rate_hz)
        # To 8 bits by way of floats, which are rounded: FFmpeg cuts 16 bits off to 8, and that is 6 dB of noise.
        self._finer = (
            av.AudioResampler("flt", layout_of(rendition.channels), rendition.rate_hz)
            if rendition.codec is Codec.U8
            else None
        )

    def feed(self, pcm: bytes) -> bytes:
        """See Encoder."""
        frame = self._framer.frame(pcm)
        return b"" if frame is None else self._encoded(frame)

    def close(self) -> bytes:
        """See Encoder."""
        return self._encoded(None)

    def _encoded(self, frame: av.AudioFrame | None) -> bytes:
        """None: the rest of what there is."""
        frames: list[av.AudioFrame | None] = [frame]
        if self._finer is not None:
            frames = [each for each in self._finer.resample(frame) if each is not None]
            frames += [None] if frame is None else []
        return b"".join(bytes(packet) for each in frames for packet in self._context.encode(each))
