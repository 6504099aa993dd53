"""The cache's routes: how full it is, and emptying it."""

import errno
import threading
from pathlib import Path
from typing import Any

import pytest
from cached import entry_of, key_of
from entries import BOSS, DESK, KEYS
from houses import FakeHouse
from running import run

from router.speech.cache import disk
from router.speech.cache.disk import CannotPurge
from router.speech.cache.folder import Folder, Size


def _house(path: Path, **settings: Any) -> FakeHouse:
    return FakeHouse(
        settings={"cache": {"dir": str(path), "memory_mb": 1, "disk_mb": 2}, **settings}, has_rest=True
    )


def test_an_administrator_sees_and_empties_it(tmp_path: Path) -> None:
    """Both halves at once."""

    async def main() -> tuple[Any, Any, Any]:
        house = _house(tmp_path)
        await house.cache.put(key_of(1), entry_of(1))
        before = await house.ask("GET", "/admin/cache")
        purged = await house.ask("POST", "/admin/cache/purge")
        after = await house.ask("GET", "/admin/cache")
        assert await house.cache.get(key_of(1)) is None
        await house.cache.aclose()
        return before.json, purged.json, after.json

    before, purged, after = run(main())
    assert {"status": "purged", "entries": 1} == purged
    assert (True, str(tmp_path), 1) == (before["enabled"], before["folder"], before["memory"]["entries"])
    assert {"entries": 0, "bytes": 0, "max_bytes": 2**20} == after["memory"]
    assert {"entries": 0, "bytes": 0, "max_bytes": 2**21} == after["disk"]


@pytest.mark.parametrize("trouble", ["no answer within 0.02 s", "Input/output error"], ids=["hangs", "fails"])
def test_a_disk_that_cannot_be_measured_is_told(
    trouble: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In time, and beside what is in memory."""
    may_go = threading.Event()

    def measure(_: Folder) -> Size:
        if trouble.startswith("Input"):
            raise OSError(errno.EIO, trouble)
        may_go.wait(10)
        return Size(0, 0)

    monkeypatch.setattr(Folder, "measure", measure)
    if trouble.startswith("no answer"):
        monkeypatch.setattr(disk, "MEASURE_DEADLINE_S", 0.02)

    async def main() -> tuple[int, Any]:
        house = _house(tmp_path)
        await house.cache.put(key_of(1), entry_of(1))
        answer = await house.ask("GET", "/admin/cache")
        may_go.set()
        await house.cache.aclose()
        return answer.status, answer.json

    status, shown = run(main())
    assert (200, 1) == (status, shown["memory"]["entries"])
    assert {"entries": None, "bytes": None, "max_bytes": 2**21, "trouble": trouble} == shown["disk"]


@pytest.mark.parametrize(("method", "path"), [("GET", "/admin/cache"), ("POST", "/admin/cache/purge")])
def test_nobody_else_may(method: str, path: str, tmp_path: Path) -> None:
    """The role counts."""

    async def main() -> list[int]:
        house = _house(tmp_path, **KEYS)
        answers = [await house.ask(method, path, headers=[key]) for key in (DESK, BOSS)]
        await house.cache.aclose()
        return [answer.status for answer in answers]

    assert [403, 200] == run(main())


def test_a_folder_that_cannot_be_emptied_is_told(tmp_path: Path) -> None:
    """What is in memory is gone all the same."""
    (tmp_path / "file").touch()

    async def main() -> tuple[int, str | None]:
        house = _house(tmp_path / "file")
        await house.cache.put(key_of(1), entry_of(1))
        answer = await house.ask("POST", "/admin/cache/purge")
        assert 0 == (await house.cache.figures()).memory.entries
        await house.cache.aclose()
        return answer.status, answer.get("x-router-error")

    assert (CannotPurge.status, CannotPurge.reason) == run(main())
