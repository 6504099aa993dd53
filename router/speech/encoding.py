"""The house's PCM (24 kHz, s16le, mono) into the client's format, bit by bit.

What compresses is CPU-bound and loads PyAV with its first use: call it in a thread. Where nothing is computed
(`is_copied`) there is no need.
"""

import io
import struct
from typing import Final, Protocol

from router.domain import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ, AudioFormat

COPIED: Final = frozenset({AudioFormat.PCM, AudioFormat.WAV})

WAV_HEADER_BYTES: Final = 44  # RIFF, fmt and the data chunk's head
_RIFF_SIZE_AT: Final = 4  # both count what follows them
_DATA_SIZE_AT: Final = 40
_UNKNOWN_SIZE: Final = 0xFFFF_FFFF
_WAV_HEADER: Final = struct.pack(  # as plain as can be: players of every kind read the canonical 44 bytes
    "<4sI4s4sIHHIIHH4sI",
    b"RIFF",
    _UNKNOWN_SIZE,
    b"WAVE",
    b"fmt ",
    16,
    1,
    1,
    SAMPLE_RATE_HZ,
    SAMPLE_RATE_HZ * BYTES_PER_SAMPLE,
    BYTES_PER_SAMPLE,
    8 * BYTES_PER_SAMPLE,
    b"data",
    _UNKNOWN_SIZE,
)


def load_codecs() -> None:
    """Load PyAV, for which the first listener would wait. Call it in a thread."""
    from router.speech import compressing  # noqa: F401  # loading is all


def is_copied(audio_format: AudioFormat) -> bool:
    """Whether the PCM goes into it as it is: nothing is computed."""
    return audio_format in COPIED


def encoder_of(audio_format: AudioFormat) -> "Encoder":
    """One answer's."""
    if is_copied(audio_format):
        return _Copying(_WAV_HEADER if audio_format is AudioFormat.WAV else b"")
    return _Compressing(audio_format)


class Encoder(Protocol):
    """One answer's encoder: `feed` PCM, take what comes out, `close` for the rest. Not thread-safe."""

    def feed(self, pcm: bytes) -> bytes:
        """What the encoder has ready after `pcm`; may be empty."""
        ...

    def close(self) -> bytes:
        """The end of the file. The encoder cannot be used again."""
        ...


class _Copying:
    """A header, and the PCM."""

    def __init__(self, header: bytes) -> None:
        self._header = header

    def feed(self, pcm: bytes) -> bytes:
        """See Encoder."""
        header, self._header = self._header, b""
        return header + pcm if header else pcm

    def close(self) -> bytes:
        """See Encoder."""
        return self.feed(b"")


class _Compressing:
    """By PyAV, which is loaded and opened by the first call, not by the event loop: a house that only chats does
    without its 17 MB."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self._format = audio_format
        self._opened: Encoder | None = None

    def feed(self, pcm: bytes) -> bytes:
        """See Encoder."""
        return self._compressor().feed(pcm)

    def close(self) -> bytes:
        """See Encoder."""
        return self._compressor().close()

    def _compressor(self) -> Encoder:
        if self._opened is None:
            from router.speech.compressing import Compressor

            self._opened = Compressor(self._format)
        return self._opened


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
