"""Everything at once, over HTTP: engines, voices, languages, formats, faults and departures, by five clients.

MIXED_REQUESTS says how many requests; `make soak` has 200.
"""

import asyncio
import hashlib
import os
import random
import sys
import time
from pathlib import Path

from mixed import Crowd
from mixed_plan import planned
from nodes import RunningNode, eventually, is_running
from spoken import ROOM

REQUESTS = int(os.environ.get("MIXED_REQUESTS", "40"))
SEED = 7
GROWS_BY_MB = 16.0
OF_THE_MOMENT = 8  # descriptors


def resident_mb(pid: int) -> float:
    """Of one process, without its children."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def children_of(pid: int) -> list[int]:
    """Whichever of its threads started them."""
    files = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in files for child in file.read_text().split()]


def descriptors_of(pid: int) -> int:
    """Files, sockets and pipes."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def conditioning_in(folder: Path) -> dict[str, str]:
    """What is kept of each voice, by file."""
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*.conds")}


def is_at_rest(node: RunningNode) -> bool:
    """Nobody speaks and nobody waits."""
    queues = [model["queue"] for model in node.health()["models"].values()]
    return all((0, False) == (queue["depth"], queue["busy"]) for queue in queues)


def test_everything_at_once(weights: Path, tmp_path: Path) -> None:
    """Each answer is right or says why not; each voice stays itself; nothing is left, in memory or in the line."""
    folders = ("--weights-dir", str(weights), "--cache-dir", str(tmp_path))
    flags = ("--engine", "chatterbox-turbo", "--threads", "1", *ROOM)
    plan = planned(REQUESTS, SEED)
    half, visits = len(plan) // 2, max(1, REQUESTS // 40)
    started_s = time.monotonic()
    with RunningNode(*folders, *flags) as node:
        pid = node.process.pid
        sizes, descriptors = [], []
        alone: dict[str, str] = {}

        async def ask() -> Crowd:
            async with Crowd(node.url, random.Random(SEED)) as crowd:
                await crowd.settle()
                alone.update(conditioning_in(tmp_path))
                for part, guests in ((plan[:half], range(visits)), (plan[half:], range(visits, 2 * visits))):
                    await crowd.ask_all(part, guests)
                    assert await asyncio.to_thread(eventually, lambda: is_at_rest(node))
                    sizes.append(resident_mb(pid))
                    descriptors.append(descriptors_of(pid))
            return crowd

        report = asyncio.run(ask()).report
        took_s = time.monotonic() - started_s
        shown = ", ".join(f"{count} {name}" for name, count in sorted(report.outcomes.items()))
        grown = f"node {sizes[0]:.1f}, then {sizes[1]:.1f} MB; descriptors {descriptors[0]}, then {descriptors[1]}"
        sys.stdout.write(f"{REQUESTS} mixed requests in {took_s:.0f} s: {shown}; {grown}\n")
        assert [] == report.faults
        assert sizes[1] - sizes[0] < GROWS_BY_MB
        assert descriptors[1] - descriptors[0] <= OF_THE_MOMENT
        assert 6 <= len(alone)
        assert alone.items() <= conditioning_in(tmp_path).items()
        children = children_of(pid)
        assert 4 == len(children)
        assert 200 == node.client.post("/unload").status_code
        assert eventually(lambda: not any(map(is_running, children)))
        assert [] == children_of(pid)
        assert is_at_rest(node)
        assert 0 == node.terminate()
        assert "Traceback" not in node.log
