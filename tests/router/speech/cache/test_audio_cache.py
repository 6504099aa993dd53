"""The cache: memory in front of the disk, purged by whomever, changed by a reload."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from cached import Time, entry_of, key_of
from fakes import ManualClock
from running import run

from router.config.settings import CacheSettings
from router.speech.cache.cache import AudioCache, folder_of
from router.speech.cache.folder import Folder


def _settings(path: Path, **more: Any) -> CacheSettings:
    return CacheSettings(dir=str(path), **more)


async def _nobody(_: str) -> None:
    raise AssertionError("nobody was to be asked")


class _Cache(AudioCache):
    """With clocks that stand."""

    def __init__(self, settings: CacheSettings) -> None:
        self.time, self.monotonic = Time(), ManualClock()
        super().__init__(settings, clock=self.time, monotonic=self.monotonic)


def test_what_was_put_is_found_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In memory: `get` waits for no disk."""

    async def main() -> None:
        cache = _Cache(_settings(tmp_path))
        assert await cache.get(key_of(1)) is None
        await cache.put(key_of(1), entry_of(1))
        monkeypatch.setattr(cache._store, "get", _nobody)
        assert entry_of(1) == await cache.get(key_of(1))
        await cache.aclose()

    run(main())


def test_it_survives_a_restart(tmp_path: Path) -> None:
    """From the disk into memory."""

    async def main() -> None:
        cache = _Cache(_settings(tmp_path))
        await cache.put(key_of(1), entry_of(1))
        await cache.aclose()
        cache = _Cache(_settings(tmp_path))
        assert 0 == len(cache._memory)
        assert entry_of(1) == await cache.get(key_of(1))
        assert 1 == len(cache._memory)
        await cache.aclose()

    run(main())


def test_an_entry_is_as_old_as_what_made_it(tmp_path: Path) -> None:
    """None given: now. Too old is gone, from memory too."""

    async def main() -> None:
        cache = _Cache(_settings(tmp_path, max_age_days=1))
        await cache.put(key_of(1), entry_of(1, made_at=0))
        found = await cache.get(key_of(1))
        assert found is not None
        assert cache.time.now == found.made_at
        cache.time.now += 86_401
        assert await cache.get(key_of(1)) is None
        assert 0 == len(cache._memory)
        await cache.aclose()

    run(main())


@pytest.mark.parametrize("off", [{"enabled": False}, {"memory_mb": 0, "disk_mb": 0}])
def test_a_cache_that_is_off_keeps_nothing(off: dict[str, Any], tmp_path: Path) -> None:
    """Neither here nor there."""

    async def main() -> None:
        cache = _Cache(_settings(tmp_path, **off))
        await cache.put(key_of(1), entry_of(1))
        assert (False, None) == (cache.is_on, await cache.get(key_of(1)))
        await cache.aclose()

    run(main())
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(("memory_mb", "disk_mb"), [(0, 1), (1, 0)])
def test_either_half_does(memory_mb: int, disk_mb: int, tmp_path: Path) -> None:
    """Without a disk nothing is written."""

    async def main() -> None:
        cache = _Cache(_settings(tmp_path, memory_mb=memory_mb, disk_mb=disk_mb))
        await cache.put(key_of(1), entry_of(1))
        if disk_mb:
            await cache._store._queue.join()  # type: ignore[attr-defined]
        assert entry_of(1) == await cache.get(key_of(1))
        await cache.aclose()

    run(main())
    assert bool(disk_mb) is bool(list(tmp_path.iterdir()))


def test_a_purge_is_complete(tmp_path: Path) -> None:
    """Memory, disk, and what is on its way there."""

    async def main() -> None:
        cache = _Cache(_settings(tmp_path))
        for number in range(5):
            await cache.put(key_of(number), entry_of(number))
        assert 5 == await cache.purge()
        assert [None] * 5 == [await cache.get(key_of(number)) for number in range(5)]
        await cache.put(key_of(1), entry_of(1))
        await cache.aclose()
        assert 1 == folder_of(_settings(tmp_path)).measure().entries

    run(main())


def test_a_purge_by_another_process_is_seen_within_a_second(tmp_path: Path) -> None:
    """`local-ai-router cache purge`, also when this router keeps nothing on the disk."""

    async def main(disk_mb: int) -> None:
        cache = _Cache(_settings(tmp_path, disk_mb=disk_mb))
        await cache.put(key_of(1), entry_of(1))
        folder_of(_settings(tmp_path)).purge()
        cache.monotonic.now += 0.9
        assert entry_of(1) == await cache.get(key_of(1))
        cache.monotonic.now += 0.2
        assert await cache.get(key_of(1)) is None
        await cache.put(key_of(1), entry_of(1))
        cache.monotonic.now += 1.1
        assert entry_of(1) == await cache.get(key_of(1))
        await cache.aclose()

    run(main(1))
    run(main(0))


