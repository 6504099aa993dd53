"""The commands that lay and pull a cable: none outlives its deadline, and each that fails says why."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from running import run, until

from router.drill import cable
from router.drill.cable import NoCable, _said


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _lingering(told: Path) -> tuple[str, ...]:
    """A command that tells its pid and stays; the file is there when all of it is."""
    return "sh", "-c", f'echo $$ > "{told}.new" && mv "{told}.new" "{told}" && exec sleep 60'


def test_a_command_that_does_not_end_is_ended_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name and the time that it had: an empty message would say nothing in the report."""
    started: list[asyncio.subprocess.Process] = []
    start = asyncio.create_subprocess_exec

    async def noted(*command: str, **more: Any) -> asyncio.subprocess.Process:
        started.append(await start(*command, **more))
        return started[0]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
    monkeypatch.setattr(cable, "COMMAND_WITHIN_S", 0.05)
    with pytest.raises(NoCable, match=r"^sleep 60 did not end within 0\.05 s$"):
        run(_said("sleep", "60"))
    assert [-signal.SIGKILL] == [process.returncode for process in started]
    assert not _is_there(started[0].pid)


def test_a_drill_that_is_cancelled_leaves_no_command_behind(tmp_path: Path) -> None:
    """Ctrl-C while a cable is laid."""
    told = tmp_path / "pid"

    async def main() -> None:
        laying = asyncio.create_task(_said(*_lingering(told)))
        await until(told.exists)
        assert _is_there(int(told.read_text()))
        laying.cancel()
        await asyncio.gather(laying, return_exceptions=True)
        assert not _is_there(int(told.read_text()))

    run(main())


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("sh", "-c", "echo no such device >&2; exit 2"), "^no such device$"),
        (("sh", "-c", "exit 2"), "^sh -c 'exit 2' ended with status 2$"),
        (("no-such-command-here",), "^no-such-command-here: No such file or directory$"),
    ],
    ids=["says why", "says nothing", "is not there"],
)
def test_a_command_that_fails_says_why(command: tuple[str, ...], why: str) -> None:
    """What it wrote, or what can be said of it."""
    with pytest.raises(NoCable, match=why):
        run(_said(*command))


def test_a_command_that_ends_well_says_nothing() -> None:
    """Nor does it raise."""
    run(_said("sh", "-c", "exit 0"))
