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

from bench import command, shipped
from bench.cases import SPEECH
from bench.machine import this_machine
from bench.markdown import bounded, table
from bench.ratios import Estimate, ratio
from bench.servers import Cores, got, server, tts_node
from bench.voices.exposition import value_of
from bench.wire import request
from router.drill.ports import free_port

TEXT: Final = "The washing machine has finished. Please hang up the laundry before it begins to smell."
NEW_TEXT: Final = "A thousand people want to hear this sentence."  # one segment
LIMIT: Final = 2.0  # times the file's p50
_WITHIN_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How many rounds, requests in each, and clients who ask at once."""

    rounds: int = 15
    requests: int = 300
    crowd: int = 1000


@dataclass(frozen=True, slots=True)
class Ports:
    """Who listens where. `files`: a folder behind the third of them."""

    router: int
    node: int
    file: int
    files: Path


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
    """Exit status 1 when a figure that must be met is missed. Raises CannotMeasure."""
    arguments = command.parser_of("bench.speech", __doc__, "a round of a few, and a small crowd").parse_args()
    plan = Plan(1, 20, 20) if arguments.quick else Plan()
    with tempfile.TemporaryDirectory(prefix="router-bench-") as name, _servers(Path(name)) as ports:
        figures = _measured(plan, ports)
    text = _report(plan, figures)
    print(text)  # noqa: T201  a command
    command.write(command.folder_of(arguments, arguments.quick), {"speech-cache.md": lambda: text})
    is_met = figures.ratio.median <= LIMIT and figures.generated == 1 and figures.statuses == {200: plan.crowd}
    return 0 if is_met else 1


def _measured(plan: Plan, ports: Ports) -> Figures:
    router, file = (http.client.HTTPConnection("127.0.0.1", port) for port in (ports.router, ports.file))
    audio = _asked(router, "POST", SPEECH, _body(TEXT))
    (ports.files / "said.mp3").write_bytes(audio)
    hits: list[float] = []
    files: list[float] = []
    for _ in range(plan.rounds):
        hits.append(_p50(plan, router, "POST", SPEECH, _body(TEXT)))
        files.append(_p50(plan, file, "GET", "/said.mp3", b""))
    assert _asked(file, "GET", "/said.mp3", b"") == _asked(router, "POST", SPEECH, _body(TEXT)) == audio
    before, began = _spoken(ports.node), time.monotonic()
    statuses = asyncio.run(_crowd(plan, ports.router))
    crowd_s, generated = time.monotonic() - began, _spoken(ports.node) - before
    middle = statistics.median
    return Figures(len(audio), middle(hits), middle(files), ratio(hits, files), statuses, generated, crowd_s)


def _body(text: str) -> bytes:
    return json.dumps({"input": text}).encode()


def _asked(connection: http.client.HTTPConnection, method: str, path: str, body: bytes) -> bytes:
    connection.request(method, path, body)
    answer = connection.getresponse()
    content = answer.read()
    assert answer.status == 200, content
    return content


def _p50(plan: Plan, connection: http.client.HTTPConnection, method: str, path: str, body: bytes) -> float:
    took_s = []
    for _ in range(plan.requests):
        began = time.perf_counter()
        _asked(connection, method, path, body)
        took_s.append(time.perf_counter() - began)
    return statistics.median(took_s)


async def _crowd(plan: Plan, port: int) -> dict[int, int]:
    """All ask at once, on a connection each; how many got which status."""
    asked = request(SPEECH, {"Connection": "close"}, _body(NEW_TEXT))

    async def one() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(asked)
        answer = await reader.read(-1)
        writer.close()
        return int(answer.split(b" ", 2)[1])

    async with asyncio.timeout(_WITHIN_S):
        return dict(collections.Counter(await asyncio.gather(*(one() for _ in range(plan.crowd)))))


def _spoken(node_port: int) -> int:
    """How many utterances the node has finished."""
    return round(value_of(got(node_port, "/metrics").decode(), "tts_node_requests_total"))


@contextlib.contextmanager
def _servers(folder: Path) -> Iterator[Ports]:
    """The router and the file's server have the same core, of which only one works at a time; the node another."""
    cores, files, file_port = Cores.of_this_machine(), folder / "files", free_port()
    files.mkdir()
    static = [sys.executable, "-m", "bench.static", str(files), str(file_port)]
    with tts_node(cores.load, folder / "node.log") as node:
        settings = {"providers": {"node": {"kind": "tts-node", "url": f"http://127.0.0.1:{node.port}"}}}
        with (
            shipped.router(folder / "router", cores.gateway, settings, "/ready") as router,
            server(static, file_port, cores.gateway, folder / "static.log"),
        ):
            yield Ports(router.port, node.port, file_port, files)


def _report(plan: Plan, figures: Figures) -> str:
    rows = [
        ["spoken before (`X-Router-Cache: hit`)", f"{figures.hit_s * 1000:.2f} ms"],
        ["static file", f"{figures.file_s * 1000:.2f} ms"],
        [
            f"ratio (median of {plan.rounds} rounds of {plan.requests}, 95 % bounds)",
            bounded(figures.ratio, "{:.2f}".format),
        ],
    ]
    served = f"{figures.statuses.get(200, 0)} answers of 200 in {figures.crowd_s:.1f} s"
    return f"""\
# What is said again

Written by `python -m bench.speech`. The router as shipped, its cache in memory, against the same
{figures.size / 1000:.0f} KB of mp3 as a static file of the same server (Litestar on uvicorn): one kept connection
each, on the same core, in turns.

{table(["", "p50"], rows)}
{plan.crowd} clients asked for the same new sentence at once: {served},
spoken by the node {figures.generated} time(s).

{this_machine().where}.
"""


if __name__ == "__main__":
    command.run(main)
