"""Children of a node killed at random moments, while mixed requests come in: what every client got.

`python kills.py 50` does it fifty times and prints the report.
"""

import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

SUPPORT = Path(__file__).parent
DEADLINE_S = 60.0  # of one request; the node's own, below, are shorter
FLAGS = ("--queue-wait-s", "15", "--watchdog-s", "10", "--load-timeout-s", "15", "--cancel-grace-s", "5")
CLIENTS = 6
_MOMENT_S = 0.3

SHORT = "audio audio."
LONG = " ".join(["Audio audio audio audio."] * 4)  # 24 characters each: pieces of one sentence
SOUND_BYTES, PAUSE_BYTES = 4800, 9600  # of a word, and between two pieces

REQUESTS: tuple[dict[str, Any], ...] = (
    {"model": "one", "input": SHORT},
    {"model": "one", "input": LONG, "priority": "batch", "stream": False},
    {"model": "one", "input": LONG, "stream": True},
    {"model": "two", "input": SHORT},
    {"model": "small", "input": LONG, "stream": True, "priority": "batch"},
    {"model": "small", "input": SHORT, "seed": 7},
)
# What a client may be told instead of sound, each with Retry-After. Anything else is a fault.
RETRYABLE = {"engine_crashed", "no_room", "queue_timeout", "queue_full", "load_failed"}


@dataclass
class Report:
    """What happened."""

    kills: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    node_restarts: int = 0
    children_left: int = 0
    retries: float = 0.0
    evictions: float = 0.0
    took_s: float = 0.0


class FakeNode:
    """`fake_node.py` as a process."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self.process = process
        self.url = url

    @property
    def children(self) -> list[int]:
        """The pids of its children, also of one that still loads."""
        text = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in text.split()]


async def start(folder: Path, *flags: str) -> FakeNode:
    """A node whose voices and caches are in that folder."""
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(SUPPORT / "fake_node.py"),
            *("--voices-dir", str(folder / "voices"), "--cache-dir", str(folder / "cache")),
            *flags,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    assert process.stdout
    line = (await process.stdout.readline()).decode()
    assert "http://" in line, (folder / "log").read_text()
    return FakeNode(process, line.split(" listens on ")[1].split()[0])


class Client:
    """Asks for one thing over and over, and looks hard at what it gets."""

    def __init__(self, url: str, body: dict[str, Any], report: Report, heard: asyncio.Condition) -> None:
        self._url = url
        self._body = {"response_format": "pcm", "voice": "alloy"} | body
        self._report = report
        self._heard = heard
        words = str(body["input"]).lower().count("audio")
        pauses = str(body["input"]).count(".") - 1
        self._expected_bytes = words * SOUND_BYTES + pauses * PAUSE_BYTES

    async def run(self) -> None:
        """Until it is cancelled."""
        async with httpx.AsyncClient(base_url=self._url, timeout=DEADLINE_S, trust_env=False) as http:
            while True:
                started_s = time.monotonic()
                outcome = await self._ask(http)
                self._report.slowest_s = max(self._report.slowest_s, time.monotonic() - started_s)
                async with self._heard:
                    self._report.outcomes[outcome] += 1
                    self._heard.notify_all()
                if outcome not in ("whole", "cut"):
                    await asyncio.sleep(0.2)  # a client that heeds Retry-After would wait longer

    async def _ask(self, http: httpx.AsyncClient) -> str:
        try:
            reply = await http.post("/v1/audio/speech", json=self._body)
        except httpx.RemoteProtocolError:
            if self._body.get("stream"):
                return "cut"
            return self._fault("a whole reply was cut")
        except httpx.HTTPError as exc:
            return self._fault(f"{type(exc).__name__}")
        if reply.status_code == 200:
            size = len(reply.content)
            return "whole" if size == self._expected_bytes else self._fault(f"{size}, not {self._expected_bytes}")
        code = reply.json()["error"]["code"]
        if code in RETRYABLE and "Retry-After" in reply.headers:
            return str(code)
        return self._fault(f"{reply.status_code} {reply.text}")

    def _fault(self, what: str) -> str:
        self._report.faults.append(f"{self._body}: {what}")
        return "fault"


async def kill_children(kills: int, seed: int) -> Report:
    """A node, its clients, and that many kills; in the end every model must speak, and no child must be left."""
    report, heard, chance = Report(), asyncio.Condition(), random.Random(seed)
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        node = await start(Path(name), *FLAGS)
        try:
            clients = [Client(node.url, REQUESTS[n % len(REQUESTS)], report, heard) for n in range(CLIENTS)]
            tasks = [asyncio.create_task(client.run()) for client in clients]
            for _ in range(kills):
                await _kill_one(node, report, heard, chance)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            for task in tasks:
                if not task.cancelled():
                    report.faults.append(repr(task.exception()))
            await _epilogue(node, report)
        finally:
            if node.process.returncode is None:
                node.process.kill()
            await node.process.wait()
    report.took_s = time.monotonic() - started_s
    return report


async def _kill_one(node: FakeNode, report: Report, heard: asyncio.Condition, chance: random.Random) -> None:
    spoken = report.outcomes["whole"]
    async with asyncio.timeout(DEADLINE_S), heard:
        await heard.wait_for(lambda: report.outcomes["whole"] > spoken)
    await asyncio.sleep(chance.random() * _MOMENT_S)  # the random moment itself
    children = await asyncio.to_thread(_children_of, node)
    os.kill(chance.choice(children), signal.SIGKILL)
    report.kills += 1


def _children_of(node: FakeNode) -> list[int]:
    """At least one: a next request starts it."""
    end_s = time.monotonic() + DEADLINE_S
    while not (children := node.children):
        assert time.monotonic() < end_s, "no child comes up"
        time.sleep(0.005)
    return children


async def _epilogue(node: FakeNode, report: Report) -> None:
    async with httpx.AsyncClient(base_url=node.url, timeout=DEADLINE_S, trust_env=False) as http:
        for model in ("one", "two", "small"):
            for _ in range(2):  # one that was killed several times in its loads says when it may be tried again
                reply = await http.post("/v1/audio/speech", json={"model": model, "input": SHORT})
                if reply.status_code == 200:
                    break
                await asyncio.sleep(int(reply.headers["Retry-After"]))
            else:
                report.faults.append(f"afterwards {model}: {reply.status_code} {reply.text}")
        text = (await http.get("/metrics")).text
    report.retries = _sum(text, "tts_node_retries_total")
    report.evictions = _sum(text, "tts_node_evictions_total")
    report.node_restarts = int(node.process.returncode is not None)
    children = node.children
    node.process.send_signal(signal.SIGTERM)
    await node.process.wait()
    report.children_left = sum(map(_is_there, children))


def _is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def _sum(text: str, name: str) -> float:
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(vars(asyncio.run(kill_children(int(sys.argv[1]), seed=7)))) + "\n")
