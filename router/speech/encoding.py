"""The house's PCM (24 kHz, s16le, mono) into the client's format, bit by bit.

What compresses is CPU-bound and loads PyAV with its first use: call it in a thread. Where nothing is computed
(`is_copied`) there is no need.
"""

import io
from typing import Final, Protocol

from router.domain import AudioFormat, Rendition
from router.speech import wav

COPIED: Final = frozenset({Rendition(AudioFormat.PCM), Rendition(AudioFormat.WAV)})


def load_codecs() -> None:
    """Load PyAV, for which the first listener would wait. Call it in a thread."""
    from router.speech import compressing  # noqa: F401  # loading is all


def is_copied(rendition: Rendition) -> bool:
    """Whether the PCM goes into it as it is: nothing is computed."""
    return rendition in COPIED


def encoder_of(rendition: Rendition) -> "Encoder":
    """One answer's."""
    header = wav.open_header(rendition) if rendition.format is AudioFormat.WAV else b""
    return _Copying(header) if is_copied(rendition) else _Computing(rendition, header)


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


class _Computing:
    """By PyAV, which is loaded and opened by the first call, not by the event loop: a house that only chats does
    without its 17 MB."""

    def __init__(self, rendition: Rendition, header: bytes) -> None:
        self._rendition = rendition
        self._header = header
        self._opened: Encoder | None = None

    def feed(self, pcm: bytes) -> bytes:
        """See Encoder."""
        return self._headed(self._encoder().feed(pcm))

    def close(self) -> bytes:
        """See Encoder."""
        return self._headed(self._encoder().close())

    def _headed(self, encoded: bytes) -> bytes:
        header, self._header = self._header, b""
        return header + encoded if header else encoded

    def _encoder(self) -> Encoder:
        if self._opened is None:
            if self._rendition.format in {AudioFormat.PCM, AudioFormat.WAV}:
                from router.speech.sampling import Sampler

                self._opened = Sampler(self._rendition)
            else:
                from router.speech.compressing import Compressor

                self._opened = Compressor(self._rendition)
        return self._opened


class AudioFile:
    """Encoded audio on its way to be a whole file, of which there is never a copy: a BytesIO grows where it is,
    and `getvalue` hands out its own buffer."""

    def __init__(self, rendition: Rendition) -> None:
        self._rendition = rendition
        self._file = io.BytesIO()

    def add(self, encoded: bytes) -> None:
        """What an Encoder made next."""
        self._file.write(encoded)

    def take(self) -> bytes:
        """All of it. WAV gets true sizes in place of a stream's 0xFFFFFFFF. Nothing is added afterwards."""
        size = self._file.tell()
        if self._rendition.format is AudioFormat.WAV and size:
            for at, said in wav.sizes(self._rendition, size):
                self._file.seek(at)
                self._file.write(said.to_bytes(4, "little"))
            self._file.seek(size)
            self._file.write(bytes(size % 2))  # chunks have an even length; so has the header
        return self._file.getvalue()
