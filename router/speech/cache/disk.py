"""The folder behind the store's seam: its own few threads, a bounded queue of what is to be written, deadlines.

A disk may be full, read-only, gone or hang. That is told once in the log, left alone for a while, and tried again;
the router goes on without.
"""

import asyncio
import contextlib
import functools
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from router.errors import RouterError
from router.ports import Monotonic
from router.speech.cache.entry import CachedAudio
from router.speech.cache.folder import Folder, Revision, Size

READ_DEADLINE_S: Final = 1.0
MEASURE_DEADLINE_S: Final = 5.0  # a full folder on a memory card takes its time
PURGE_DEADLINE_S: Final = 60.0
CLOSE_DEADLINE_S: Final = 3.0
REST_S: Final = 30.0  # after a fault
MAX_READING: Final = 64
MAX_QUEUED_BYTES: Final = 32 * 2**20
_THREADS: Final = 3  # one writes; a reader that hangs does not keep the others from reading
_log = logging.getLogger(__name__)
T = TypeVar("T")


class CannotPurge(RouterError):
    """507: the cache's folder cannot be emptied."""

    status = 507
    reason = "cache_unwritable"
    code = "cache_unwritable"


class CannotMeasure(RouterError):
    """The cache's folder does not say how full it is; the message says why."""


class _NoAnswer(Exception):
    """The disk did not do what it was asked, and that has been told."""


class _Trouble:
    """What is wrong with one way of using the disk, told when it begins and when it ends."""

    def __init__(self, what: str, clock: Monotonic) -> None:
        self._what = what
        self._clock = clock
        self._until: float | None = None

    @property
    def is_resting(self) -> bool:
        return self._until is not None and self._clock() < self._until

    def note(self, why: object) -> None:
        if self._until is None:
            _log.warning("the speech cache goes on without its disk: it cannot %s it: %s", self._what, why)
        self._until = self._clock() + REST_S

    def clear(self) -> None:
        if self._until is not None:
            self._until = None
            _log.info("the speech cache can %s its disk again", self._what)


class DiskStore:
    """An AudioStore. Needs a running loop from its first use on."""

    def __init__(self, folder: Folder, clock: Monotonic) -> None:
        self._folder = folder
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="speech cache")
        self._reading = 0
        self._measuring: asyncio.Future[Size] | None = None
        self._queue: asyncio.Queue[tuple[str, CachedAudio, Revision | None]] = asyncio.Queue()
        self._queued_bytes = 0
        self._writer: asyncio.Task[None] | None = None
        self._revision: Revision | None = None
        self._cannot_read, self._cannot_write = _Trouble("read", clock), _Trouble("write", clock)
        self._is_closed = False

    def __repr__(self) -> str:
        return f"<DiskStore {self.place}, {self._queue.qsize()} to be written>"

    @property
    def place(self) -> str:
        return str(self._folder.path)

    @property
    def max_bytes(self) -> int:
        return self._folder.max_bytes

    async def get(self, key: str) -> CachedAudio | None:
        """See AudioStore."""
        try:
            return await self._read(lambda: self._folder.read(key)) if self.max_bytes else None
        except _NoAnswer:
            return None

    def put(self, key: str, entry: CachedAudio) -> None:
        """See AudioStore. Dropped while much is waiting already, and while the disk is in trouble."""
        is_full = self._queued_bytes + entry.size > MAX_QUEUED_BYTES
        if is_full or self._is_closed or not self.max_bytes or self._cannot_write.is_resting:
            return
        self._queued_bytes += entry.size
        self._queue.put_nowait((key, entry, self._revision))
        if self._writer is None:
            self._writer = asyncio.get_running_loop().create_task(self._write_all(), name="speech cache")

    async def revision(self) -> Revision | None:
        """See AudioStore."""
        with contextlib.suppress(_NoAnswer):
            self._revision = await self._read(self._folder.revision)
        return self._revision

    async def purge(self) -> int:
        """See AudioStore."""
        self._empty_queue()
        try:
            async with asyncio.timeout(PURGE_DEADLINE_S):
                purged = await self._in_thread(self._folder.purge)
        except TimeoutError as exc:
            raise CannotPurge(f"{self.place} is not empty yet: its disk is slow.") from exc
        except OSError as exc:
            raise CannotPurge(f"{self.place} cannot be emptied: {exc.strerror or exc}.") from exc
        await self.revision()
        return purged

    async def measure(self) -> Size:
        """See AudioStore. Once for all who ask meanwhile: on a disk that hangs, that keeps one thread."""
        if self._measuring is None or self._measuring.done():
            if self._is_closed:
                raise CannotMeasure("closed")
            self._measuring = self._in_thread(self._folder.measure)
            self._measuring.add_done_callback(_seen)
        measuring = self._measuring
        await asyncio.wait((measuring,), timeout=MEASURE_DEADLINE_S)
        if not measuring.done() or measuring.cancelled():
            raise CannotMeasure(f"no answer within {MEASURE_DEADLINE_S:g} s")
        try:
            return measuring.result()
        except OSError as exc:
            raise CannotMeasure(str(exc.strerror or exc)) from exc

    async def aclose(self) -> None:
        """See AudioStore."""
        self._is_closed = True
        if self._writer is not None:
            if not self._cannot_write.is_resting:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(CLOSE_DEADLINE_S):
                        await self._queue.join()
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _read(self, work: Callable[[], T]) -> T:
        """`work` in a thread, within the deadline. Raises _NoAnswer."""
        if self._is_closed or self._cannot_read.is_resting or self._reading >= MAX_READING:
            raise _NoAnswer
        self._reading += 1
        future = self._in_thread(work)
        future.add_done_callback(self._read_ended)  # which may be long after the deadline
        await asyncio.wait((future,), timeout=READ_DEADLINE_S)
        if not future.done():
            self._cannot_read.note(f"no answer within {READ_DEADLINE_S:g} s")
            raise _NoAnswer
        try:
            result = future.result()
        except OSError as exc:
            self._cannot_read.note(exc.strerror or exc)
            raise _NoAnswer from None
        self._cannot_read.clear()
        return result

    def _read_ended(self, future: "asyncio.Future[T]") -> None:
        self._reading -= 1
        _seen(future)

    def _in_thread(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        return asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def _write_all(self) -> None:
        """The one that writes, one entry after the other."""
        while True:
            key, entry, revision = await self._queue.get()
            try:
                if not self._cannot_write.is_resting:
                    await self._in_thread(functools.partial(self._folder.write, key, entry, revision))
                    self._cannot_write.clear()
            except OSError as exc:
                self._cannot_write.note(exc.strerror or exc)
            finally:
                self._queued_bytes -= entry.size
                self._queue.task_done()

    def _empty_queue(self) -> None:
        while not self._queue.empty():
            _, entry, _ = self._queue.get_nowait()
            self._queued_bytes -= entry.size
            self._queue.task_done()


def _seen(future: "asyncio.Future[T]") -> None:
    """Its failure is no news, should nobody wait for it any more."""
    if not future.cancelled():
        future.exception()
