"""`python -m bench.speech`: what is said again, against a file; writes docs/benchmarks/speech-cache.md.

A hit is timed against the same bytes as a static file of the same server (Litestar on uvicorn with uvloop and
httptools) on the same core, over a kept connection each, in turns. Then a thousand clients ask for the same new
sentence at once, and the node tells how often it spoke.
"""

import asyncio
import collections
import contextlib
import http.client
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.contenders import REPOSITORY
from bench.machine import this_machine
from bench.processes import running
from bench.ratios import Estimate, ratio

ROUTER_PORT: Final = 18871
NODE_PORT: Final = 18872
FILE_PORT: Final = 18873
ROUNDS: Final = 15
REQUESTS: Final = 300
CROWD: Final = 1000
TEXT: Final = "The washing machine has finished. Please hang up the laundry before it begins to smell."
NEW_TEXT: Final = "A thousand people want to hear this sentence."  # one segment
SPEECH: Final = "/v1/audio/speech"
LIMIT: Final = 2.0  # times the file's p50
_READY_WITHIN_S: Final = 20.0
_CORE: Final = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """Medians of the rounds' p50 in seconds, their ratio, and what became of the crowd."""

    size: int
    hit_s: float
    file_s: float
    ratio: Estimate
    statuses: Mapping[int, int]
    generated: int
    crowd_s: float


def main() -> int:
    """Exit status 1 when a figure that must be met is missed."""
    with tempfile.TemporaryDirectory() as name, _servers(Path(name)):
        figures = _measured(Path(name))
    text = _report(figures)
    print(text)  # noqa: T201  a command
    (REPOSITORY / "docs" / "benchmarks" / "speech-cache.md").write_text(text)
    is_met = figures.ratio.median <= LIMIT and figures.generated == 1 and figures.statuses == {200: CROWD}
    return 0 if is_met else 1


def _measured(folder: Path) -> Figures:
    router, file = (http.client.HTTPConnection("127.0.0.1", port) for port in (ROUTER_PORT, FILE_PORT))
    audio = _asked(router, "POST", SPEECH, _body(TEXT))
    (folder / "files" / "said.mp3").write_bytes(audio)
    hits: list[float] = []
    files: list[float] = []
    for _ in range(ROUNDS):
        hits.append(_p50(router, "POST", SPEECH, _body(TEXT)))
        files.append(_p50(file, "GET", "/said.mp3", b""))
    assert _asked(file, "GET", "/said.mp3", b"") == _asked(router, "POST", SPEECH, _body(TEXT)) == audio
    before, began = _spoken(), time.monotonic()
    statuses = asyncio.run(_crowd())
    crowd_s = time.monotonic() - began
    middle = statistics.median
    return Figures(
        len(audio), middle(hits), middle(files), ratio(hits, files), statuses, _spoken() - before, crowd_s
    )


def _body(text: str) -> bytes:
    return json.dumps({"input": text}).encode()


def _asked(connection: http.client.HTTPConnection, method: str, path: str, body: bytes) -> bytes:
    connection.request(method, path, body)
    answer = connection.getresponse()
    content = answer.read()
    assert answer.status == 200, content
    return content


def _p50(connection: http.client.HTTPConnection, method: str, path: str, body: bytes) -> float:
    took_s = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        _asked(connection, method, path, body)
        took_s.append(time.perf_counter() - began)
    return statistics.median(took_s)


async def _crowd() -> dict[int, int]:
    """All ask at once, on a connection each; how many got which status."""
    body = _body(NEW_TEXT)
    head = f"POST {SPEECH} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"

    async def one() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", ROUTER_PORT)
        writer.write(head.encode() + body)
        answer = await reader.read(-1)
        writer.close()
        return int(answer.split(b" ", 2)[1])

    async with asyncio.timeout(60):
        return dict(collections.Counter(await asyncio.gather(*(one() for _ in range(CROWD)))))


def _spoken() -> int:
    """How many utterances the node has finished."""
    metrics = _asked(http.client.HTTPConnection("127.0.0.1", NODE_PORT), "GET", "/metrics", b"").decode()
    counts = [line.split()[-1] for line in metrics.splitlines() if line.startswith("tts_node_requests_total{")]
    return round(sum(map(float, counts)))


@contextlib.contextmanager
def _servers(folder: Path) -> Iterator[None]:
    """The router and the file's server have the same core, of which only one works at a time; the node another."""
    (folder / "files").mkdir()
    config = folder / "router.yaml"
    config.write_text(f"""\
server: {{port: {ROUTER_PORT}}}
providers:
  node: {{kind: tts-node, url: "http://127.0.0.1:{NODE_PORT}", tier: 1}}
cache: {{dir: "{folder}/cache"}}
""")
    node = [str(REPOSITORY / "tts-node/.venv/bin/tts-node"), "serve", "--port", str(NODE_PORT)]
    router = [sys.executable, "-m", "router", "serve", "--config", str(config)]
    files = [sys.executable, "-m", "bench.static", str(folder / "files"), str(FILE_PORT)]
    with (folder / "log").open("wb") as log, contextlib.ExitStack() as stack:
        stack.enter_context(running(node, _CORE + 1, log, REPOSITORY))
        _until_up(NODE_PORT, "/health")
        stack.enter_context(running(router, _CORE, log, REPOSITORY))
        stack.enter_context(running(files, _CORE, log, REPOSITORY))
        _until_up(ROUTER_PORT, "/ready")
        _until_up(FILE_PORT, "/none", 404)
        yield


def _until_up(port: int, path: str, status: int = 200) -> None:
    ends = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < ends:
        with contextlib.suppress(OSError):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
            connection.request("GET", path)
            if connection.getresponse().status == status:
                return
        time.sleep(0.1)
    raise SystemExit(f"nothing answers {path} on port {port}")


def _report(figures: Figures) -> str:
    machine, bounds = this_machine(), figures.ratio
    size = f"{figures.size / 1000:.0f} KB"
    limits = f"{bounds.median:.2f} [{bounds.low:.2f}, {bounds.high:.2f}]"
    served = f"{figures.statuses.get(200, 0)} answers of 200 in {figures.crowd_s:.1f} s"
    where = f"{machine.cpu}, {machine.cores} cores, {machine.kernel}"
    return f"""\
# What is said again

Written by `python -m bench.speech`. The router as shipped, its cache in memory, against the same {size} of mp3
as a static file of the same server (Litestar on uvicorn): one kept connection each, on the same core, in turns.

| | p50 |
|---|---|
| spoken before (`X-Router-Cache: hit`) | {figures.hit_s * 1000:.2f} ms |
| static file | {figures.file_s * 1000:.2f} ms |
| ratio (median of {ROUNDS} rounds of {REQUESTS}, 95 % bounds) | {limits} |

{CROWD} clients asked for the same new sentence at once: {served},
spoken by the node {figures.generated} time(s).

{machine.taken_at}, {where}, revision {machine.revision}, load {machine.load_1min:.1f}.
"""


if __name__ == "__main__":
    sys.exit(main())
