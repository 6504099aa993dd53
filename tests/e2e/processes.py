"""Routers, tts-nodes and scripted upstreams as processes of their own, ended by their pid with the block.

Every process dies with pytest, however that ends (`bound.py`). What each one wrote is in a log, which
`process_logs.py` shows beside a failed test.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx

from router.drill.ports import free_port as free_port  # for the tests, too

ROOT: Final = Path(__file__).resolve().parents[2]
BOUND: Final = Path(__file__).with_name("bound.py")
UPSTREAM: Final = Path(__file__).with_name("upstream.py")
# The router's environment, for tests that run in another (tests/clients).
_OWN: Final = ROOT / ".venv" / "bin" / "python"
PYTHON: Final = str(_OWN) if _OWN.exists() else sys.executable
NODE: Final = ROOT / "tts-node" / ".venv" / "bin" / "tts-node"
DEMO: Final = "providers:\n  demo: {kind: demo, words_per_s: 500}\n"  # the shortest configuration that serves
START_DEADLINE_S: Final = 60.0  # guards against what would hang, as the next: nothing waits for them
STOP_DEADLINE_S: Final = 60.0
POLL_S: Final = 0.01
# A setting of the shell that runs the tests must not reach what is tested.
NOT_INHERITED: Final = (
    "ROUTER_",
    "TTS_",
    "GAMING_PC",
    "LOCAL_",
    "CHATTERBOX_",
    "CHATTTS_",
    "PYTHONWARNINGS",
)
T = TypeVar("T")

# One for all, because making one costs 30 ms; without keep-alive, so that no test leaves a connection to another.
http: Final = httpx.Client(trust_env=False, timeout=60.0, limits=httpx.Limits(max_keepalive_connections=0))
running: list["Process"] = []
_caches: Final = tempfile.TemporaryDirectory(prefix="caches-")  # of this run's processes; removed with it


@dataclass(slots=True)
class Process:
    """A process under test. `port` is where it listens on 127.0.0.1."""

    name: str
    popen: subprocess.Popen[bytes]
    port: int
    log: Path
    log_from: int = field(default=0)

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        """What it wrote so far."""
        return self.log.read_text(errors="replace")[self.log_from :]

    @property
    def is_alive(self) -> bool:
        return self.popen.poll() is None

    def signal(self, number: int) -> None:
        if self.is_alive:  # not reaped yet, so that the number still means this process
            self.popen.send_signal(number)

    def kill(self) -> float:
        """SIGKILL, and wait until it is gone; when the signal went out (monotonic)."""
        at = time.monotonic()
        self.signal(signal.SIGKILL)
        self.popen.wait(STOP_DEADLINE_S)
        return at

    def exit_status(self, deadline_s: float = STOP_DEADLINE_S) -> int:
        """Its exit status, once it has ended by itself."""
        return self.popen.wait(deadline_s)

    def get(self, path: str) -> httpx.Response:
        return http.get(self.base_url + path)


def wait_until(what: str, is_so: Callable[[], T], deadline_s: float = START_DEADLINE_S) -> T:
    """The first truthy answer of `is_so`; a failure that says `what` never came."""
    deadline = time.monotonic() + deadline_s
    while True:
        if answer := is_so():
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {deadline_s:g} s: {what}")
        time.sleep(POLL_S)


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a process under test: this one's without what would configure it, a cache of its own, and
    `more`."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(NOT_INHERITED)}
    own = {"PYTHONUNBUFFERED": "1", "XDG_CACHE_HOME": str(Path(_caches.name) / uuid.uuid4().hex)}
    return inherited | own | dict(more or {})


@contextmanager
def started(
    name: str,
    command: Sequence[str | Path],
    port: int,
    folder: Path,
    *,
    env: Mapping[str, str] | None = None,
    is_ready: Callable[[Process], bool],
    own_group: bool = False,
) -> Iterator[Process]:
    """`command` as a process, from ready to gone. Its log grows when the same name starts again."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{name}.log"
    log_from = log.stat().st_size if log.exists() else 0
    with log.open("ab") as log_file:
        popen = subprocess.Popen(
            [sys.executable, "-I", "-S", BOUND, *command],
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=subprocess.STDOUT,
            env=environment(env),
            cwd=ROOT,
            start_new_session=own_group,
        )
    process = Process(name, popen, port, log, log_from)
    running.append(process)
    try:
        wait_until(f"{name} is up", lambda: is_ready(process) or not process.is_alive)
        if not process.is_alive:
            raise AssertionError(f"{name} ended with {popen.returncode} as it started:\n{process.output[-4000:]}")
        yield process
    finally:
        end(process)
        running.remove(process)


