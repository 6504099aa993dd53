"""The house's PCM (24 kHz, s16le, mono) into the client's format, bit by bit, by PyAV.

The encoder writes into a sink that cannot seek, so what it produces can be streamed. CPU-bound for some 10 ms
per second of audio: call it in a thread.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import av

from router.domain import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ, AudioFormat


@dataclass(frozen=True, slots=True)
class _Codec:
    container: str
    name: str
    sample_format: str
    rate_hz: int = SAMPLE_RATE_HZ
    bit_rate: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)


_CODECS: Final[Mapping[AudioFormat, _Codec]] = {
    # No Xing or ID3 header: both are written last, at the front.
    AudioFormat.MP3: _Codec(
        "mp3", "libmp3lame", "s16p", bit_rate=64_000, options={"id3v2_version": "0", "write_xing": "0"}
    ),
    # Opus works at 48 kHz (RFC 6716); short pages, so that a stream starts soon.
    AudioFormat.OPUS: _Codec(
        "ogg",
        "libopus",
        "s16",
        rate_hz=48_000,
        bit_rate=48_000,
        options={"page_duration": "20000", "fflags": "+bitexact"},
    ),
    AudioFormat.AAC: _Codec("adts", "aac", "fltp", bit_rate=64_000),
    AudioFormat.FLAC: _Codec("flac", "flac", "s16"),
    AudioFormat.WAV: _Codec("wav", "pcm_s16le", "s16", options={"fflags": "+bitexact"}),  # no LIST chunk
}


WAV_HEADER_BYTES: Final = 44  # RIFF, fmt and the data chunk's head
_RIFF_SIZE_AT: Final = 4  # both count what follows them
_DATA_SIZE_AT: Final = 40


class Encoder:
    """One answer's encoder: `feed` PCM, take what comes out, `close` for the rest. Not thread-safe."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self._is_raw = audio_format is AudioFormat.PCM
        self._odd = b""
        if not self._is_raw:
            codec = _CODECS[audio_format]
            self._sink = _Sink()
            self._container = av.open(
                self._sink, "w", format=codec.container, options={**codec.options, "flush_packets": "1"}
            )
            stream = self._container.add_stream(codec.name, rate=codec.rate_hz)
            assert isinstance(stream, av.AudioStream)
            self._stream = stream
            self._stream.layout = "mono"
            self._stream.format = codec.sample_format
            if codec.bit_rate is not None:
                self._stream.bit_rate = codec.bit_rate
            self._resampler = av.AudioResampler(codec.sample_format, "mono", codec.rate_hz)
            self._samples_in = 0

    def feed(self, pcm: bytes) -> bytes:
        """What the encoder has ready after `pcm`; may be empty."""
        if self._is_raw:
            return pcm
        pcm = self._odd + pcm
        whole = len(pcm) - len(pcm) % BYTES_PER_SAMPLE
        pcm, self._odd = pcm[:whole], pcm[whole:]
        if pcm:
            self._encode(self._frame(pcm))
        return self._sink.take()

    def close(self) -> bytes:
        """The end of the file. The encoder cannot be used again."""
        if self._is_raw:
            return b""
        self._encode(None)
        self._container.mux(self._stream.encode(None))
        self._container.start_encoding()  # writes the header, should nothing have been fed
        self._container.close()
        return self._sink.take()

    def _encode(self, frame: av.AudioFrame | None) -> None:
        for resampled in self._resampler.resample(frame):
            self._container.mux(self._stream.encode(resampled))

    def _frame(self, pcm: bytes) -> av.AudioFrame:
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(pcm) // BYTES_PER_SAMPLE, align=1)
        frame.planes[0].update(pcm)
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.pts = self._samples_in
        self._samples_in += frame.samples
        return frame


class _Sink:
    """A file that can be written and nothing else; having no `seek`, it makes PyAV write what can be streamed."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def take(self) -> bytes:
        taken = bytes(self._written)
        self._written.clear()
        return taken


class AudioFile:
    """Encoded audio on its way to be a whole file, of which there is never a copy: a BytesIO grows where it is,
    and `getvalue` hands out its own buffer."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self._is_wav = audio_format is AudioFormat.WAV
        self._file = io.BytesIO()

    def add(self, encoded: bytes) -> None:
        """What an Encoder made next."""
        self._file.write(encoded)

    def take(self) -> bytes:
        """All of it. WAV gets true sizes in place of a stream's 0xFFFFFFFF. Nothing is added afterwards."""
        size = self._file.tell()
        if self._is_wav and size >= WAV_HEADER_BYTES:
            for at in (_RIFF_SIZE_AT, _DATA_SIZE_AT):
                self._file.seek(at)
                self._file.write((size - at - 4).to_bytes(4, "little"))
        return self._file.getvalue()
