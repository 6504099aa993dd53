"""When a model leaves the device: after its idle time, or on request; and when it may stay or come back."""

import asyncio
from dataclasses import replace

import pytest

from slots import LIMITS, bench, settle
from tts_node.domain import ModelState, Priority
from tts_node.life import wire
from tts_node.life.budget import Tenant
from tts_node.life.resident import idle_left_s

pytestmark = pytest.mark.anyio


async def test_an_unused_model_ends_after_its_idle_time() -> None:
    """Use starts the idle time anew; after it the child is ended."""
    async with bench() as b:
        listener = b.speaking()
        child = await b.spoken()
        await listener
        b.clock.advance(599)
        await settle()
        assert b.slot.state is ModelState.UP
        listener = b.speaking()
        await b.spoken()
        await listener
        b.clock.advance(599)
        await settle()
        assert not child.was_ended
        b.clock.advance(1)
        await settle()
        assert (True, ModelState.COLD) == (child.was_ended, b.slot.state)
        assert [] == b.recorder.losses


async def test_a_speaking_model_is_not_idle() -> None:
    """However long an utterance takes, its child is not ended for idleness."""
    async with bench(replace(LIMITS, watchdog_s=10_000)) as b:
        listener = b.speaking()
        child = await b.nursery.child()
        job = await child.next_job()
        b.clock.advance(5000)
        await settle()
        assert not child.was_ended
        child.give(wire.Done(job.id, 5000))
        await listener


@pytest.mark.parametrize(("is_in_use", "expected"), [(True, 600), (False, 599)])
async def test_idle_time_left(is_in_use: bool, expected: float) -> None:
    """A used model has all its time before it."""
    assert expected == idle_left_s(600, 100, 101, is_in_use=is_in_use)


async def test_unload_waits_for_the_lease() -> None:
    """A child in use ends when what it speaks is spoken, an unused one at once."""
    async with bench() as b:
        listener = b.speaking()
        child = await b.nursery.child()
        job = await child.next_job()
        assert not b.slot.unload()
        assert not child.was_ended
        child.give(wire.Done(job.id, 0.1))
        await listener
        await settle()
        assert (True, ModelState.COLD) == (child.was_ended, b.slot.state)
        assert b.slot.unload()


async def test_unload_aborts_an_unwanted_load() -> None:
    """A model that is being warmed for nobody stops loading."""
    async with bench(comes_up=False) as b:
        b.slot.warm()
        child = await b.nursery.child()
        assert b.slot.unload()
        await settle()
        assert (True, ModelState.COLD) == (child.was_ended, b.slot.state)


async def test_unload_does_not_wait_for_the_line() -> None:
    """It comes after the utterance that is spoken; who waits, or comes later, is served by a fresh child."""
    async with asyncio.timeout(60), bench() as b:
        speaker = b.speaking()
        child = await b.nursery.child()
        job = await child.next_job()
        waiting = b.speaking()
        await settle()
        assert not b.slot.unload()
        child.give(wire.Done(job.id, 0.1))
        await speaker
        fresh = await b.spoken(1)
        assert b"\1\0" * 24000 == await waiting
        assert (True, False, ModelState.UP) == (child.was_ended, fresh.was_ended, b.slot.state)


async def test_unload_waits_for_who_made_way() -> None:
    """A batch job that has begun to sound is being spoken too: its model is not loaded twice for it."""
    async with asyncio.timeout(60), bench() as b:
        batch = b.speaking("one", "two", priority=Priority.BATCH)
        child = await b.nursery.child()
        job = await child.next_job()
        urgent = b.speaking()
        await settle()
        child.give(wire.Done(job.id, 0.1))
        job = await child.next_job()
        assert not b.slot.unload()
        child.give(wire.Done(job.id, 0.1))
        await urgent
        job = await child.next_job()
        child.give(wire.Done(job.id, 0.1))
        await batch
        await settle()
        assert ([child], True, ModelState.COLD) == (b.nursery.children, child.was_ended, b.slot.state)


async def test_warm_takes_an_unload_back() -> None:
    """Who was told to leave after speaking, and then to be up, is up."""
    async with bench() as b:
        listener = b.speaking()
        child = await b.nursery.child()
        job = await child.next_job()
        assert not b.slot.unload()
        b.slot.warm()
        child.give(wire.Done(job.id, 0.1))
        await listener
        await settle()
        assert (False, ModelState.UP) == (child.was_ended, b.slot.state)


async def test_warm_keeps_a_load_whose_waiter_leaves() -> None:
    """Also one that still waits for room: somebody wants it up."""
    async with bench() as b:
        may_enter = asyncio.Event()

        async def enter(_tenant: Tenant, _wait_s: float) -> tuple[str, ...]:
            await may_enter.wait()
            return ()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(b.slot.resident._budget, "enter", enter)
            async with b.slot.speaking(b.job()):
                await settle()
                b.slot.warm()
            await settle()
            may_enter.set()
            await settle()
            assert [ModelState.LOADING, ModelState.UP] == b.recorder.states


async def test_a_request_right_after_an_unload_is_served() -> None:
    """A load that was just called off is not what the request waits for: it gets one of its own."""
    async with bench(comes_up=False) as b:
        b.slot.warm()
        await b.nursery.child()
        assert b.slot.unload()
        listener = b.speaking()
        (await b.nursery.child(1)).give(wire.Ready(0))
        await b.spoken(1)
        assert b"\1\0" * 24000 == await listener


async def test_unload_happens_when_the_last_in_line_leaves() -> None:
    """Even when it leaves in the moment its turn comes."""
    async with bench() as b:
        await b.slot.resident.ensure_up()
        await b.slot.turns.take(60)
        waiting = b.speaking()
        await settle()
        assert not b.slot.unload()
        b.slot.turns.give_back()
        waiting.cancel()
        await settle()
        assert (True, ModelState.COLD) == (b.nursery.children[0].was_ended, b.slot.state)
