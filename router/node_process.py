"""A tts-node as a child process: started, watched, started again when it dies, ended with the router."""

import asyncio
import contextlib
import logging
import os
import shutil
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

_log = logging.getLogger(__name__)
_BESIDE: Final = Path(__file__).parents[1] / "tts-node" / ".venv"
# The gaming PC's key; the local node listens on loopback and needs none.
_NOT_FOR_THE_NODE: Final = frozenset({"TTS_NODE_API_KEY"})
READY_WITHIN_S: Final = 20.0
STOP_WITHIN_S: Final = 10.0
FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 10.0


def node_command() -> list[str] | None:
    """How to start a tts-node: the one installed beside the router, else the one on the PATH."""
    name = "tts-node.exe" if sys.platform == "win32" else "tts-node"
    beside = _BESIDE / ("Scripts" if sys.platform == "win32" else "bin") / name
    if beside.exists():
        return [str(beside)]
    found = shutil.which("tts-node")
    return [found] if found else None


class NodeProcess:
    """The child. `running()` owns it."""

    def __init__(self, command: Sequence[str], port: int) -> None:
        self._command = [*command, "serve", "--host", "127.0.0.1", "--port", str(port), "--exit-with-stdin"]
        self._port = port

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep a node running for as long as the block lasts. Waits, within bounds, until it answers."""
        keeper = asyncio.get_running_loop().create_task(self._keep(), name="tts-node")
        try:
            await self._wait_until_it_listens(keeper)
            yield
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)

    async def _keep(self) -> None:
        pause_s = FIRST_PAUSE_S
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            try:
                status = await self._run_once()
            except OSError as exc:  # it would not start the next time either
                _log.error("the local tts-node cannot be started: %s (%s)", exc.strerror or exc, self._command[0])
                return
            if loop.time() - started > LONGEST_PAUSE_S:
                pause_s = FIRST_PAUSE_S
            _log.warning("the local tts-node ended (%s); starting it again in %.1f s", status, pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _run_once(self) -> int:
        # A session of its own: Ctrl-C reaches only the router, which then ends the node in order. A pipe that
        # nobody writes to: when the router is killed it closes, and the node ends by itself.
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if name not in _NOT_FOR_THE_NODE},
            start_new_session=sys.platform != "win32",
        )
        try:
            return await process.wait()
        finally:
            await _ended(process)

    async def _wait_until_it_listens(self, keeper: "asyncio.Task[None]") -> None:
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                while not keeper.done() and not await _listens(self._port):  # noqa: ASYNC110  its port is no event
                    await asyncio.sleep(0.05)
        except TimeoutError:
            _log.warning("the local tts-node does not answer yet; going on without it")


async def _ended(process: asyncio.subprocess.Process) -> None:
    """End a process that may still run, first asking, then not."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_WITHIN_S):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        async with asyncio.timeout(0.5):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
