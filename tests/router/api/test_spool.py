"""What is kept of an upload, where, and that nothing is left of it."""

import asyncio
import os
import tempfile
import threading
from pathlib import Path

import pytest
from running import run, until
from uploading import descriptors

from router.api import spool as module
from router.api.spool import MEMORY_BYTES, Spool
from router.errors import InDoubt, RouterError

CHUNK = bytes(range(256)) * 256  # 64 KiB


async def filled(chunks: int) -> Spool:
    """A finished spool of so many chunks, each marked with its number."""
    spool = Spool()
    for number in range(chunks):
        spool.add(number.to_bytes(4, "big") + CHUNK[4:])
        await spool.relieve()
    await spool.finish()
    return spool


async def read(spool: Spool) -> bytes:
    whole = b""
    while len(whole) < spool.size:
        whole += await spool.read(len(whole))
    return whole


@pytest.mark.parametrize("chunks", [1, 16, 17, 100], ids=["tiny", "what fits", "just too much", "large"])
def test_what_was_added_is_read_again_and_again(chunks: int) -> None:
    """From memory or from the disk, by any number of readers."""

    async def main() -> tuple[tuple[bytes, bytes], int]:
        spool = await filled(chunks)
        try:
            first, second = await asyncio.gather(read(spool), read(spool))
            return (first, second), spool.size
        finally:
            spool.close()

    expected = b"".join(number.to_bytes(4, "big") + CHUNK[4:] for number in range(chunks))
    assert ((expected, expected), len(expected)) == run(main())


def test_a_small_upload_touches_no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most recordings of a voice assistant are a few hundred KiB."""
    monkeypatch.delattr(tempfile, "TemporaryFile")

    async def main() -> int:
        spool = await filled(MEMORY_BYTES // len(CHUNK))
        spool.close()
        return spool.size

    assert MEMORY_BYTES == run(main())


def test_a_large_one_is_in_a_file_without_a_name_that_goes_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else can open it, and a killed process leaves none."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = descriptors()

    async def main() -> tuple[list[str], int, set[str]]:
        spool = await filled(40)
        seen = os.listdir(tmp_path), len(descriptors() - before)
        spool.close()
        spool.close()
        await until(lambda: descriptors() <= before)
        return *seen, descriptors() - before

    assert ([], 1, set()) == run(main())


def test_a_spool_that_is_closed_while_a_thread_is_at_its_file_closes_it_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the thread's hands the descriptor could become somebody else's."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = descriptors()
    may_read = threading.Event()

    class Slow(Spool):
        __slots__ = ()

        def _read_file(self, file: object, at: int, most_bytes: int) -> bytes:
            assert may_read.wait(10)
            return super()._read_file(file, at, most_bytes)  # type: ignore[arg-type]

    async def main() -> tuple[int, set[str]]:
        monkeypatch.setattr(module, "Spool", Slow)
        spool = Slow()
        spool.add(CHUNK * 40)
        await spool.relieve()
        await spool.finish()
        reading = asyncio.create_task(spool.read(0))
        await until(lambda: spool._threads == 1)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        spool.close()
        still_open = len(descriptors() - before)
        may_read.set()
        await until(lambda: spool._threads == 0 and descriptors() <= before)
        return still_open, descriptors() - before

    assert (1, set()) == run(main())


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what had been written goes."""

    def full(**_: object) -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)

    async def main() -> None:
        spool = Spool()
        spool.add(CHUNK * 40)
        try:
            await spool.relieve()
        finally:
            spool.close()

    with pytest.raises(RouterError, match="No space left on device"):
        run(main())


def test_after_its_end_nothing_is_read() -> None:
    """An attempt that outlives its request gets a fault, not somebody else's bytes."""

    async def main() -> None:
        spool = await filled(1)
        spool.close()
        await spool.read(0)

    with pytest.raises(InDoubt):
        run(main())
