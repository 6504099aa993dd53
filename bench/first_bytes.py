"""How long a new stream waits for its first event while many others run.

New streams are opened one after another on one kept connection, as a client with a pool does; a gateway that
closes it is given another before the clock runs. The upstream sends head and first event at once, and ends the
stream shortly after. The pauses between are of no fixed length, so that they do not fall in step with the others'
events.
"""

import asyncio
import random
import time
from dataclasses import replace
from typing import Final

import uvloop

from bench.cases import FIRST_STREAMS, Case
from bench.contenders import Contender
from bench.house import House
from bench.ratios import percentile
from bench.samples import Sample, SampleFailed
from bench.streams import OPEN_WITHIN_S, Stream, connected, held, request_of

LONGEST_S: Final = 12.0  # enough for a hundred, even where each takes a tenth of a second
_LEAST: Final = 100
_PAUSE_S: Final = 0.02


def first_sample(house: House, number: int, case: Case, contender: Contender, duration_s: float) -> Sample:
    """FIRST_STREAMS new streams, or what LONGEST_S has time for. Raises SampleFailed, CannotMeasure."""
    del duration_s  # it takes as long as it takes
    house.drain(contender)
    sample = uvloop.run(_open_beside(house, number, case, contender))
    return replace(sample, left_open=house.drain(contender))


async def _open_beside(house: House, number: int, case: Case, contender: Contender) -> Sample:
    paced = request_of(replace(case, model="bench-paced"), house.key, contender.extra_headers)
    async with held(contender.port, paced, case.connections, _heard):
        before, began, harness_s = house.account(contender), time.monotonic(), house.harness_cpu_s()
        waits_us = await _waits_us(contender, request_of(case, house.key, contender.extra_headers))
        wall_s, harness_s = time.monotonic() - began, house.harness_cpu_s() - harness_s
        used = house.used_since(contender, before)
        resident_mb = house.resident_mb(contender)
    return Sample(
        number,
        case.name,
        contender.name,
        case.connections,
        len(waits_us),
        p50_us=percentile(waits_us, 50),
        p99_us=percentile(waits_us, 99),
        harness_share=harness_s / wall_s / house.cores.of_harness,
        waited_share=used.waited_share if used is not None else None,
        resident_mb=resident_mb,
    )


async def _waits_us(contender: Contender, request: bytes) -> list[float]:
    pauses = random.Random(3)  # noqa: S311  any will do
    waits_us: list[float] = []
    until = time.monotonic() + LONGEST_S
    stream = await connected(contender.port, request, _heard)
    try:
        while len(waits_us) < FIRST_STREAMS and time.monotonic() < until:
            if not stream.can_ask:
                stream = await connected(contender.port, request, _heard)
            waits_us.append(await _wait_us(stream))
            await asyncio.sleep(pauses.uniform(0, _PAUSE_S))
    finally:
        stream.close()
    if len(waits_us) < _LEAST:
        raise SampleFailed(f"only {len(waits_us)} new streams had begun within {LONGEST_S:.0f} s")
    return waits_us


async def _wait_us(stream: Stream) -> float:
    try:
        async with asyncio.timeout(OPEN_WITHIN_S):
            asked = time.monotonic()
            stream.ask()
            wait_us = (await stream.has_begun - asked) * 1e6
            await stream.has_ended
    except TimeoutError as error:
        raise SampleFailed(f"a new stream did not begin or end within {OPEN_WITHIN_S:.0f} s", 1) from error
    return wait_us


def _heard(delay_us: float) -> None:
    """The others' events: only that they flow."""
