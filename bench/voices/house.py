"""What is measured: this working copy's router as shipped, on a core of its own; all else is on the other."""

import contextlib
import hashlib
import http.client
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.contenders import REPOSITORY, new_key
from bench.processes import running
from bench.voices.node import CHAT_MODEL
from router.drill.ports import free_port

_UP_WITHIN_S: Final = 30.0
# Keys, metrics, log, heartbeat and cache are on, as shipped.
_CONFIG: Final = """\
server: {{port: {port}}}
providers:
  node: {{kind: tts-node, url: "http://127.0.0.1:{node_port}"}}
  writer: {{kind: openai, url: "http://127.0.0.1:{chat_port}/v1"}}
clients:
  bench: {{key_sha256: "{key_sha256}"}}
cache: {{dir: "{folder}/cache"}}
speech: {{voices_dir: "{folder}/voices"}}
"""


class CannotMeasure(Exception):
    """Something is missing, does not come up or answers badly; the message says what."""


@dataclass(frozen=True, slots=True)
class House:
    """A router that runs."""

    port: int
    node_port: int
    router_pid: int
    key: str
    harness_core: int
    folder: Path

    def counts(self) -> dict[str, float]:
        """What the node has spoken until now."""
        counts: dict[str, float] = json.loads(_got(self.node_port, "/counts"))
        return counts

    def exposition(self) -> str:
        """The router's metrics."""
        return _got(self.port, "/metrics").decode()


@contextlib.contextmanager
def house(folder: Path) -> Iterator[House]:
    """All of it, its logs in `folder`. Raises CannotMeasure."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise CannotMeasure("Two cores are needed: one for the router, one for load and node.")
    port, node_port, chat_port = free_port(), free_port(), free_port()
    key, config = new_key(), folder / "router.yaml"
    key_sha256 = hashlib.sha256(key.encode()).hexdigest()
    config.write_text(
        _CONFIG.format(port=port, node_port=node_port, chat_port=chat_port, key_sha256=key_sha256, folder=folder)
    )
    node = [sys.executable, "-m", "bench.voices.node", str(node_port), str(chat_port)]
    router = [sys.executable, "-m", "router", "serve", "--config", str(config)]
    with contextlib.ExitStack() as stack:
        log = stack.enter_context((folder / "log").open("wb"))
        stack.enter_context(running(node, cores[-1], log, REPOSITORY))
        _wait_for(node_port, "/health", key, folder)
        pid = stack.enter_context(running(router, cores[0], log, REPOSITORY))
        _wait_for(port, f"/v1/models/{CHAT_MODEL}", key, folder)
        _wait_for(port, "/ready", key, folder)
        yield House(port, node_port, pid, key, cores[-1], folder)


def _wait_for(port: int, path: str, key: str, folder: Path) -> None:
    ends_s = time.monotonic() + _UP_WITHIN_S
    while True:
        try:
            _got(port, path, key)
        except (OSError, http.client.HTTPException, CannotMeasure) as exc:
            if time.monotonic() > ends_s:
                log = (folder / "log").read_text(errors="replace")[-2000:]
                raise CannotMeasure(f"{exc}. The log:\n{log}") from exc
            time.sleep(0.1)
        else:
            return


def _got(port: int, path: str, key: str = "") -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"} if key else {})
        answer = connection.getresponse()
        said = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise CannotMeasure(f"{path} on port {port} answers with status {answer.status}: {said[:300]!r}")
    return said
