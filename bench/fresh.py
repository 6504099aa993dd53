"""Samples with a contender that was started for them alone: how soon it serves, and what it holds.

Memory that a process once had it seldom gives back: streams that are opened after a heavy load seem to cost none.
"""

import uvloop

from bench.cases import Case
from bench.contenders import Contender
from bench.house import House
from bench.samples import Sample, SampleFailed
from bench.streams import held, request_of


def start_sample(house: House, number: int, case: Case, contender: Contender) -> Sample:
    """What its start took, and its memory when all is quiet. Raises SampleFailed."""
    house.drain(contender)
    return Sample(
        number,
        case.name,
        contender.name,
        case.connections,
        resident_mb=house.resident_mb(contender),
        start_s=contender.start_s,
    )


def idle_sample(house: House, number: int, case: Case, contender: Contender) -> Sample:
    """Memory per stream: with all open and their first events through, less what was used before, divided by
    their number. Raises SampleFailed.

    Nobody waits for rest afterwards: some gateways see that a client has left only when they next have something
    to send to it, and this one is ended anyhow.
    """
    house.drain(contender)
    return uvloop.run(_hold(house, number, case, contender))


async def _hold(house: House, number: int, case: Case, contender: Contender) -> Sample:
    request = request_of(case, house.key, contender.extra_headers)
    before_mb = house.resident_mb(contender)
    async with held(contender.port, request, case.connections, _heard):
        with_mb = house.resident_mb(contender)
    if before_mb is None or with_mb is None:
        raise SampleFailed("its memory cannot be read")
    return Sample(
        number,
        case.name,
        contender.name,
        case.connections,
        case.connections,
        resident_mb=with_mb,
        stream_kb=(with_mb - before_mb) * 1000 / case.connections,
    )


def _heard(delay_us: float) -> None:
    """Nothing flows but the first events."""
