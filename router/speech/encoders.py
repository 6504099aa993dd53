"""Encoding beside the event loop: a bounded number of threads for all answers together, which make way for it."""

import asyncio
import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from router.domain import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ, Rendition
from router.speech.encoding import AudioFile, encoder_of, is_copied, load_codecs

MOST_THREADS: Final = 4
# Where loop and encoders share a core, the loop's few microseconds come first. With 5 a thread has a third of its
# weight; with 10 a ninth, and where others compute on the same core, as a node on the CPU does, it hardly encodes.
NICE: Final = 5
_SLICE_BYTES: Final = 2 * SAMPLE_RATE_HZ * BYTES_PER_SAMPLE  # two seconds: 20 ms of a thread, 30 at the most
_FIRST_SLICE_BYTES: Final = _SLICE_BYTES // 4  # what is heard first shall not wait for more
T = TypeVar("T")


def usual_limit() -> int:
    """One thread for each core that this process may use: more would not encode faster, only hold up the loop."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    return min(MOST_THREADS, cores or 1)


class Encoders:
    """At most `limit` threads encode at once; who comes then waits for its turn."""

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit or usual_limit()
        self._threads = ThreadPoolExecutor(self.limit, "encoder", initializer=_make_way)

    async def get_ready(self) -> None:
        """Load what compresses, for which the first listener would wait."""
        await self.run(load_codecs)

    def open(self, rendition: Rendition) -> "AnswerEncoder":
        """The encoder of one answer that is sent as it is spoken."""
        return AnswerEncoder(rendition, self)

    def whole(self, rendition: Rendition) -> "WholeEncoder":
        """The encoder of one answer that is sent when all of it is there."""
        return WholeEncoder(rendition, self)

    async def encoded(self, pcm: bytes, rendition: Rendition) -> bytes:
        """A complete file."""
        encoder = self.whole(rendition)
        await encoder.feed(pcm)
        return await encoder.close()

    async def run(self, work: Callable[[], T]) -> T:
        """In a thread. Who leaves while it waits is not encoded for; a thread that has begun cannot be stopped."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _make_way() -> None:
    """This thread is the less urgent. Linux gives every thread a niceness of its own; elsewhere it would be the
    whole process's (nice(2), "C library/kernel differences")."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.nice(NICE)


class AnswerEncoder:
    """One answer's: `feed` PCM (24 kHz s16le mono), take what comes out, `close` for the rest. After a cancelled
    call it cannot be used again."""

    def __init__(self, rendition: Rendition, encoders: Encoders) -> None:
        self._is_copied = is_copied(rendition)
        self._encoders = encoders
        self._encoder = encoder_of(rendition)
        self._is_fed = False

    async def feed(self, pcm: bytes) -> bytes:
        """What is ready after `pcm`; may be empty."""
        if self._is_copied:
            return self._encoder.feed(pcm)
        return await self._encoders.run(lambda: self._encoder.feed(pcm))

    async def close(self) -> bytes:
        """The end of the file."""
        if self._is_copied:
            return self._encoder.close()
        return await self._encoders.run(self._encoder.close)

    def slices(self, pcm: bytes) -> Iterator[bytes]:
        """`pcm` in pieces after which something can be sent; the first of an answer is short."""
        if pcm and not self._is_fed:
            self._is_fed = True
            yield pcm[:_FIRST_SLICE_BYTES]
            pcm = pcm[_FIRST_SLICE_BYTES:]
        yield from _slices(pcm)


class WholeEncoder:
    """One answer's as a complete file: `feed` PCM, `close` for the file. Beside it there is no more than a segment
    in memory. After a cancelled call it cannot be used again."""

    def __init__(self, rendition: Rendition, encoders: Encoders) -> None:
        self._is_copied = is_copied(rendition)
        self._encoders = encoders
        self._encoder = encoder_of(rendition)
        self._file = AudioFile(rendition)

    async def feed(self, pcm: bytes) -> None:
        """What comes next; the others have their turns in between."""
        if self._is_copied:
            await asyncio.sleep(0)
            self._fed(pcm)
            return
        for piece in _slices(pcm):
            await self._encoders.run(functools.partial(self._fed, piece))

    async def close(self) -> bytes:
        """The file."""
        return self._closed() if self._is_copied else await self._encoders.run(self._closed)

    def _fed(self, pcm: bytes) -> None:
        self._file.add(self._encoder.feed(pcm))

    def _closed(self) -> bytes:
        self._file.add(self._encoder.close())
        return self._file.take()


def _slices(pcm: bytes) -> Iterator[bytes]:
    for at in range(0, len(pcm), _SLICE_BYTES):
        yield pcm[at : at + _SLICE_BYTES]
