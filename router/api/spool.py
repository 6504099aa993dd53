"""What a client uploads, kept while it is needed: the first MiB in memory, more in a file without a name.

Nobody else can open such a file, and it is gone with the last handle on it, also when the process is killed. The
disk is read and written in threads. A thread cannot be interrupted, so a spool that is closed meanwhile closes its
file when the thread has ended: never under its hands, where the descriptor's number could mean something else by
then.
"""

import asyncio
import os
import tempfile
import threading
from collections.abc import Callable
from typing import BinaryIO, Final, TypeVar

from router.errors import InDoubt, RouterError

MEMORY_BYTES: Final = 1024 * 1024
PIECE_BYTES: Final = 64 * 1024  # of what is read: small, since an upstream must take one within its deadline
T = TypeVar("T")


class Spool:
    """Bytes that are added once and read as often as need be. Whoever made it closes it."""

    __slots__ = ("_file", "_held", "_is_closed", "_lock", "_threads", "_unwritten", "size")

    def __init__(self) -> None:
        self.size = 0
        self._held: list[bytes] = []  # in memory: all, or what is not yet in the file
        self._unwritten = 0
        self._file: BinaryIO | None = None
        self._lock = threading.Lock()  # the file has one position
        self._threads = 0
        self._is_closed = False

    def __repr__(self) -> str:
        where = "memory" if self._file is None else "file"
        return f"<Spool {self.size} bytes, {'closed' if self._is_closed else where}>"

    def add(self, data: bytes) -> None:
        """Append `data`; `relieve` is to follow before much more comes."""
        self._held.append(data)
        self._unwritten += len(data)
        self.size += len(data)

    async def relieve(self) -> None:
        """Write to the disk what has become too much for memory. Raises RouterError when that is not possible."""
        if self._unwritten > MEMORY_BYTES:
            await self._write()

    async def finish(self) -> None:
        """All of it is there. Raises RouterError."""
        if self._file is not None:
            await self._write()
        else:
            self._held = [b"".join(self._held)]

    async def read(self, at: int, most_bytes: int = PIECE_BYTES) -> bytes:
        """Up to `most_bytes` from offset `at` on, at least one. Only when finished. Raises InDoubt."""
        if self._is_closed:
            raise InDoubt("the upload is kept no more")
        file = self._file
        if file is None:
            return self._held[0][at : at + most_bytes]
        try:
            piece = await self._in_thread(lambda: self._read_file(file, at, most_bytes))
        except OSError as exc:
            raise InDoubt(f"the upload cannot be read again: {exc.strerror or exc}") from exc
        if not piece:
            raise InDoubt("the upload cannot be read again: its file is too short")
        return piece

    def close(self) -> None:
        """Let go of everything. Idempotent."""
        self._is_closed = True
        self._held = []
        self._close_file()

    async def _write(self) -> None:
        data, self._held, self._unwritten = b"".join(self._held), [], 0
        try:
            await self._in_thread(lambda: self._append(data))
        except OSError as exc:
            raise RouterError(
                f"The upload cannot be kept: {exc.strerror or exc}. Is there room for temporary files?"
            ) from exc

    async def _in_thread(self, work: Callable[[], T]) -> T:
        future = asyncio.get_running_loop().run_in_executor(None, work)
        self._threads += 1
        future.add_done_callback(self._thread_ended)
        return await asyncio.shield(future)

    def _thread_ended(self, _: "asyncio.Future[T]") -> None:
        self._threads -= 1
        if self._is_closed:
            self._close_file()

    def _close_file(self) -> None:
        """In a thread as well: to free the blocks of a large file takes a disk a while."""
        if self._threads == 0 and self._file is not None:
            file, self._file = self._file, None
            asyncio.get_running_loop().run_in_executor(None, file.close)

    # in a thread

    def _append(self, data: bytes) -> None:
        with self._lock:
            if self._file is None:
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  closed by `close`
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]

    def _read_file(self, file: BinaryIO, at: int, most_bytes: int) -> bytes:
        with self._lock:
            file.seek(at, os.SEEK_SET)
            return file.read(most_bytes)
