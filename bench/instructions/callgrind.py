"""The router under valgrind's callgrind, and how it is told when to count.

Counting is off while the router starts, which then takes a few seconds and not a minute. Later it is told through
vgdb, valgrind's own channel (valgrind manual §6.2.2 and §3.2.9), what to begin and end: so one start serves all
cases, and no start-up has to be subtracted.
"""

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from bench import shipped
from bench.instructions.cases import CASES
from bench.instructions.client import BadAnswer, connected
from bench.processes import end
from bench.servers import REPOSITORY
from router.api.admission import new_key
from router.drill.ports import free_port

LOG: Final = "router.log"
_START_WITHIN_S: Final = 180.0
_END_WITHIN_S: Final = 30.0
_TOLD_WITHIN_S: Final = 60.0
_ROUTER: Final = ("-m", "bench.instructions.slowed", "serve", "--config")
_TOTALS: Final = re.compile(r"^totals: (\d+)", re.MULTILINE)


class CannotCount(Exception):
    """The message says what is missing or what went wrong."""


class CountedRouter:
    """A router that runs under callgrind. `key`: of a client that may chat."""

    def __init__(self, pid: int, port: int, key: str, directory: Path) -> None:
        self.port = port
        self.key = key
        self._pid = pid
        self._directory = directory
        self._dumps = 0

    async def begin(self) -> None:
        """Count from here."""
        await self._tell("zero")

    async def end(self, name: str) -> int:
        """Instructions of all threads since `begin`; callgrind's file of them is kept as `name`.callgrind."""
        await self._tell("dump", name)
        self._dumps += 1
        written = self._directory / f"callgrind.{self._dumps}"
        totals = _TOTALS.search(written.read_text())
        if totals is None:
            raise CannotCount(f"callgrind wrote no total into {written}.")
        written.replace(self._directory / f"{name}.callgrind")
        return int(totals[1])

    async def start_counting(self) -> None:
        """From now on code is translated for counting, which makes it slower."""
        await self._tell("instrumentation", "on")

    async def _tell(self, *command: str) -> None:
        """Raises CannotCount."""
        line = ["vgdb", f"--vgdb-prefix={self._directory}/vgdb", f"--pid={self._pid}", *command]
        try:
            said = await asyncio.to_thread(
                subprocess.run, line, capture_output=True, text=True, timeout=_TOLD_WITHIN_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise CannotCount(f"The router under valgrind does not react to vgdb: {' '.join(line)}") from error
        if said.returncode != 0:
            raise CannotCount(f"{' '.join(line)} failed: {said.stderr.strip()}")


@contextlib.asynccontextmanager
async def counted_router(directory: Path, upstream_port: int) -> AsyncIterator[CountedRouter]:
    """This working copy's router, answering. callgrind's files and the log go to `directory`.

    Raises CannotCount, and what asking it raises when it does not come up.
    """
    for tool in ("valgrind", "vgdb"):
        if shutil.which(tool) is None:
            raise CannotCount(f"{tool} is missing: sudo apt-get install valgrind")
    port, (key, _) = free_port(), new_key()
    config = directory / shipped.CONFIG
    config.write_text(shipped.configuration(port, _settings(upstream_port, key)))
    with (directory / LOG).open("wb") as log:
        process = subprocess.Popen(  # noqa: ASYNC220, S603  it only starts; ours
            [*_valgrind(directory), sys.executable, *_ROUTER, str(config)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONHASHSEED": "0"},  # or dicts collide differently each time
            process_group=0,
        )
    try:
        await _until_it_answers(process, port, key)
        router = CountedRouter(process.pid, port, key, directory)
        await router.start_counting()
        await _until_it_answers(process, port, key)
        yield router
    finally:
        await asyncio.to_thread(end, process, _END_WITHIN_S)


def _settings(upstream_port: int, key: str) -> dict[str, object]:
    """Keys, metrics, health and the log are on, as shipped, and a second machine stands by. Probes are on too, but
    so far apart that none falls into the count: here a second holds few requests, and in real life thousands. A
    dial may take its time, for so does everything here."""
    machine = {
        "kind": "openai",
        "url": f"http://127.0.0.1:{upstream_port}/v1",
        "probe_interval_s": 3600,
        "connect_s": 60,
    }
    return {
        "providers": {
            "gaming-pc": {**machine, "tier": 1},
            "fallback": {**machine, "tier": 2},
            "demo": {"kind": "demo"},
        },
        "clients": {
            "bench": shipped.client(key),
            "somebody-else": shipped.client(new_key()[0], role="admin"),
        },
    }


def _valgrind(directory: Path) -> list[str]:
    return [
        "valgrind",
        "--tool=callgrind",
        "--instr-atstart=no",
        f"--callgrind-out-file={directory}/callgrind",
        f"--vgdb-prefix={directory}/vgdb",
    ]


async def _until_it_answers(process: subprocess.Popen[bytes], port: int, key: str) -> None:
    deadline = time.monotonic() + _START_WITHIN_S
    request = CASES[0].request(key)
    while True:
        try:
            async with connected(port, 1) as (connection,):
                await connection.read_body(await connection.ask(request))
        except (OSError, EOFError, BadAnswer):
            if process.poll() is not None or time.monotonic() > deadline:
                raise  # whoever asked has its log
            await asyncio.sleep(0.1)
        else:
            return
