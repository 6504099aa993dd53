"""PCM to what the client asked for, incrementally: bytes come out while samples go in. PyAV does the coding.

A complete reply is encoded into a seekable buffer, so that its headers tell the true length (WAV sizes,
FLAC's sample count, MP3's Xing frame). A streamed one is never gone back in; its WAV sizes are 0xFFFFFFFF.
"""

import io
import struct
from dataclasses import dataclass, field
from typing import Protocol

import av
from av.audio.stream import AudioStream

from tts_node.audio import frame_of
from tts_node.domain import BYTES_PER_SAMPLE, SAMPLE_RATE, AudioFormat

_LOSSY_BIT_RATE = 64_000
_UNKNOWN_SIZE = 0xFFFFFFFF


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


class PcmEncoder:
    """Nothing to do."""

    is_slow = False

    def feed(self, pcm: bytes) -> bytes:
        """The same bytes."""
        return pcm

    def finish(self) -> bytes:
        """There is no rest."""
        return b""

    def close(self) -> None:
        """There is nothing to free."""


def wav_header(data_bytes: int | None) -> bytes:
    """RIFF/WAVE, 44 bytes, for so much PCM; None when it is not known yet."""
    riff = _UNKNOWN_SIZE if data_bytes is None else data_bytes + 36
    data = _UNKNOWN_SIZE if data_bytes is None else data_bytes
    rate, width = SAMPLE_RATE, BYTES_PER_SAMPLE
    shape = struct.pack("<IHHIIHH", 16, 1, 1, rate, rate * width, width, 8 * width)
    return b"RIFF" + struct.pack("<I", riff) + b"WAVEfmt " + shape + b"data" + struct.pack("<I", data)


class StreamedWavEncoder:
    """The header before the first samples."""

    is_slow = False

    def __init__(self) -> None:
        self._head = wav_header(None)

    def feed(self, pcm: bytes) -> bytes:
        """The samples, after the header."""
        head, self._head = self._head, b""
        return head + pcm

    def finish(self) -> bytes:
        """A header, should no sample have come."""
        return self._head

    def close(self) -> None:
        """There is nothing to free."""


class WholeWavEncoder:
    """Everything at the end, with true sizes."""

    is_slow = False

    def __init__(self) -> None:
        self._pcm = bytearray()

    def feed(self, pcm: bytes) -> bytes:
        """Keeps them."""
        self._pcm += pcm
        return b""

    def finish(self) -> bytes:
        """The file."""
        return wav_header(len(self._pcm)) + bytes(self._pcm)

    def close(self) -> None:
        """There is nothing to free."""


@dataclass(frozen=True, slots=True)
class Coding:
    """How PyAV makes one format."""

    container: str
    codec: str
    sample_format: str
    rate: int = SAMPLE_RATE
    bit_rate: int | None = None
    whole: dict[str, str] = field(default_factory=dict)  # container options of a complete reply
    streamed: dict[str, str] = field(default_factory=dict)


CODINGS = {
    AudioFormat.MP3: Coding(
        "mp3", "libmp3lame", "s16p", bit_rate=_LOSSY_BIT_RATE, streamed={"write_xing": "0", "id3v2_version": "0"}
    ),
    # Ogg pages of 20 ms: the default of one second would hold the stream back by as much.
    AudioFormat.OPUS: Coding(
        "ogg", "libopus", "s16", rate=48_000, bit_rate=_LOSSY_BIT_RATE, streamed={"page_duration": "20000"}
    ),
    AudioFormat.AAC: Coding("adts", "aac", "fltp", bit_rate=_LOSSY_BIT_RATE),
    AudioFormat.FLAC: Coding("flac", "flac", "s16"),
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

    def __init__(self, audio_format: AudioFormat, *, is_whole: bool) -> None:
        coding = CODINGS[audio_format]
        self._sink = _WholeSink() if is_whole else _StreamSink()
        options = coding.whole if is_whole else {**coding.streamed, "flush_packets": "1"}
        self._container = av.open(self._sink, "w", format=coding.container, container_options=options)
        stream = self._container.add_stream(coding.codec, rate=coding.rate, layout="mono")
        assert isinstance(stream, AudioStream)
        stream.format = coding.sample_format
        if coding.bit_rate:
            stream.bit_rate = coding.bit_rate
        self._stream = stream
        self._resampler = av.AudioResampler(format=coding.sample_format, layout="mono", rate=coding.rate)
        self._position = 0
        self._is_closed = False

    def feed(self, pcm: bytes) -> bytes:
        """Encodes what fills a codec frame; the rest waits."""
        if pcm:
            frame = frame_of(pcm, SAMPLE_RATE, self._position)
            self._position += frame.samples
            for shaped in self._resampler.resample(frame):
                self._container.mux(self._stream.encode(shaped))
        return self._sink.take()

    def finish(self) -> bytes:
        """Flushes everything through."""
        if self._position:
            for shaped in self._resampler.resample(None):
                self._container.mux(self._stream.encode(shaped))
        self._container.mux(self._stream.encode(None))
        self.close()
        return self._sink.getvalue() if isinstance(self._sink, _WholeSink) else self._sink.take()

    def close(self) -> None:
        """Closes the container, once."""
        if not self._is_closed:
            self._is_closed = True
            self._container.close()


def encoder_for(audio_format: AudioFormat, *, is_whole: bool) -> Encoder:
    """An encoder for one reply; `is_whole` when nothing is sent before its end."""
    match audio_format:
        case AudioFormat.PCM:
            return PcmEncoder()
        case AudioFormat.WAV:
            return WholeWavEncoder() if is_whole else StreamedWavEncoder()
        case _:
            return PyAvEncoder(audio_format, is_whole=is_whole)
