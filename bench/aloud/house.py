"""What is measured: this working copy's router before a real tts-node, both processes on a core of their own."""

import asyncio
import http.client
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.aloud.model import MODEL, Writer
from bench.contenders import REPOSITORY
from bench.processes import running
from router.drill.ports import free_port

NODE: Final = REPOSITORY / "tts-node" / ".venv" / "bin" / "tts-node"
_UP_WITHIN_S: Final = 30.0
_CONFIG: Final = """\
server: {{port: {port}}}
providers:
  writer: {{kind: openai, url: "http://127.0.0.1:{writer_port}/v1"}}
  node: {{kind: tts-node, url: "http://127.0.0.1:{node_port}"}}
cache: {{enabled: false}}
"""


class CannotMeasure(Exception):
    """Something that is measured does not come up; its message is for people."""


@dataclass(frozen=True, slots=True)
class House:
    """A router that runs, and the language model behind it."""

    port: int
    router_pid: int
    writer: Writer


@asynccontextmanager
async def house(folder: Path, simulate: str) -> AsyncIterator[House]:
    """All of it, its logs in `folder`; the node speaks as `simulate` says (`tts-node serve --simulate`).

    Raises CannotMeasure.
    """
    if not NODE.exists():
        raise CannotMeasure("The tts-node's environment is missing: run `make tts-node/.venv/.run` first.")
    port, node_port, writer_port = free_port(), free_port(), free_port()
    config = folder / "router.yaml"
    config.write_text(_CONFIG.format(port=port, node_port=node_port, writer_port=writer_port))
    node = [str(NODE), "serve", "--port", str(node_port), "--simulate", simulate]
    router = [sys.executable, "-m", "router", "serve", "--config", str(config)]
    cores = sorted(os.sched_getaffinity(0))
    writer = Writer()
    async with writer.listening(writer_port):
        with ExitStack() as stack:
            log = stack.enter_context((folder / "log").open("wb"))
            stack.enter_context(running(node, cores[-1], log, REPOSITORY))
            await asyncio.to_thread(_wait_for, node_port, "/health", folder)
            pid = stack.enter_context(running(router, cores[0], log, REPOSITORY))
            await asyncio.to_thread(_wait_for, port, f"/v1/models/{MODEL}", folder)
            await asyncio.to_thread(_wait_for, port, "/ready", folder)
            yield House(port, pid, writer)


def _wait_for(port: int, path: str, folder: Path) -> None:
    ends_s = time.monotonic() + _UP_WITHIN_S
    while _status(port, path) != 200:
        if time.monotonic() > ends_s:
            log = (folder / "log").read_text(errors="replace")[-2000:]
            raise CannotMeasure(f"Nothing answers {path} on port {port}. The log:\n{log}")
        time.sleep(0.1)


def _status(port: int, path: str) -> int | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()
