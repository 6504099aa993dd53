"""Many slow streams at once: the load that a house of listeners makes.

Each event carries the time at which the upstream sent it, so its whole way is measured. Only what happens between
two instants counts, when all streams are open: what it costs to open a stream is the burst's business.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace

import uvloop

from bench.cases import Case
from bench.contenders import Contender
from bench.house import House
from bench.ratios import percentile
from bench.samples import Sample, SampleFailed
from bench.streams import held, request_of


def paced_sample(house: House, number: int, case: Case, contender: Contender, duration_s: float) -> Sample:
    """Hold `case.connections` streams open for `duration_s`. Raises SampleFailed, CannotMeasure."""
    house.drain(contender)
    sample = uvloop.run(_listen(house, number, case, contender, duration_s))
    return replace(sample, left_open=house.drain(contender))


async def _listen(house: House, number: int, case: Case, contender: Contender, duration_s: float) -> Sample:
    delays_us: list[float] = []
    request = request_of(case, house.key, contender.extra_headers)
    async with held(contender.port, request, case.connections, delays_us.append):
        counted, before = await asyncio.to_thread(house.counts), house.account(contender)
        began, harness_s = time.monotonic(), house.harness_cpu_s()
        delays_us.clear()
        await asyncio.sleep(duration_s)
        received, used = delays_us[:], house.used_since(contender, before)
        wall_s, harness_s = time.monotonic() - began, house.harness_cpu_s() - harness_s
        events = round(wall_s * _events_per_s(counted, await asyncio.to_thread(house.counts)))
        resident_mb = house.resident_mb(contender)
    if not received:
        raise SampleFailed("no event came")
    return Sample(
        number,
        case.name,
        contender.name,
        case.connections,
        events,
        cpu_us=used.cpu_us_per(events) if used is not None else None,
        p50_us=percentile(received, 50),
        p99_us=percentile(received, 99),
        per_s=events / wall_s,
        harness_share=harness_s / wall_s / house.cores.of_harness,
        waited_share=used.waited_share if used is not None else None,
        resident_mb=resident_mb,
    )


def _events_per_s(before: Mapping[str, int], after: Mapping[str, int]) -> float:
    """By the upstream's clock: on a busy machine its counts come later than the accounts."""
    return (after["events"] - before["events"]) / (after["at_ns"] - before["at_ns"]) * 1e9
