"""Forwarding from a machine that is lost: before, in and after its answer, and what is no loss."""

import asyncio
from typing import Any

import pytest
from fakes import Step, head, whole
from forwarding import SSE, two
from houses import FakeHouse
from running import run, until

from router.errors import (
    Silent,
)
from router.health import HostSign
from router.ports import Probe


def test_silence_is_no_host_fault() -> None:
    """Language models are silent while they load or think: nothing is held against the machine."""
    house = two([asyncio.Event()])
    run(house.chat())
    assert ([], True) == (house.observer.hosts[2:], house.roster.standing("one").is_available)
    assert Silent.outcome == house.observer.attempts[0][1]


def _lose(house: FakeHouse, name: str) -> None:
    """The machine does not answer two touches."""
    for _ in range(2):
        house.roster.note_probe(name, Probe(HostSign.SILENT, None, "no answer to a dial"))


@pytest.mark.parametrize(
    "steps",
    [
        [asyncio.Event()],
        [head(200, SSE), asyncio.Event()],
        [*whole(b"0123456789")[:1], b"half", asyncio.Event()],
    ],
    ids=["before the head", "before the first byte", "in a short answer"],
)
def test_a_lost_machine_is_left_at_once(steps: list[Step]) -> None:
    """Long before any deadline: the next answers, the connection is closed, and the model is not to blame."""

    async def main() -> tuple[bytes, bool]:
        house = two(steps, deadline_s=60)
        task = asyncio.ensure_future(house.chat())
        await until(lambda: bool(house.upstream("one").exchanges))
        await asyncio.sleep(0)
        _lose(house, "one")
        answer = await task
        assert [("one", "provider_host_lost"), ("two", "ok")] == house.observer.attempts
        assert [("chat", "one", "two", "provider_host_lost")] == house.observer.failovers
        assert 0 == house.roster.standing("one").in_flight
        return answer.body, house.upstream("one").exchanges[0].is_aborted

    assert (b'{"from":"two"}', True) == run(main())


def test_a_machine_lost_after_the_first_byte_cuts_the_stream() -> None:
    """There is no way back."""

    async def main() -> tuple[bytes, bool, str, list[str]]:
        house = two([head(200, SSE), b"data: 1\n\n", asyncio.Event()], deadline_s=60)
        started = asyncio.Event()

        def watch(answer: object) -> bool:
            if answer.body:  # type: ignore[attr-defined]
                started.set()
            return False

        task = asyncio.ensure_future(house.chat(leaves=watch))
        await started.wait()
        _lose(house, "one")
        answer = await task
        record = house.observer.finished[0]
        return answer.body[:9], answer.is_complete, record.outcome, record.reasons

    assert (b"data: 1\n\n", False, "provider_cut", ["provider_host_lost"]) == run(main())


def test_a_lost_machine_whose_answer_is_all_here_has_answered() -> None:
    """What has arrived is not thrown away."""

    async def main() -> tuple[bytes, str | None]:
        house = two(whole(b'{"from":"one"}'))
        provider = house.upstream("one")
        send = provider.send

        async def send_and_lose(*arguments: Any, **options: Any) -> Any:
            exchange = await send(*arguments, **options)
            await provider.exchanges[0].task
            _lose(house, "one")
            return exchange

        provider.send = send_and_lose  # type: ignore[method-assign]
        answer = await house.chat()
        return answer.body, answer.get("x-router-provider")

    assert (b'{"from":"one"}', "one") == run(main())


def test_a_machine_lost_while_dialling_leaves_no_exchange_behind() -> None:
    """The dial may yet succeed; what it opened is closed."""

    async def main() -> list[bool]:
        house = two([asyncio.Event()], deadline_s=60)
        provider, is_sending, go_on = house.upstream("one"), asyncio.Event(), asyncio.Event()
        send = provider.send

        async def slowly(*arguments: Any, **options: Any) -> Any:
            is_sending.set()
            await go_on.wait()
            return await send(*arguments, **options)

        provider.send = slowly  # type: ignore[method-assign]
        task = asyncio.ensure_future(house.chat())
        await is_sending.wait()
        _lose(house, "one")
        go_on.set()
        await task
        left = [exchange.is_aborted for exchange in provider.exchanges]
        for exchange in provider.exchanges:
            exchange.task.cancel()
        return left

    assert [True] == run(main())
