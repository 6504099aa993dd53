"""The child process seen from the node: spawn it, exchange frames with it, end it. Decides nothing."""

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Mapping
from typing import Protocol, Self

from tts_node.life import wire

_READ_BYTES = 65536
_END_GRACE_S = 1.0  # a child exits when its stdin ends; one that does not is killed after this
_KILL_GRACE_S = 2.0  # a killed process that the kernel cannot end (a stuck driver) is treated as gone after this
_LAST_WORDS_BYTES = 4000
# Below the node's own priority. Elsewhere than on Windows the child sees to that itself (`child.make_way`).
_CREATION_FLAGS: int = getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)

log = logging.getLogger(__name__)


class ChildEnded(Exception):
    """The process is gone. The message says how."""


def ending_of(code: int) -> str:
    """A process's return code in words."""
    if code >= 0:
        return f"exit status {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:  # a real-time signal has no name
        return f"signal {-code}"


class Child(Protocol):
    """What a slot needs of a child."""

    @property
    def pid(self) -> int:
        """Of the operating system."""

    def send(self, message: wire.AnyMessage) -> None:
        """Hands a frame over; never waits. One for a child that is gone is lost."""

    async def receive(self) -> wire.AnyMessage:
        """The next frame. Raises ChildEnded at the end, WireError when it is no frame."""

    def kill(self) -> None:
        """At once. `receive` then raises ChildEnded."""

    async def gone(self) -> None:
        """Returns when the process has ended."""

    async def end(self) -> None:
        """Ends it if it still runs, and returns when it is gone. Idempotent."""


class Launch(Protocol):
    """Starts a child and tells it what to be."""

    async def __call__(self, load: wire.Load) -> Child:
        """A running process; its first frame says how the load went."""


def interpreter() -> str:
    """The program to run. In a Windows venv `python.exe` only starts the real one, which would outlive a kill
    and keep its GPU memory (so does CPython's multiprocessing.popen_spawn_win32)."""
    return str(getattr(sys, "_base_executable", sys.executable)) if _is_redirected() else sys.executable


def interpreter_env() -> dict[str, str]:
    """What makes the real interpreter know its venv."""
    return {"__PYVENV_LAUNCHER__": sys.executable} if _is_redirected() else {}


def _is_redirected() -> bool:
    return sys.platform == "win32" and getattr(sys, "_base_executable", sys.executable) != sys.executable


class ChildProcess:
    """The real `Child`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        self._process = process
        self._stdin, self._stdout, self._stderr = process.stdin, process.stdout, process.stderr
        self._frames = wire.FrameReader()
        self._messages: deque[wire.AnyMessage] = deque()
        self._last_words = b""
        self._listener = asyncio.create_task(self._listen(), name=f"stderr of child {process.pid}")

    @classmethod
    async def spawn(cls, load: wire.Load, env: Mapping[str, str] | None = None) -> Self:
        """A fresh interpreter (-P: the current folder must not shadow modules)."""
        process = await asyncio.create_subprocess_exec(
            interpreter(),
            *("-P", "-m", "tts_node.life.child"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **interpreter_env(), **(env or {})},
            creationflags=_CREATION_FLAGS,
        )
        child = cls(process)
        child.send(load)
        return child

    def __repr__(self) -> str:
        return f"<ChildProcess pid={self.pid} returncode={self._process.returncode}>"

    @property
    def pid(self) -> int:
        """Of the operating system."""
        return self._process.pid

    def send(self, message: wire.AnyMessage) -> None:
        """Writes a frame into the pipe's buffer (bounded: one job and its cancellation at a time)."""
        if not self._stdin.is_closing():
            self._stdin.write(wire.encode(message))

    async def receive(self) -> wire.AnyMessage:
        """The next frame."""
        while not self._messages:
            data = await self._stdout.read(_READ_BYTES)
            if not data:
                raise ChildEnded(await self._how_it_ended())
            self._messages.extend(self._frames.feed(data))
        return self._messages.popleft()

    def kill(self) -> None:
        """SIGKILL or its like."""
        if self._process.returncode is None:
            self._process.kill()
            asyncio.get_running_loop().call_later(_KILL_GRACE_S, self._give_up)

    async def gone(self) -> None:
        """Waits for the process."""
        await self._process.wait()

    async def end(self) -> None:
        """Ends stdin, which the child obeys at once, and kills a child that does not."""
        self._stdin.close()
        if not await self._is_gone_within(_END_GRACE_S):
            self.kill()
            await self._is_gone_within(_KILL_GRACE_S)
        with contextlib.suppress(TimeoutError):  # a process of the library's own may hold stderr open
            async with asyncio.timeout(_END_GRACE_S):
                await self._listener

    async def _is_gone_within(self, grace_s: float) -> bool:
        try:
            async with asyncio.timeout(grace_s):
                await self._process.wait()
        except TimeoutError:
            return False
        return True

    def _give_up(self) -> None:
        if self._process.returncode is None:
            log.error("child %d does not die; leaving it to the operating system", self.pid)
            self._stdout.feed_eof()

    async def _how_it_ended(self) -> str:
        if not await self._is_gone_within(_END_GRACE_S):
            return "it closed its pipe"
        code = self._process.returncode
        assert code is not None
        return ending_of(code)

    async def _listen(self) -> None:
        while data := await self._stderr.read(_READ_BYTES):
            self._last_words = (self._last_words + data)[-_LAST_WORDS_BYTES:]
        if self._process.returncode not in (0, None) and self._last_words:
            log.warning("child %d said: %s", self.pid, self._last_words.decode(errors="replace").strip())
