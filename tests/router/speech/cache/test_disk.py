"""The disk behind the cache: threads, a queue, deadlines, and a disk in trouble."""

import asyncio
import errno
import logging
import threading
from pathlib import Path

import pytest
from cached import entry_of, files_in, folder_at, key_of
from fakes import ManualClock
from running import run, until

from router.speech.cache import disk
from router.speech.cache import folder as folder_module
from router.speech.cache.disk import REST_S, CannotMeasure, CannotPurge, DiskStore
from router.speech.cache.entry import CachedAudio
from router.speech.cache.folder import Folder, Revision, Size


class _Slow(Folder):
    """A folder whose disk takes its time: until `may_go` is set."""

    def hang(self) -> "_Slow":
        self.may_go = threading.Event()
        self.asked = 0
        return self

    def read(self, key: str) -> CachedAudio | None:
        self.asked += 1
        self.may_go.wait(10)
        return super().read(key)

    def write(self, key: str, entry: CachedAudio, revision: Revision | None) -> None:
        self.asked += 1
        self.may_go.wait(10)
        super().write(key, entry, revision)

    def measure(self) -> Size:
        self.asked += 1
        self.may_go.wait(10)
        return super().measure()


def _slow(path: Path) -> _Slow:
    return _Slow(path, max_bytes=10**9, max_age_s=1000).hang()


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_what_is_put_is_written_by_the_end(tmp_path: Path) -> None:
    """Without anybody waiting for it."""

    async def main() -> None:
        store = DiskStore(folder_at(tmp_path), ManualClock())
        for number in range(20):
            store.put(key_of(number), entry_of(number))
        await store.aclose()
        store.put(key_of(20), entry_of(20))
        again = DiskStore(folder_at(tmp_path), ManualClock())
        found = [await again.get(key_of(number)) for number in range(21)]
        assert [*map(entry_of, range(20)), None] == found
        assert 20 == (await again.measure()).entries
        await again.aclose()

    run(main())


def test_a_store_without_room_keeps_nothing(tmp_path: Path) -> None:
    """`disk_mb: 0`; and it is purged all the same, so that routers see it."""

    async def main() -> None:
        store = DiskStore(folder_at(tmp_path, max_bytes=0), ManualClock())
        store.put(key_of(1), entry_of(1))
        assert await store.get(key_of(1)) is None
        assert await store.revision() is None
        assert 0 == await store.purge()
        assert await store.revision() is not None
        await store.aclose()

    run(main())
    assert [] == files_in(tmp_path)


