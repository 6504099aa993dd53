"""The drill's processes: each dies with the drill, is ended by its pid, and writes to a log of its own."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import IO, Final

_BOUND: Final = Path(__file__).with_name("bound.py")
READY_WITHIN_S: Final = 60.0
STOP_WITHIN_S: Final = 5.0
POLL_S: Final = 0.02
# Settings of the person's shell must not reach the drill's own cast.
_NOT_INHERITED: Final = ("ROUTER_", "TTS_", "GAMING_PC", "LOCAL_", "CHATTERBOX_", "CHATTTS_")


class CannotDrill(Exception):
    """The drill cannot be held here or so; the message says why and what to do."""


class LeftOut(CannotDrill):
    """One fault cannot be made here; the others can."""


class Process:
    """One child: `where` is as in `bound.py`. `start` may be called again after it ended."""

    def __init__(self, name: str, command: Sequence[str], folder: Path, where: Sequence[str] = ()) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = (
            [sys.executable, "-I", "-S", str(_BOUND), *where, "--", *command]
            if sys.platform == "linux"
            else list(command)
        )
        self._process: asyncio.subprocess.Process | None = None

    def __repr__(self) -> str:
        return f"<Process {self.name} pid={self.pid}>"

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} has been started"
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def streams(self) -> asyncio.subprocess.Process:
        assert self._process is not None, f"{self.name} has been started"
        return self._process

    async def start(self, *, has_pipes: bool = False) -> None:
        """Without waiting until it is ready. `has_pipes`: its stdin and stdout are ours."""
        pipe = asyncio.subprocess.PIPE if has_pipes else None
        with self.log.open("ab") as log:
            stdout: int | IO[bytes] = asyncio.subprocess.PIPE if has_pipes else log
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=pipe or asyncio.subprocess.DEVNULL,
                stdout=stdout,
                stderr=log,
                env=_environment(),
                start_new_session=sys.platform != "win32",  # Ctrl-C is the drill's, which ends them in order
            )

    async def until(self, is_ready: Callable[[], Awaitable[bool]], within_s: float = READY_WITHIN_S) -> None:
        """Raises CannotDrill with the end of its log when it ends or is not ready in time."""
        try:
            async with asyncio.timeout(within_s):
                while not await is_ready():
                    if not self.is_alive:
                        raise CannotDrill(f"{self.name} ended as it started:\n{self.tail()}")
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            raise CannotDrill(f"{self.name} was not ready within {within_s:g} s:\n{self.tail()}") from None

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""

    def signal(self, number: int) -> None:
        """Not by `send_signal`, which may reap it before asyncio's watcher does, which then complains."""
        if self.is_alive:  # not reaped yet, so that the number still means this process
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        if self.is_alive:
            self.signal(signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
            await self.streams.wait()

    async def end(self) -> None:
        """Ask it to end, then make it. Idempotent."""
        if not self.is_alive:
            return
        if sys.platform != "win32":
            self.signal(signal.SIGCONT)  # it may be stopped: that is one of the faults
        self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_WITHIN_S):
                await self.streams.wait()
        except TimeoutError:
            await self.kill()


@contextlib.asynccontextmanager
async def ended(processes: list[Process]) -> AsyncIterator[None]:
    """Whatever is in the list when the block ends, ends, whatever happens."""
    try:
        yield
    finally:
        await asyncio.shield(asyncio.gather(*(process.end() for process in reversed(processes))))


def children_of(pid: int) -> list[tuple[int, str]]:
    """Pid and command line of each direct child; proc(5), so on Linux only."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            if parent == pid:
                line = stat.with_name("cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                found.append((int(stat.parent.name), line))
        except OSError:
            continue  # it ended in this moment
    return found


def _environment() -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
    return inherited | {"PYTHONUNBUFFERED": "1"}
