"""Encoding beside the event loop: a bounded number of threads' time for all answers together."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from router.domain import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ, AudioFormat
from router.speech.encoding import AudioFile, Encoder

_SLICE_BYTES: Final = 2 * SAMPLE_RATE_HZ * BYTES_PER_SAMPLE  # two seconds: some 20 ms of a thread
_FIRST_SLICE_BYTES: Final = _SLICE_BYTES // 4  # what is heard first shall not wait for more
T = TypeVar("T")


class Encoders:
    """At most `limit` threads encode at once; who comes then waits."""

    def __init__(self, limit: int = 4) -> None:
        self._places = asyncio.Semaphore(limit)

    def open(self, audio_format: AudioFormat) -> "AnswerEncoder":
        """The encoder of one answer that is sent as it is spoken."""
        return AnswerEncoder(audio_format, self)

    def whole(self, audio_format: AudioFormat) -> "WholeEncoder":
        """The encoder of one answer that is sent when all of it is there."""
        return WholeEncoder(audio_format, self)

    async def encoded(self, pcm: bytes, audio_format: AudioFormat) -> bytes:
        """A complete file."""
        encoder = self.whole(audio_format)
        await encoder.feed(pcm)
        return await encoder.close()

    async def run(self, work: Callable[[], T]) -> T:
        """In a thread. A thread cannot be stopped: when the client leaves meanwhile, its place is free only when
        it has ended."""
        await self._places.acquire()
        running = asyncio.get_running_loop().run_in_executor(None, work)
        running.add_done_callback(self._ended)
        return await asyncio.shield(running)

    def _ended(self, running: "asyncio.Future[T]") -> None:
        self._places.release()
        if not running.cancelled():
            running.exception()  # seen, should nobody wait for it any more


class AnswerEncoder:
    """One answer's: `feed` PCM (24 kHz s16le mono), take what comes out, `close` for the rest. After a cancelled
    call it cannot be used again."""

    def __init__(self, audio_format: AudioFormat, encoders: Encoders) -> None:
        self._format = audio_format
        self._encoders = encoders
        self._encoder = Encoder(audio_format)
        self._is_fed = False

    async def feed(self, pcm: bytes) -> bytes:
        """What is ready after `pcm`; may be empty."""
        if self._format is AudioFormat.PCM:
            return pcm
        return await self._encoders.run(lambda: self._encoder.feed(pcm))

    async def close(self) -> bytes:
        """The end of the file."""
        if self._format is AudioFormat.PCM:
            return b""
        return await self._encoders.run(self._encoder.close)

    def slices(self, pcm: bytes) -> Iterator[bytes]:
        """`pcm` in pieces after which something can be sent; the first of an answer is short."""
        at = 0
        while at < len(pcm):
            size = _SLICE_BYTES if self._is_fed else _FIRST_SLICE_BYTES
            self._is_fed = True
            yield pcm[at : at + size]
            at += size


class WholeEncoder:
    """One answer's as a complete file: `feed` PCM, `close` for the file. Beside it there is no more than a segment
    in memory. After a cancelled call it cannot be used again."""

    def __init__(self, audio_format: AudioFormat, encoders: Encoders) -> None:
        self._is_raw = audio_format is AudioFormat.PCM
        self._encoders = encoders
        self._encoder = Encoder(audio_format)
        self._file = AudioFile(audio_format)

    async def feed(self, pcm: bytes) -> None:
        """What comes next."""
        if self._is_raw:
            self._file.add(pcm)
        else:
            await self._encoders.run(lambda: self._file.add(self._encoder.feed(pcm)))

    async def close(self) -> bytes:
        """The file."""
        if self._is_raw:
            return self._file.take()
        return await self._encoders.run(self._closed)

    def _closed(self) -> bytes:
        self._file.add(self._encoder.close())
        return self._file.take()
