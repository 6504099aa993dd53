"""Servers that a benchmark starts: who runs on which core, and from when on they answer."""

import contextlib
import functools
import http.client
import os
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.processes import is_running, running
from router.drill.ports import free_port

REPOSITORY: Final = Path(__file__).parents[1]
_NODE: Final = REPOSITORY / "tts-node" / ".venv" / "bin" / "tts-node"
_UP_WITHIN_S: Final = 30.0
_GET_WITHIN_S: Final = 10.0
_LISTENS_POLL_S: Final = 0.002  # a start-up time is told to within this
_ANSWERS_POLL_S: Final = 0.1
_LOG_CHARS: Final = 2000


class CannotMeasure(Exception):
    """Something is missing, does not come up or answers badly; the message is for people."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Who runs where. Where one core is all that is left beside the gateway's, it is `load`."""

    gateway: int
    upstream: int
    load: int

    @classmethod
    def of_this_machine(cls) -> "Cores":
        """Raises CannotMeasure when there is only one."""
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            raise CannotMeasure("Two cores are needed: one for the gateway, one for load and upstream.")
        return cls(cores[0], cores[1], cores[2] if len(cores) > 2 else cores[1])

    @property
    def of_harness(self) -> int:
        return len({self.upstream, self.load})


@dataclass(frozen=True, slots=True)
class Server:
    """One that runs. `started_s`: from its start until it was up."""

    port: int
    pid: int
    log: Path
    started_s: float = 0.0


@contextlib.contextmanager
def server(
    command: Sequence[str],
    port: int,
    core: int,
    log: Path,
    *asked: str,
    key: str = "",
    within_s: float = _UP_WITHIN_S,
) -> Iterator[Server]:
    """`command`, running on `core` in this working copy. It is up when it listens on `port` and has answered each
    of the paths `asked` with a 200.

    Raises CannotMeasure with its log's end when it does not come to that.
    """
    began_s = time.monotonic()
    looks = [(functools.partial(_listens, port), "listens", _LISTENS_POLL_S)]
    looks += [(functools.partial(_answers, port, path, key), f"answers {path}", _ANSWERS_POLL_S) for path in asked]
    with log.open("wb") as file, running(command, core, file, REPOSITORY) as pid:
        for is_so, what, poll_s in looks:
            while not is_so():
                if not is_running(pid) or time.monotonic() > began_s + within_s:
                    said = log.read_text(errors="replace")[-_LOG_CHARS:]
                    raise CannotMeasure(f"Nothing {what} on port {port}. The log:\n{said}")
                time.sleep(poll_s)
        yield Server(port, pid, log, time.monotonic() - began_s)


@contextlib.contextmanager
def tts_node(core: int, log: Path, *flags: str) -> Iterator[Server]:
    """This working copy's tts-node, running. Raises CannotMeasure."""
    if not _NODE.exists():
        raise CannotMeasure("The tts-node's environment is missing: run `make tts-node/.venv/.run` first.")
    port = free_port()
    with server([str(_NODE), "serve", "--port", str(port), *flags], port, core, log, "/health") as it:
        yield it


def got(port: int, path: str, key: str = "") -> bytes:
    """What a GET is answered with. Raises CannotMeasure for all but a 200, OSError, HTTPException."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_GET_WITHIN_S)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"} if key else {})
        answer = connection.getresponse()
        said = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise CannotMeasure(f"{path} on port {port} answers with status {answer.status}: {said[:300]!r}")
    return said


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answers(port: int, path: str, key: str) -> bool:
    try:
        got(port, path, key)
    except (OSError, http.client.HTTPException, CannotMeasure):
        return False
    return True
