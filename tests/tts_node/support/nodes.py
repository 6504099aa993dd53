"""Real nodes for tests: their own process on a free port, or in the test's own loop with fake engines."""

import asyncio
import functools
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from fakes import FAKE
from tts_node.app import App
from tts_node.commands.serve import Server, bind, url_of
from tts_node.engines import EngineDescriptor
from tts_node.life.process import ChildProcess
from tts_node.settings import read_settings

DEADLINE_S = 60.0  # a guard against what would hang; nothing waits for it
SUPPORT = Path(__file__).parent
LONG = (
    "It was a bright cold day in April, and the clocks were striking thirteen. The quick brown fox jumps over "
    "the lazy dog, and then it comes back to see whether the dog has noticed. It has not, of course; "
    "dogs of that kind sleep well."
)


def is_running(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def eventually(condition: Callable[[], bool], timeout_s: float = DEADLINE_S) -> bool:
    """Polls what offers no event (another process's state); False after the deadline."""
    end_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.01)
    return True


class RunningNode:
    """`tts-node serve` as a process. Leaving kills it."""

    def __init__(self, *flags: str, **env: str) -> None:
        self._log = tempfile.TemporaryFile("w+b")  # noqa: SIM115  closed in __exit__
        self._voices = tempfile.TemporaryDirectory()  # not this user's own; closed in __exit__
        env = {"TTS_NODE_VOICES_DIR": self._voices.name} | env
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tts_node", "serve", "--port", "0", *flags],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={key: value for key, value in os.environ.items() if not key.startswith("TTS_NODE_")} | env,
        )
        assert self.process.stdout
        self.first_line = self.process.stdout.readline().decode()
        found = re.search(r"http://\S+", self.first_line)
        assert found, self.log
        self.url = found.group()
        self.client = httpx.Client(base_url=self.url, timeout=DEADLINE_S, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _exc: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.client.close()
        self.process.kill()
        self.process.wait()
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.stdout.close()
        self._log.close()
        self._voices.cleanup()

    @property
    def log(self) -> str:
        """Everything it logged. The file's position is the node's too, so it is not moved."""
        descriptor = self._log.fileno()
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode()

    @property
    def child_pid(self) -> int:
        """Of the child that came up last."""
        assert eventually(lambda: " child " in self.log)  # an answer may overtake the line
        return int(re.findall(r"up in .* child (\d+)", self.log)[-1])

    def speak(self, **body: Any) -> httpx.Response:
        """POST /v1/audio/speech; `input` may be left out."""
        return self.client.post("/v1/audio/speech", json={"input": "Hello there, how are you?"} | body)

    def health(self) -> Any:
        """GET /health."""
        return self.client.get("/health").json()

    def metric(self, sample: str) -> float:
        """One sample of /metrics, with its labels."""
        for line in self.client.get("/metrics").text.splitlines():
            name, _, value = line.rpartition(" ")
            if name == sample:
                return float(value)
        raise AssertionError(f"no sample {sample}")

    @contextmanager
    def events(self) -> Iterator[Iterator[Any]]:
        """GET /events, parsed."""
        with self.client.stream("GET", "/events") as response:
            assert response.status_code == 200
            yield (json.loads(line[6:]) for line in response.iter_lines() if line.startswith("data: "))

    def wait_for_state(self, state: str) -> Any:
        """The first beat that shows it."""
        end_s = time.monotonic() + DEADLINE_S
        with self.events() as events:
            for beat in events:
                if beat["state"] == state:
                    return beat
                assert time.monotonic() < end_s, f"never {state}"
        raise AssertionError(f"goodbye before {state}")

    def terminate(self) -> int:
        """SIGTERM, and the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE_S)


class QuietServer(Server):
    """A server in the test's own process: no signals, no URL line."""

    def capture_signals(self) -> Any:
        """The test runner keeps its own."""
        return contextmanager(lambda: iter((None,)))()


@asynccontextmanager
async def hosted(descriptor: EngineDescriptor = FAKE, **env: str) -> AsyncIterator[tuple[App, httpx.AsyncClient]]:
    """An App with a fake engine in real child processes, behind a real socket of this process."""
    with tempfile.TemporaryDirectory() as folder:  # the voices of this user stay out of it
        given = {f"TTS_NODE_{key.upper()}": value for key, value in env.items()}
        settings = read_settings({}, {"TTS_NODE_PORT": "0", "TTS_NODE_VOICES_DIR": folder} | given)
        launch = functools.partial(ChildProcess.spawn, env={"PYTHONPATH": str(SUPPORT)})
        app = App(settings, registry={settings.engine: descriptor}, launch=launch)
        listener = bind(settings.host, settings.port)
        server = QuietServer(app)
        async with app:
            serving = asyncio.create_task(server.serve([listener]))
            client = httpx.AsyncClient(base_url=url_of(listener), timeout=DEADLINE_S, trust_env=False)
            try:
                async with client:
                    yield app, client
            finally:
                server.should_exit = True
                server.force_exit = True
                await serving
