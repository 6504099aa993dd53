"""Who speaks next, and who is told to come back."""

import asyncio

import pytest

from tts_node.admission import Turns, retry_after_s
from tts_node.errors import Busy, Unavailable, WaitedTooLong

pytestmark = pytest.mark.anyio


async def settle() -> None:
    """Lets every ready task run up to its next wait."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_turns_come_in_order() -> None:
    """First come, first served."""
    turns, order = Turns(8), list[int]()

    async def speak(number: int) -> None:
        await turns.take(60)
        order.append(number)
        await settle()
        turns.give_back()

    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(speak(number))
    assert [0, 1, 2, 3, 4] == order
    assert not turns.is_in_use


async def test_a_full_line_tells_the_position() -> None:
    """Beyond the limit there is a 429 with the position and a time to come back."""
    turns = Turns(1, lambda: 4.0)
    await turns.take(60)
    waiting = asyncio.create_task(turns.take(60))
    await settle()
    with pytest.raises(Busy, match="position 2") as caught:
        await turns.take(60)
    assert (429, 8) == (caught.value.status, caught.value.retry_after_s)
    turns.give_back()
    await waiting


async def test_leaving_the_line_frees_the_place() -> None:
    """Whoever leaves is not waited for."""
    turns = Turns(1)
    await turns.take(60)
    waiting = asyncio.create_task(turns.take(60))
    await settle()
    waiting.cancel()
    await settle()
    assert 0 == turns.depth
    turns.give_back()
    assert not turns.is_busy


async def test_leaving_as_the_turn_comes_passes_it_on() -> None:
    """A turn given to somebody who leaves in the same moment is not lost."""
    turns = Turns(2)
    await turns.take(60)
    leaving, next_one = (asyncio.create_task(turns.take(60)) for _ in range(2))
    await settle()
    turns.give_back()
    leaving.cancel()
    await next_one
    assert leaving.cancelled()
    assert turns.is_busy


async def test_waiting_has_a_deadline() -> None:
    """A line that does not move ends in a 503, not in silence."""
    turns = Turns(1)
    await turns.take(60)
    with pytest.raises(WaitedTooLong) as caught:
        await turns.take(0.01)
    assert 503 == caught.value.status
    assert 0 == turns.depth


async def test_eviction_empties_the_line() -> None:
    """Who waits is sent away with the reason; who speaks is left alone."""
    turns = Turns(2)
    await turns.take(60)
    waiting = asyncio.create_task(turns.take(60))
    await settle()
    turns.evict(Unavailable("yielded"))
    with pytest.raises(Unavailable):
        await waiting
    assert "<Turns busy=True waiting=0/2>" == repr(turns)


@pytest.mark.parametrize(
    ("ahead", "mean_s", "expected"), [(1, None, 1), (3, None, 3), (8, 0.01, 1), (3, 5.0, 15), (9, 30.0, 60)]
)
async def test_retry_after_follows_what_was_measured(ahead: int, mean_s: float | None, expected: int) -> None:
    """The hint is the expected wait, from a second to a minute."""
    assert expected == retry_after_s(ahead, mean_s)