def test_many_who_ask_for_one_entry_read_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand pages that play the same greeting after a restart."""
    reads = []

    def read(self: Folder, key: str, real: Any = Folder.read) -> Any:
        reads.append(key)
        return real(self, key)

    async def main() -> None:
        cache = _Cache(_settings(tmp_path))
        await cache.put(key_of(1), entry_of(1))
        await cache.aclose()
        monkeypatch.setattr(Folder, "read", read)
        cache = _Cache(_settings(tmp_path))
        assert [entry_of(1)] * 1000 == await asyncio.gather(*(cache.get(key_of(1)) for _ in range(1000)))
        await cache.aclose()

    run(main())
    assert [key_of(1)] == reads


def test_what_was_read_during_a_purge_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would be served after it."""

    async def main() -> None:
        cache = _Cache(_settings(tmp_path))
        await cache.put(key_of(1), entry_of(1))
        await cache._store.aclose()
        cache = _Cache(_settings(tmp_path))
        fetch = cache._store.get

        async def slow(key: str) -> Any:
            entry = await fetch(key)
            await cache.purge()
            return entry

        monkeypatch.setattr(cache._store, "get", slow)
        assert await cache.get(key_of(1)) is None
        assert 0 == len(cache._memory)
        await cache.aclose()

    run(main())


def test_a_reload_changes_bounds_and_folder(tmp_path: Path) -> None:
    """What is in memory stays, as far as there is room; what was on its way to the old folder gets there."""

    async def main() -> None:
        cache = _Cache(_settings(tmp_path / "a"))
        await cache.put(key_of(1), entry_of(1))
        cache.reconfigure(_settings(tmp_path / "b", memory_mb=1))
        assert entry_of(1) == await cache.get(key_of(1))
        await cache.put(key_of(2), entry_of(2))
        await cache.aclose()
        kept = [folder_of(_settings(tmp_path / name)).read(key_of(n)) for n, name in ((1, "a"), (2, "b"))]
        assert [entry_of(1), entry_of(2)] == kept

    run(main())


def test_a_reload_may_switch_it_off_and_on(tmp_path: Path) -> None:
    """Off forgets what is in memory, not what is on the disk."""

    async def main() -> None:
        cache = _Cache(_settings(tmp_path))
        await cache.put(key_of(1), entry_of(1))
        cache.reconfigure(_settings(tmp_path, enabled=False))
        assert (False, None) == (cache.is_on, await cache.get(key_of(1)))
        cache.reconfigure(_settings(tmp_path, memory_mb=0))
        await cache._store._queue.join()  # type: ignore[attr-defined]  # what was on its way to the disk is there
        assert entry_of(1) == await cache.get(key_of(1))
        await cache.aclose()

    run(main())


def test_a_reload_misses_no_purge(tmp_path: Path) -> None:
    """One that came just before it."""

    async def main() -> None:
        cache = _Cache(_settings(tmp_path))
        await cache.put(key_of(1), entry_of(1))
        folder_of(_settings(tmp_path)).purge()
        cache.reconfigure(_settings(tmp_path, disk_mb=5))
        assert await cache.get(key_of(1)) is None
        await cache.put(key_of(2), entry_of(2))
        await cache.aclose()
        assert entry_of(2) == folder_of(_settings(tmp_path)).read(key_of(2))

    run(main())


def test_figures_tell_both_halves(tmp_path: Path) -> None:
    """What GET /admin/cache shows."""

    async def main() -> None:
        cache = _Cache(_settings(tmp_path, memory_mb=1, disk_mb=2))
        await cache.put(key_of(1), entry_of(1))
        await cache._store._queue.join()  # type: ignore[attr-defined]
        figures = await cache.figures()
        assert (True, str(tmp_path), 1, 1) == (
            figures.enabled,
            figures.folder,
            figures.memory.entries,
            figures.disk.entries,
        )
        assert (2**20, 2**21) == (figures.memory.max_bytes, figures.disk.max_bytes)
        assert min(figures.memory.bytes, figures.disk.bytes or 0) > 2000
        await cache.aclose()

    run(main())
