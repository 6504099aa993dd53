"""How fast /health answers while nothing happens, and while a child burns every core: of one node, in one run.

`python latency.py 10` measures that many seconds of each and prints milliseconds.
"""

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

import httpx

from kills import DEADLINE_S, start

_PACE_S = 0.005


async def measure(duration_s: float) -> dict[str, float]:
    """p50, p99 and the worst of each, in milliseconds, and how many were asked."""
    with tempfile.TemporaryDirectory() as name:
        node = await start(Path(name))
        try:
            async with httpx.AsyncClient(base_url=node.url, timeout=DEADLINE_S, trust_env=False) as http:
                await http.post("/v1/audio/speech", json={"model": "small", "input": "audio"})
                idle = await _answers(node.url, duration_s)
                burning = asyncio.create_task(_burn(http))
                await asyncio.sleep(0.5)  # the burners' own start is over
                busy = await _answers(node.url, duration_s)
                burning.cancel()
                await asyncio.wait((burning,))
        finally:
            node.process.kill()
            await node.process.wait()
    return _figures("idle", idle) | _figures("busy", busy)


async def _burn(http: httpx.AsyncClient) -> None:
    while True:
        reply = await http.post("/v1/audio/speech", json={"model": "small", "input": "burn audio"})
        assert reply.status_code == 200


async def _answers(url: str, duration_s: float) -> list[float]:
    """Over one kept connection and without an HTTP library, whose own milliseconds would be measured too."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    end_s = time.monotonic() + duration_s
    times = []
    while time.monotonic() < end_s:
        started_s = time.perf_counter()
        writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split()[0]))
        times.append(time.perf_counter() - started_s)
        await asyncio.sleep(_PACE_S)
    writer.close()
    await writer.wait_closed()
    return sorted(times)


def _figures(name: str, times: list[float]) -> dict[str, float]:
    def at(share: float) -> float:
        return round(times[min(len(times) - 1, int(len(times) * share))] * 1000, 2)

    return {
        f"{name}_p50_ms": at(0.5),
        f"{name}_p99_ms": at(0.99),
        f"{name}_max_ms": at(1.0),
        f"{name}_count": len(times),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(measure(float(sys.argv[1])))) + "\n")
