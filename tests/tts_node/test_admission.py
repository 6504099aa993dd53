"""Who speaks next, and who is told to come back."""

import asyncio

import pytest

from tts_node.domain import Priority
from tts_node.errors import Busy, Unavailable, WaitedTooLong
from tts_node.life.admission import Turns, retry_after_s

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


async def test_interactive_goes_before_batch() -> None:
    """Whenever it came; within a kind first come, first served."""
    turns, order = Turns(8), list[str]()

    async def speak(name: str, priority: Priority) -> None:
        await turns.take(60, priority)
        order.append(name)
        turns.give_back()

    await turns.take(60)
    async with asyncio.TaskGroup() as group:
        for name in ("b1", "i1", "b2", "i2"):
            group.create_task(speak(name, Priority.BATCH if name[0] == "b" else Priority.INTERACTIVE))
        await settle()
        assert (4, 2) == (turns.depth, turns.depth_of(Priority.BATCH))
        assert (True, False) == (turns.must_make_way(Priority.BATCH), turns.must_make_way(Priority.INTERACTIVE))
        turns.give_back()
    assert ["i1", "i2", "b1", "b2"] == order


async def test_batch_work_keeps_nobody_urgent_out() -> None:
    """Each kind has its own bound; the position counts who goes before."""
    turns = Turns(1, lambda: 4.0)
    await turns.take(60)
    batch = asyncio.create_task(turns.take(60, Priority.BATCH))
    await settle()
    urgent = asyncio.create_task(turns.take(60))
    await settle()
    with pytest.raises(Busy, match="position 3, in about 12 s") as caught:
        await turns.take(60, Priority.BATCH)
    assert 12 == caught.value.retry_after_s
    with pytest.raises(Busy, match="position 2, in about 8 s"):
        await turns.take(60)
    turns.give_back()
    await urgent
    turns.give_back()
    await batch


async def test_who_made_way_goes_on_first() -> None:
    """Before others of its kind, and the full line does not keep it out."""
    turns, order = Turns(1), list[str]()
    await turns.take(60)

    async def speak(name: str, *, is_begun: bool) -> None:
        await turns.take(60, Priority.BATCH, is_begun=is_begun)
        order.append(name)
        turns.give_back()

    async with asyncio.TaskGroup() as group:
        group.create_task(speak("new", is_begun=False))
        await settle()
        group.create_task(speak("begun", is_begun=True))
        await settle()
        turns.give_back()
    assert ["begun", "new"] == order


async def test_eviction_spares_who_has_begun() -> None:
    """Its listener has heard a part already."""
    turns = Turns(8)
    await turns.take(60)
    begun = asyncio.create_task(turns.take(60, Priority.BATCH, is_begun=True))
    await settle()
    turns.evict(Unavailable("yielded"))
    assert 1 == turns.depth
    turns.give_back()
    await begun


@pytest.mark.parametrize(
    ("is_busy", "mean_s", "expected_s"), [(False, 3.0, 0.0), (True, None, None), (True, 3.0, 3.0)]
)
async def test_a_newcomers_wait(is_busy: bool, mean_s: float | None, expected_s: float | None) -> None:
    """None when nobody speaks; unknown before a turn was measured."""
    turns = Turns(8, lambda: mean_s)
    turns.is_busy = is_busy
    assert expected_s == turns.eta_s(Priority.INTERACTIVE)


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
