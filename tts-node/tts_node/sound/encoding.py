"""PCM to what the client asked for, incrementally: bytes come out while samples go in. PyAV does the coding.

A complete reply is encoded into a seekable buffer, so that its headers tell the true length (WAV sizes,
FLAC's sample count, MP3's Xing frame). A streamed one is never gone back in; its WAV sizes are 0xFFFFFFFF.
"""

import io
from dataclasses import dataclass, field
from typing import Protocol

import av
from av.audio.stream import AudioStream

from tts_node.domain import AudioFormat, Layout
from tts_node.sound.audio import Shaper
from tts_node.sound.layout import layout_of
from tts_node.sound.uncompressed import StreamedWavEncoder, WholeWavEncoder, pcm_encoder

_LOSSY_BIT_RATES = {1: 64_000, 2: 96_000}
_MAX_BITS_PER_SAMPLE = 6  # and channel, that AAC can hold (ISO/IEC 14496-3): less than the bit rate at 8 kHz


class Encoder(Protocol):
    """One reply's encoder."""

    @property
    def is_slow(self) -> bool:
        """Whether it does enough work to be kept off the event loop."""

    def feed(self, pcm: bytes) -> bytes:
        """What can be sent now about these samples (24 kHz s16le mono)."""

    def finish(self) -> bytes:
        """The rest. For a complete reply: all of it."""

    def close(self) -> None:
        """Frees what it holds; needed when it was not finished. Idempotent."""


@dataclass(frozen=True, slots=True)
class Coding:
    """How PyAV makes one format."""

    container: str
    codec: str
    sample_format: str
    is_lossy: bool = True
    whole: dict[str, str] = field(default_factory=dict)  # container options of a complete reply
    streamed: dict[str, str] = field(default_factory=dict)


CODINGS = {
    AudioFormat.MP3: Coding("mp3", "libmp3lame", "s16p", streamed={"write_xing": "0", "id3v2_version": "0"}),
    # Ogg pages of 20 ms: the default of one second would hold the stream back by as much.
    AudioFormat.OPUS: Coding("ogg", "libopus", "s16", streamed={"page_duration": "20000"}),
    AudioFormat.AAC: Coding("adts", "aac", "fltp"),
    AudioFormat.FLAC: Coding("flac", "flac", "s16", is_lossy=False),
}


class _StreamSink:
    """A file that can only be written; PyAV then never seeks."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes) -> int:
        self._data += data
        return len(data)

    def take(self) -> bytes:
        data = bytes(self._data)
        self._data.clear()
        return data


class _WholeSink(io.BytesIO):
    """A file in memory, given out at the end."""

    def take(self) -> bytes:
        return b""


class PyAvEncoder:
    """Any format of `CODINGS`. Used by one thread at a time."""

    is_slow = True

    def __init__(self, audio_format: AudioFormat, layout: Layout, *, is_whole: bool) -> None:
        coding = CODINGS[audio_format]
        self._sink = _WholeSink() if is_whole else _StreamSink()
        options = coding.whole if is_whole else {**coding.streamed, "flush_packets": "1"}
        self._container = av.open(self._sink, "w", format=coding.container, container_options=options)
        channels = "mono" if layout.channels == 1 else "stereo"
        stream = self._container.add_stream(coding.codec, rate=layout.sample_rate, layout=channels)
        assert isinstance(stream, AudioStream)
        sample_format = coding.sample_format if coding.is_lossy or layout.codec.bits == 16 else "s32"
        stream.format = sample_format
        if coding.is_lossy:
            most = _MAX_BITS_PER_SAMPLE * layout.sample_rate * layout.channels
            stream.bit_rate = min(_LOSSY_BIT_RATES[layout.channels], most)
        self._stream = stream
        self._shaper = Shaper(sample_format, layout.sample_rate, layout.channels)
        self._is_closed = False

    def feed(self, pcm: bytes) -> bytes:
        """Encodes what fills a codec frame; the rest waits."""
        for shaped in self._shaper.feed(pcm):
            self._container.mux(self._stream.encode(shaped))
        return self._sink.take()

    def finish(self) -> bytes:
        """Flushes everything through."""
        for shaped in self._shaper.flush():
            self._container.mux(self._stream.encode(shaped))
        self._container.mux(self._stream.encode(None))
        self.close()
        return self._sink.getvalue() if isinstance(self._sink, _WholeSink) else self._sink.take()

    def close(self) -> None:
        """Closes the container, once."""
        if not self._is_closed:
            self._is_closed = True
            self._container.close()


def encoder_for(audio_format: AudioFormat, layout: Layout | None = None, *, is_whole: bool) -> Encoder:
    """An encoder for one reply; `is_whole` when nothing is sent before its end. No layout: the format's own."""
    layout = layout or layout_of(audio_format)
    match audio_format:
        case AudioFormat.PCM:
            return pcm_encoder(layout)
        case AudioFormat.WAV:
            return WholeWavEncoder(layout) if is_whole else StreamedWavEncoder(layout)
        case _:
            return PyAvEncoder(audio_format, layout, is_whole=is_whole)