def end(process: Process) -> None:
    """Ask it to end, then make it."""
    process.signal(signal.SIGTERM)
    try:
        process.popen.wait(STOP_DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"{process.name} did not end within {STOP_DEADLINE_S:g} s of SIGTERM") from None


def answers(path: str) -> Callable[[Process], bool]:
    """Whether GET `path` gives 200."""

    def is_ready(process: Process) -> bool:
        try:
            return process.get(path).status_code == 200
        except httpx.TransportError:
            return False

    return is_ready


def start_router(
    config_text: str,
    folder: Path,
    *flags: str,
    env: Mapping[str, str] | None = None,
    port: int | None = None,
    name: str = "router",
) -> AbstractContextManager[Process]:
    """`local-ai-router serve` with this configuration, once it is ready to serve."""
    port = free_port() if port is None else port
    config = written(config_text, folder, name)
    command: list[str | Path] = [
        PYTHON,
        "-m",
        "router",
        "serve",
        "--config",
        config,
        "--port",
        str(port),
        *flags,
    ]
    return started(name, command, port, folder, env=env, is_ready=answers("/ready"))


def start_node(
    folder: Path,
    *flags: str,
    env: Mapping[str, str] | None = None,
    port: int | None = None,
    name: str = "node",
) -> AbstractContextManager[Process]:
    """`tts-node serve`, once it answers."""
    if not NODE.exists():
        raise AssertionError("The tts-node's environment is missing: run `make tts-node/.venv/.run` first.")
    port = free_port() if port is None else port
    command: list[str | Path] = [NODE, "serve", "--port", str(port), *flags]
    return started(name, command, port, folder, env=env, is_ready=answers("/health"))


def start_upstream(
    folder: Path, *models: str, port: int | None = None, name: str = "upstream"
) -> AbstractContextManager[Process]:
    """The scripted LLM server of `upstream.py`, once it answers."""
    port = free_port() if port is None else port
    command: list[str | Path] = [sys.executable, "-S", UPSTREAM, str(port), name, *models]
    return started(name, command, port, folder, is_ready=answers("/v1/models"))


def start_vendor(
    vendor: str, folder: Path, mode: str = "well", *, port: int | None = None
) -> AbstractContextManager[Process]:
    """The fake of `tests/vendors/VENDOR.py`, once it answers. See `vendors.server` for its modes."""
    port = free_port() if port is None else port
    command = [sys.executable, "-m", "vendors.server", vendor, str(port), mode]
    env = {"PYTHONPATH": str(ROOT / "tests")}
    return started(vendor, command, port, folder, env=env, is_ready=answers("/_asked"))


def start_up(
    config: Path | None,
    folder: Path,
    port: int,
    tts_port: int,
    *flags: str,
    env: Mapping[str, str] | None = None,
) -> AbstractContextManager[Process]:
    """`local-ai-router up`, once it has printed its greeting; in a process group of its own, for Ctrl-C."""
    command: list[str | Path] = [
        PYTHON,
        "-m",
        "router",
        "up",
        "--port",
        str(port),
        "--tts-port",
        str(tts_port),
        *flags,
    ]
    command += ["--config", str(config)] if config is not None else []
    is_ready = answers("/ready")
    return started(
        "up",
        command,
        port,
        folder,
        env=env,
        is_ready=lambda process: is_ready(process) and "/v1/chat/completions" in process.output,
        own_group=True,
    )


def run_command(
    *arguments: str | Path, env: Mapping[str, str] | None = None, cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """`local-ai-router …` to its end."""
    return subprocess.run(
        [sys.executable, "-I", "-S", BOUND, PYTHON, "-m", "router", *arguments],
        capture_output=True,
        text=True,
        env=environment(env),
        cwd=cwd,
        timeout=START_DEADLINE_S,
        check=False,
    )


def provider_rows(router: Process) -> list[dict[str, Any]]:
    """What a router tells its administrator of each provider."""
    rows: list[dict[str, Any]] = router.get("/admin/providers").json()["providers"]
    return rows


def written(config_text: str, folder: Path, name: str = "router") -> Path:
    """The text as a configuration file."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / f"{name}.yaml"
    config.write_text(config_text)
    return config


def children_of(pid: int) -> list[int]:
    """Pids of the direct children that live (proc(5): the fourth field of stat is the parent)."""
    return [child for child, parent, state in processes() if parent == pid and state != "Z"]


def descendants_of(pid: int) -> list[int]:
    """Pids of everything below a process."""
    children = children_of(pid)
    return children + [below for child in children for below in descendants_of(child)]


def is_running(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    return any(one == pid and state != "Z" for one, _, state in processes())


def processes() -> Iterator[tuple[int, int, str]]:
    """Pid, parent and state of every process."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue  # it ended in this moment
        state, parent = text.rpartition(")")[2].split()[:2]
        yield int(stat.parent.name), int(parent), state
