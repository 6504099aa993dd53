"""A tts-node as a child process."""

import os
import signal
import sys
from pathlib import Path

import pytest
from running import run, until

from router import node_process
from router.drill.ports import free_port
from router.node_process import NodeProcess, node_command

# A node that listens on its port, writes down its life, and dies when told.
CHILD = """
import os, signal, socket, sys, time
log, port = sys.argv[1], int(sys.argv[sys.argv.index("--port") + 1])
def note(word):
    with open(log, "a") as file:
        file.write(f"{word} {os.getpid()}\\n")
note("start")
if os.environ.get("TEST_CHILD_DIES"):
    sys.exit(3)
def stop(*_):
    note("stop")
    sys.exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN if os.environ.get("TEST_CHILD_IGNORES") else stop)
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", port))
listener.listen()
while True:
    time.sleep(60)
"""


class _Diary:
    def __init__(self, folder: Path) -> None:
        self.file = folder / "diary"
        self.script = folder / "child.py"
        self.script.write_text(CHILD, encoding="utf-8")

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-S", str(self.script), str(self.file)]

    def lines(self, word: str) -> list[int]:
        if not self.file.exists():
            return []
        entries = [line.split() for line in self.file.read_text().splitlines()]
        return [int(pid) for what, pid in entries if what == word]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def diary(tmp_path: Path) -> _Diary:
    return _Diary(tmp_path)


def test_it_is_up_when_the_block_begins_and_gone_when_it_ends(diary: _Diary) -> None:
    """It is asked to end, and ends."""

    async def main() -> tuple[int, bool]:
        node = NodeProcess(diary.command, free_port())
        async with node.running():
            assert await node_process._listens(node._port)
            (pid,) = diary.lines("start")
            was_alive = _is_alive(pid)
        return pid, was_alive

    pid, was_alive = run(main())
    assert (True, False, [pid]) == (was_alive, _is_alive(pid), diary.lines("stop"))


def test_it_is_started_again_when_it_dies(diary: _Diary, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever killed it."""
    monkeypatch.setattr(node_process, "FIRST_PAUSE_S", 0.01)

    async def main() -> list[int]:
        async with NodeProcess(diary.command, free_port()).running():
            os.kill(diary.lines("start")[0], signal.SIGKILL)
            await until(lambda: len(diary.lines("start")) == 2)
        return diary.lines("start")

    first, second = run(main())
    assert (False, False) == (_is_alive(first), _is_alive(second))


def test_one_that_dies_at_once_is_started_ever_more_slowly(diary: _Diary, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken installation must not eat the machine, nor keep the router from starting."""
    monkeypatch.setenv("TEST_CHILD_DIES", "1")
    monkeypatch.setattr(node_process, "READY_WITHIN_S", 0.3)
    monkeypatch.setattr(node_process, "FIRST_PAUSE_S", 1.0)
    monkeypatch.setattr(node_process, "LONGEST_PAUSE_S", 60.0)

    async def main() -> int:
        async with NodeProcess(diary.command, free_port()).running():
            await until(lambda: bool(diary.lines("start")))
            return len(diary.lines("start"))

    assert 1 <= run(main()) <= 3


def test_one_that_will_not_end_is_ended(diary: _Diary, monkeypatch: pytest.MonkeyPatch) -> None:
    """After it was asked."""
    monkeypatch.setenv("TEST_CHILD_IGNORES", "1")
    monkeypatch.setattr(node_process, "STOP_WITHIN_S", 0.1)

    async def main() -> int:
        async with NodeProcess(diary.command, free_port()).running():
            return diary.lines("start")[0]

    assert not _is_alive(run(main()))


def test_a_command_that_is_not_there_keeps_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The router serves without a voice, and says so."""

    monkeypatch.setattr(node_process, "READY_WITHIN_S", 3600.0)

    async def main() -> bool:
        async with NodeProcess(["/nowhere/tts-node"], free_port()).running():
            return True

    assert run(main())
    assert [] != [entry for entry in caplog.records if entry.levelname in {"WARNING", "ERROR"}]


def test_the_one_beside_the_router_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the one on the PATH, then none."""
    beside, path = tmp_path / "beside", tmp_path / "path"
    for folder in (beside / "bin", path):
        folder.mkdir(parents=True)
        file = folder / "tts-node"
        file.write_text("#!/bin/sh\n", encoding="utf-8")
        file.chmod(0o755)
    monkeypatch.setattr(node_process, "_BESIDE", beside)
    monkeypatch.setenv("PATH", str(path))
    first = node_command()
    monkeypatch.setattr(node_process, "_BESIDE", tmp_path / "nowhere")
    second = node_command()
    monkeypatch.setenv("PATH", "")
    assert ([str(beside / "bin" / "tts-node")], [str(path / "tts-node")], None) == (first, second, node_command())