def test_a_disk_that_refuses_is_told_once_and_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Full, then not: told once each."""

    async def main() -> None:
        clock, folder, tries = ManualClock(), folder_at(tmp_path), []
        store = DiskStore(folder, clock)

        def full(key: str, *_: object) -> None:
            tries.append(key)
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(folder, "write", full)
        for number in range(5):
            store.put(key_of(number), entry_of(number))
            await store._queue.join()
        clock.now += REST_S + 1
        store.put(key_of(5), entry_of(5))
        await store._queue.join()
        assert [key_of(0), key_of(5)] == tries
        monkeypatch.undo()
        clock.now += REST_S + 1
        store.put(key_of(6), entry_of(6))
        await store._queue.join()
        assert entry_of(6) == await store.get(key_of(6))
        await store.aclose()

    with caplog.at_level(logging.INFO):
        run(main())
    assert [
        "the speech cache goes on without its disk: it cannot write it: No space left on device",
        "the speech cache can write its disk again",
    ] == [record.getMessage() for record in caplog.records]


def test_a_disk_that_may_only_be_read_serves(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is there is there. The disk refuses as a read-only one does, to root too."""
    folder_at(tmp_path).write(key_of(1), entry_of(1), None)

    def read_only(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(folder_module, "_open_new", read_only)

    async def main() -> None:
        store = DiskStore(folder_at(tmp_path), ManualClock())
        store.put(key_of(2), entry_of(2))
        await store._queue.join()
        assert entry_of(1) == await store.get(key_of(1))
        with pytest.raises(CannotPurge):
            await store.purge()
        await store.aclose()

    run(main())
    assert 1 == len(_warnings(caplog))


def test_a_folder_that_is_a_file_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever the configuration names, the router goes on."""
    (tmp_path / "file").touch()

    async def main() -> None:
        store = DiskStore(folder_at(tmp_path / "file"), ManualClock())
        for number in range(3):
            store.put(key_of(number), entry_of(number))
            assert await store.get(key_of(number)) is None
            await store._queue.join()
        assert Size(0, 0) == await store.measure()
        with pytest.raises(CannotPurge):
            await store.purge()
        await store.aclose()

    run(main())
    assert 1 == len(_warnings(caplog))


def test_a_disk_that_hangs_keeps_nobody_waiting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A miss after the deadline; then it is left alone."""
    monkeypatch.setattr(disk, "READ_DEADLINE_S", 0.02)

    async def main() -> None:
        folder = _slow(tmp_path)
        store = DiskStore(folder, ManualClock())
        assert [None] * 5 == await asyncio.gather(*(store.get(key_of(number)) for number in range(5)))
        assert await store.get(key_of(9)) is None
        assert folder.asked <= 5
        folder.may_go.set()
        await until(lambda: store._reading == 0)
        await store.aclose()

    run(main())
    assert ["the speech cache goes on without its disk: it cannot read it: no answer within 0.02 s"] == _warnings(
        caplog
    )


def test_measuring_a_disk_that_hangs_ends_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many ask: one thread waits for it, so others can read; and it is measured when it can be again."""
    folder_at(tmp_path).write(key_of(1), entry_of(1), None)

    async def main() -> None:
        folder = _slow(tmp_path)
        store = DiskStore(folder, ManualClock())
        monkeypatch.setattr(disk, "MEASURE_DEADLINE_S", 0.02)
        told = await asyncio.gather(*(store.measure() for _ in range(9)), return_exceptions=True)
        assert [CannotMeasure] * 9 == [type(each) for each in told]
        assert {"no answer within 0.02 s"} == {str(each) for each in told}
        assert (1, None) == (folder.asked, await store.revision())
        monkeypatch.undo()
        folder.may_go.set()
        assert 1 == (await store.measure()).entries
        await store.aclose()
        with pytest.raises(CannotMeasure):
            await store.measure()

    run(main())


def test_the_queue_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is beyond it is dropped, not waited for; and the end waits for a slow disk only so long."""
    monkeypatch.setattr(disk, "CLOSE_DEADLINE_S", 0.02)

    async def main() -> None:
        folder = _slow(tmp_path)
        store = DiskStore(folder, ManualClock())
        size = 2**20
        for number in range(100):
            store.put(key_of(number), entry_of(number, size))
        assert store._queued_bytes <= disk.MAX_QUEUED_BYTES
        await until(lambda: folder.asked == 1)
        await store.aclose()
        folder.may_go.set()

    run(main())


def test_a_purge_drops_what_waits_to_be_written(tmp_path: Path) -> None:
    """And what is being written."""

    async def main() -> None:
        folder = _slow(tmp_path)
        store = DiskStore(folder, ManualClock())
        for number in range(10):
            store.put(key_of(number), entry_of(number))
        await until(lambda: folder.asked == 1)
        assert 0 == await store.purge()
        folder.may_go.set()
        await store._queue.join()
        assert [] == files_in(tmp_path)
        store.put(key_of(1), entry_of(1))
        await store.aclose()
        assert 1 == len(files_in(tmp_path))

    run(main())


def test_many_who_put_get_and_purge_at_once_get_what_was_put(tmp_path: Path) -> None:
    """In two stores on one folder: byte for byte, or nothing."""

    async def main() -> None:
        stores = [DiskStore(folder_at(tmp_path, max_bytes=60_000), ManualClock()) for _ in range(2)]
        found = 0

        async def work(number: int) -> None:
            nonlocal found
            for turn in range(30):
                one = (number * 7 + turn) % 40
                stores[number % 2].put(key_of(one), entry_of(one))
                entry = await stores[(number + 1) % 2].get(key_of((one + turn) % 40))
                assert entry in (None, entry_of((one + turn) % 40))
                found += entry is not None
                if (number, turn % 10) == (3, 9):
                    await stores[turn % 2].purge()

        await asyncio.gather(*map(work, range(20)))
        assert found
        for store in stores:
            await store.aclose()

    run(main())
