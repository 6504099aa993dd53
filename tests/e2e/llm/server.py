"""A real LLM server for tests: `transformers serve` with a tiny model, as a process of its own.

Imported by the router's tests; needs nothing of the server's environment but its interpreter.
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

# A slash on purpose: names such as hf.co/x/y must not be taken for provider/model.
MODEL = "e2e/tiny-llama"
START_DEADLINE_S = 120.0  # measured: 7 s; the first start on a cold disk compiles thousands of files
LOG_TAIL_LINES = 40

ROOT = Path(__file__).resolve().parents[3]
PYTHON = ROOT / ".venv-llm" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
LAUNCHER = Path(__file__).with_name("launcher.py")
LISTENING = re.compile(r"Uvicorn running on http://([\d.]+):(\d+)")


class LlmServerError(RuntimeError):
    """The server did not come up; the message ends with the tail of its log."""


@dataclass(frozen=True, slots=True)
class LlmServer:
    """`base_url` has no /v1; `model` is the name to ask for, which replies repeat as `<model>@main`."""

    host: str
    port: int
    model: str
    pid: int
    log: Path

    @property
    def base_url(self) -> str:
        return f"http://{self.host}:{self.port}"


@contextmanager
def real_llm_server(tmp_path: Path) -> Iterator[LlmServer]:
    """The server, ready to answer, with its model loaded. A second server on the same path reuses the model."""
    if not PYTHON.exists():
        raise LlmServerError("The environment of the LLM server is missing: run `make .venv-llm/.ready` first.")
    tmp_path.mkdir(parents=True, exist_ok=True)
    log = tmp_path / "llm-server.log"
    cache = tmp_path / "hub"
    with log.open("wb") as log_file:
        process = subprocess.Popen(
            [PYTHON, LAUNCHER, cache, MODEL],
            stdin=subprocess.PIPE,  # never written: its end tells the server that its parent is gone
            stdout=log_file,
            stderr=subprocess.STDOUT,
            env=server_environment(cache),
            start_new_session=True,
        )
    try:
        host, port = wait_until_ready(process, log)
        yield LlmServer(host=host, port=port, model=MODEL, pid=process.pid, log=log)
    finally:
        stop(process)


def server_environment(cache: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "PYTHON"))}
    return inherited | {
        "HF_HOME": str(cache.parent),
        "HF_HUB_CACHE": str(cache),
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        # One thread: the same sums in the same order on every machine, and the other cores stay free.
        "OMP_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONUNBUFFERED": "1",
    }


def wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> tuple[str, int]:
    """Host and port from uvicorn's own log line, so that no port is picked twice; then one good /health."""
    deadline_s = time.monotonic() + START_DEADLINE_S
    while time.monotonic() < deadline_s:
        listening = LISTENING.search(log.read_text(errors="replace"))
        if listening is not None:
            host, port = listening[1], int(listening[2])
            httpx.get(f"http://{host}:{port}/health", timeout=START_DEADLINE_S, trust_env=False).raise_for_status()
            return host, port
        if process.poll() is not None:
            raise LlmServerError(f"The LLM server ended with {process.returncode} as it started.\n{tail(log)}")
        time.sleep(0.05)
    raise LlmServerError(f"The LLM server was not ready after {START_DEADLINE_S:.0f} s.\n{tail(log)}")


def tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join(["The end of its log:", *lines[-LOG_TAIL_LINES:]])


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends the server and whatever it started: its own session is its process group. Nothing is to be saved."""
    if process.poll() is None:  # not reaped yet, so that the number still means this process
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        process.stdin.close()
