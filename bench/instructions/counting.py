"""The count of each case."""

import asyncio
import contextlib
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from bench.instructions.callgrind import LOG, CannotCount, CountedRouter, counted_router
from bench.instructions.cases import PIECE_BYTES, PIECES, Case, Pace
from bench.instructions.client import BadAnswer, Connection, ask_all, connected
from bench.instructions.upstream import Upstream, upstream

PARTS: Final = 5
WARM_UP: Final = 104  # units: caches fill, and the interpreter specialises its bytecode (PEP 659)
_CASE_WITHIN_S: Final = 300.0
_IDLE_S: Final = 4.0
_Load = AsyncIterator[Callable[[int], Awaitable[None]]]  # asks for so many units


def count(cases: Sequence[Case], tell: Callable[[str], None], dumps: Path | None = None) -> dict[str, int]:
    """Instructions for each unit, by the case's name. callgrind's files stay in `dumps`. Raises CannotCount."""
    with tempfile.TemporaryDirectory(prefix="router-count-") as scratch:
        directory = dumps.absolute() if dumps is not None else Path(scratch)
        directory.mkdir(parents=True, exist_ok=True)
        try:
            return asyncio.run(_count(cases, tell, directory))
        except (BadAnswer, OSError, EOFError) as error:
            log = (directory / LOG).read_text()[-2000:]
            raise CannotCount(f"The router under valgrind failed: {error!r}\nIts log:\n{log}") from error


async def _count(cases: Sequence[Case], tell: Callable[[str], None], directory: Path) -> dict[str, int]:
    began = time.monotonic()
    figures = {}
    async with upstream() as source, counted_router(directory, source.port) as router:
        tell(f"the router runs under callgrind ({time.monotonic() - began:.0f} s)")
        of_its_own = await _of_its_own(router)
        for case in cases:
            began = time.monotonic()
            async with asyncio.timeout(_CASE_WITHIN_S):
                counted = await _parts(case, router, source, of_its_own)
            figures[case.name] = _middle(case, counted)
            took_s = time.monotonic() - began
            spread = (max(counted) - min(counted)) / statistics.median(counted)
            tell(
                f"{case.title}: {figures[case.name]:,} instructions per {case.unit} "
                f"({PARTS} parts within {spread:.1%}; {took_s:.1f} s)"
            )
    return figures


async def _of_its_own(router: CountedRouter) -> float:
    """Instructions in a second in which nobody asks for anything: probes, timers, the log's thread. They go by the
    clock, and on a busy machine a request takes longer, so more of them would fall into it."""
    await router.begin()
    began = time.monotonic()
    await asyncio.sleep(_IDLE_S)
    lasted_s = time.monotonic() - began
    return await router.end("idle") / lasted_s


async def _parts(case: Case, router: CountedRouter, source: Upstream, of_its_own: float) -> list[float]:
    """Instructions of `PARTS` times the case's units, without those `of_its_own` that fall into their time."""
    counted = []
    async with (
        connected(router.port, case.connections) as connections,
        _LOADS[case.pace](case, router, source, connections) as ask,
    ):
        await ask(WARM_UP)
        for _ in range(PARTS):
            await router.begin()
            began = time.monotonic()
            await ask(case.units)
            lasted_s = time.monotonic() - began
            counted.append(await router.end(case.name) - lasted_s * of_its_own)
    return counted


def _middle(case: Case, counted: Sequence[float]) -> int:
    """Instructions of one unit in the middle one of the parts: what happens once in a while is in the others."""
    return round(statistics.median(counted) / case.units)


async def _by_rounds(case: Case, router: CountedRouter, source: Upstream, connections: list[Connection]) -> _Load:
    del source  # answers by itself
    request = case.request(router.key)

    async def ask(times: int) -> None:
        await ask_all(connections, request, times)

    yield ask


async def _by_event(case: Case, router: CountedRouter, source: Upstream, connections: list[Connection]) -> _Load:
    (connection,) = connections
    head = await connection.ask(case.request(router.key))
    await connection.read_event()

    async def step(times: int) -> None:
        for _ in range(times):
            source.send_event()
            await connection.read_event()

    yield step
    source.end_stream()
    await connection.read_body(head)


async def _by_piece(case: Case, router: CountedRouter, source: Upstream, connections: list[Connection]) -> _Load:
    (connection,) = connections
    request = case.request(router.key)

    async def ask(times: int) -> None:
        for _ in range(times):
            await connection.ask(request)
            await connection.read_piece(PIECE_BYTES)
            for _ in range(PIECES - 1):
                source.send_piece()
                await connection.read_piece(PIECE_BYTES)

    yield ask


_LOADS: Final = {
    Pace.ROUNDS: contextlib.asynccontextmanager(_by_rounds),
    Pace.EVENTS: contextlib.asynccontextmanager(_by_event),
    Pace.PIECES: contextlib.asynccontextmanager(_by_piece),
}
