"""Bounded places, bounded waiting."""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator

import pytest
from hurried import hurry

from router.errors import Overloaded
from router.gate import NO_HURRY, Gate


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
        assert gate.is_closed_to()
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


async def ranked(gate: Gate, until: asyncio.Event, order: list[str], name: str, urgency: float) -> None:
    """Inside until `until`; in `order` is who came in, and who was sent away with a minus."""
    try:
        await gate.enter(urgency)
    except Overloaded:
        order.append(f"-{name}")
        return
    order.append(name)
    await until.wait()
    gate.leave()


class _Queue:
    """A gate with one place, taken by somebody, and those who come then."""

    def __init__(self, queue_limit: int = 10, queue_wait_s: float = 60.0) -> None:
        self.gate = Gate(1, queue_limit=queue_limit, queue_wait_s=queue_wait_s)
        assert self.gate.enter_at_once()
        self.order: list[str] = []
        self.done = asyncio.Event()
        self.done.set()
        self.tasks: list[asyncio.Task[None]] = []

    async def come(self, name: str, urgency: float = 0.0) -> None:
        self.tasks.append(asyncio.create_task(ranked(self.gate, self.done, self.order, name, urgency)))
        await settle()

    async def ended(self) -> list[str]:
        self.gate.leave()
        await asyncio.gather(*self.tasks)
        assert (self.gate.inside, self.gate.waiting) == (0, 0)
        return self.order


def test_who_has_nothing_to_hear_goes_before_who_has_and_before_who_saves_a_file() -> None:
    """Among the same, first come, first served."""

    async def main() -> list[str]:
        queue = _Queue()
        for name, urgency in [("file", NO_HURRY), ("5 s", 5.0), ("new", 0.0), ("file 2", math.inf), ("chat", 0.0)]:
            await queue.come(name, urgency)
        return await queue.ended()

    assert ["new", "chat", "5 s", "file", "file 2"] == hurry(main())


def test_who_has_waited_has_less_left_to_hear() -> None:
    """So those who come later do not overtake for ever."""

    async def main() -> list[str]:
        queue = _Queue()
        await queue.come("had 5 s", 5.0)
        await asyncio.sleep(6)
        await queue.come("new", 0.0)
        return await queue.ended()

    assert ["had 5 s", "new"] == hurry(main())


def test_a_newcomer_finds_a_place_in_a_queue_of_those_who_save_files() -> None:
    """The last of them is sent away; not by another like it, nor by whoever is no more urgent."""

    async def main() -> tuple[list[str], list[bool], list[int]]:
        queue = _Queue(queue_limit=2)
        await queue.come("file", NO_HURRY)
        await queue.come("file 2", NO_HURRY)
        await queue.come("file 3", NO_HURRY)
        closed = [queue.gate.is_closed_to(urgency) for urgency in (NO_HURRY, 0.0)]
        before = [queue.gate.waiting_before(urgency) for urgency in (NO_HURRY, 0.0)]
        await queue.come("new", 0.0)
        await queue.come("9 s", 9.0)
        closed += [queue.gate.is_closed_to(urgency) for urgency in (9.0, 0.0)]
        before += [queue.gate.waiting_before(urgency) for urgency in (NO_HURRY, 10.0, 0.0)]
        await queue.come("20 s", 20.0)
        return await queue.ended(), closed, before

    order, closed, before = hurry(main())
    assert ["-file 3", "-file 2", "-file", "-20 s", "new", "9 s"] == order
    assert ([True, False, True, False], [2, 0, 2, 2, 1]) == (closed, before)


def test_who_is_not_urgent_waits_no_longer_than_the_bound() -> None:
    """However many go before it."""

    async def main() -> list[str]:
        queue = _Queue(queue_wait_s=4.0)
        await queue.come("file", NO_HURRY)
        await asyncio.sleep(3)
        await queue.come("new", 0.0)
        await asyncio.sleep(2)
        return await queue.ended()

    assert ["-file", "new"] == hurry(main())


def test_who_is_cancelled_in_the_moment_of_being_sent_away_takes_no_place() -> None:
    """Nor gives one back that it never had."""

    async def main() -> list[str]:
        queue = _Queue(queue_limit=1)
        await queue.come("file", NO_HURRY)
        urgent = asyncio.create_task(ranked(queue.gate, queue.done, queue.order, "new", 0.0))
        await asyncio.sleep(0)
        queue.tasks[0].cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await queue.tasks.pop()
        queue.tasks.append(urgent)
        return await queue.ended()

    assert ["new"] == hurry(main())
