"""Bounded places, bounded waiting."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from router.errors import Overloaded
from router.gate import Gate


@contextlib.asynccontextmanager
async def inside(gate: Gate) -> AsyncIterator[None]:
    await gate.enter()
    try:
        yield
    finally:
        gate.leave()


async def holding(gate: Gate, until: asyncio.Event, order: list[int], number: int) -> None:
    async with inside(gate):
        order.append(number)
        await until.wait()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_without_a_limit_nobody_waits() -> None:
    """Counting goes on all the same."""

    async def main() -> int:
        gate, done = Gate(None, queue_limit=0, queue_wait_s=1), asyncio.Event()
        tasks = [asyncio.create_task(holding(gate, done, [], n)) for n in range(50)]
        await settle()
        inside = gate.inside
        done.set()
        await asyncio.gather(*tasks)
        assert gate.inside == 0
        return inside

    assert asyncio.run(main()) == 50


def test_who_waits_goes_in_order() -> None:
    """First come, first served, and never more inside than allowed."""

    async def main() -> list[int]:
        gate, order = Gate(1, queue_limit=10, queue_wait_s=5), list[int]()
        done = [asyncio.Event() for _ in range(4)]
        tasks = [asyncio.create_task(holding(gate, done[n], order, n)) for n in range(4)]
        for event in done:
            await settle()
            assert gate.inside == 1
            event.set()
        await asyncio.gather(*tasks)
        assert (gate.inside, gate.waiting) == (0, 0)
        return order

    assert asyncio.run(main()) == [0, 1, 2, 3]


def test_a_full_queue_sends_away() -> None:
    """The next one is told at once."""

    async def main() -> None:
        gate, done = Gate(1, queue_limit=1, queue_wait_s=5), asyncio.Event()
        tasks = [asyncio.create_task(holding(gate, done, [], n)) for n in range(2)]
        await settle()
        assert gate.is_closed
        with pytest.raises(Overloaded, match="1 requests running, 1 waiting"):
            await holding(gate, done, [], 2)
        done.set()
        await asyncio.gather(*tasks)

    asyncio.run(main())


def test_waiting_ends() -> None:
    """Nobody waits longer than the bound, and the place in the queue is free again."""

    async def main() -> None:
        gate, done = Gate(1, queue_limit=1, queue_wait_s=0.01), asyncio.Event()
        task = asyncio.create_task(holding(gate, done, [], 0))
        await settle()
        with pytest.raises(Overloaded, match="no free place within"):
            await holding(gate, done, [], 1)
        assert (gate.inside, gate.waiting) == (1, 0)
        done.set()
        await task

    asyncio.run(main())


@pytest.mark.parametrize("is_same_moment", [False, True])
def test_who_leaves_the_queue_takes_no_place(is_same_moment: bool) -> None:
    """Also when the place comes in the very moment of leaving."""

    async def main() -> None:
        gate, done = Gate(1, queue_limit=5, queue_wait_s=5), asyncio.Event()
        first = asyncio.create_task(holding(gate, done, [], 0))
        await settle()
        leaver = asyncio.create_task(holding(gate, done, [], 1))
        await settle()
        if is_same_moment:
            done.set()
            await asyncio.sleep(0)
        leaver.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await leaver
        done.set()
        await first
        assert (gate.inside, gate.waiting) == (0, 0)
        async with inside(gate):
            assert gate.inside == 1

    asyncio.run(main())
