"""A sample under closed-loop load.

Warm up, wait until nothing is left to do (queued log lines are part of a request's cost), read the gateway's CPU
time, load, wait again, read again; divide by what arrived at the upstream meanwhile.
"""

from typing import Final

from bench.cases import Case
from bench.contenders import Contender
from bench.house import House
from bench.processes import cpu_s
from bench.samples import Sample
from bench.wrk import load, warm_up

WARM_UP_S: Final = 0.5  # they were proven before, and the first round is one of five


def closed_sample(house: House, number: int, case: Case, contender: Contender, duration_s: float) -> Sample:
    """See the module. Raises SampleFailed, CannotMeasure."""
    warm_up(case, contender, house.key, WARM_UP_S, house.directory)
    house.drain(contender)
    requests, before = house.counts()["requests"], house.account(contender)
    upstream_cpu = cpu_s(house.upstream.pid)
    seen = load(case, contender, house.key, duration_s, house.directory)
    upstream_cpu = cpu_s(house.upstream.pid) - upstream_cpu
    house.drain(contender)
    units, used = house.counts()["requests"] - requests, house.used_since(contender, before)
    return Sample(
        number,
        case.name,
        contender.name,
        case.connections,
        units,
        cpu_us=used.cpu_us_per(units) if used is not None else None,
        p50_us=seen.p50_us,
        p99_us=seen.p99_us,
        per_s=seen.requests_per_s,
        harness_share=(seen.cpu_s + upstream_cpu) / seen.lasted_s / house.cores.of_harness,
        waited_share=used.waited_share if used is not None else None,
        resident_mb=house.resident_mb(contender),
    )
