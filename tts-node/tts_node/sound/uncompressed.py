"""Samples as they are or companded (µ-law, A-law), raw and in WAV files: ffmpeg's PCM codecs."""

from collections.abc import Iterable
from fractions import Fraction

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame

from tts_node.domain import PLAIN, Codec, Layout
from tts_node.sound.audio import Shaper
from tts_node.sound.wav import wav_file, wav_header

# What each codec is fed with.
_SAMPLE_FORMATS = {Codec.PCM_U8: "u8", Codec.PCM_S24LE: "s32", Codec.PCM_S32LE: "s32"}


class PcmEncoder:
    """The node's own samples: nothing to do."""

    is_slow = False

    def feed(self, pcm: bytes) -> bytes:
        """The same bytes."""
        return pcm

    def finish(self) -> bytes:
        """There is no rest."""
        return b""

    def close(self) -> None:
        """There is nothing to free."""


class RecodingEncoder:
    """Another rate, depth, number of channels or codec."""

    is_slow = True

    def __init__(self, layout: Layout) -> None:
        sample_format = _SAMPLE_FORMATS.get(layout.codec, "s16")
        self._shaper = Shaper(sample_format, layout.sample_rate, layout.channels)
        codec = av.CodecContext.create(layout.codec.value, "w")
        assert isinstance(codec, AudioCodecContext)
        codec.sample_rate = layout.sample_rate
        codec.format = sample_format
        codec.layout = "mono" if layout.channels == 1 else "stereo"
        codec.time_base = Fraction(1, layout.sample_rate)
        self._codec = codec

    def feed(self, pcm: bytes) -> bytes:
        """What can be sent now about these samples."""
        return self._encoded(self._shaper.feed(pcm))

    def finish(self) -> bytes:
        """What the resampler kept back."""
        return self._encoded(self._shaper.flush())

    def close(self) -> None:
        """The codec frees itself."""

    def _encoded(self, frames: Iterable[AudioFrame]) -> bytes:
        return b"".join(bytes(packet) for frame in frames for packet in self._codec.encode(frame))


def pcm_encoder(layout: Layout) -> PcmEncoder | RecodingEncoder:
    """Raw samples."""
    return PcmEncoder() if layout == PLAIN else RecodingEncoder(layout)


class StreamedWavEncoder:
    """The header before the first samples."""

    def __init__(self, layout: Layout) -> None:
        self._samples = pcm_encoder(layout)
        self._head = wav_header(None, layout)

    @property
    def is_slow(self) -> bool:
        """As slow as its samples."""
        return self._samples.is_slow

    def feed(self, pcm: bytes) -> bytes:
        """The samples, after the header."""
        return self._headed(self._samples.feed(pcm))

    def finish(self) -> bytes:
        """The rest; a header, should no sample have come."""
        return self._headed(self._samples.finish())

    def close(self) -> None:
        """There is nothing to free."""

    def _headed(self, data: bytes) -> bytes:
        head, self._head = self._head, b""
        return head + data


class WholeWavEncoder:
    """Everything at the end, with true sizes."""

    def __init__(self, layout: Layout) -> None:
        self._samples = pcm_encoder(layout)
        self._layout = layout
        self._data = bytearray()

    @property
    def is_slow(self) -> bool:
        """As slow as its samples."""
        return self._samples.is_slow

    def feed(self, pcm: bytes) -> bytes:
        """Keeps them."""
        self._data += self._samples.feed(pcm)
        return b""

    def finish(self) -> bytes:
        """The file."""
        self._data += self._samples.finish()
        return wav_file(bytes(self._data), self._layout)

    def close(self) -> None:
        """There is nothing to free."""
