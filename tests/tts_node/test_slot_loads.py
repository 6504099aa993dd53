"""How a model comes up: one load for all who ask, its estimate, its deadline, and the wait after a failure."""

import asyncio

import pytest

from slots import bench, settle
from tts_node.domain import ModelState
from tts_node.errors import (
    EngineCrashed,
    EngineHung,
    EngineLoadFailed,
)
from tts_node.life import wire

pytestmark = pytest.mark.anyio


async def test_one_load_is_shared_and_survives_who_asked() -> None:
    """Whoever waits for the model waits for the same load, and leaving does not abort it."""
    async with bench(comes_up=False) as b:
        askers = [asyncio.create_task(b.slot.resident.ensure_up()) for _ in range(3)]
        child = await b.nursery.child()
        askers[0].cancel()
        await settle()
        child.give(wire.Ready(0.1))
        assert [child, child] == await asyncio.gather(*askers[1:])
        assert [child] == b.nursery.children


async def test_load_eta_is_learnt() -> None:
    """Unknown before the first load; then what the last loads took, counting down while one runs."""
    async with bench(comes_up=False) as b:
        assert ([], None) == (b.recorder.loads, b.slot.resident.load_eta_s)
        b.slot.warm()
        child = await b.nursery.child()
        b.clock.advance(20)
        child.give(wire.Ready(20))
        await settle()
        assert ([20.0], None) == (b.recorder.loads, b.slot.resident.load_eta_s)
        assert b.slot.unload()
        await b.slot.gone()
        assert b.slot.resident.load_eta_s == 20.0
        b.slot.warm()
        await b.nursery.child(1)
        b.clock.advance(15)
        assert (ModelState.LOADING, 5.0) == (b.slot.state, b.slot.resident.load_eta_s)


async def test_a_load_that_never_ends_is_killed() -> None:
    """Loading has a deadline of its own."""
    async with bench(comes_up=False) as b:
        listener = b.speaking()
        child = await b.nursery.child()
        b.clock.advance(101)
        with pytest.raises(EngineHung):
            await listener
        assert (True, ModelState.COLD) == (child.was_killed, b.slot.state)


async def test_a_load_that_fails_says_why() -> None:
    """The engine's own words reach the client; nothing is tried again."""
    async with bench(comes_up=False) as b:
        listener = b.speaking()
        child = await b.nursery.child()
        child.give(wire.LoadFailed("RuntimeError: no weights"))
        with pytest.raises(EngineLoadFailed, match="no weights"):
            await listener
        assert (True, 1) == (child.was_ended, len(b.nursery.children))


async def test_failed_loads_are_not_tried_again_at_once() -> None:
    """Whoever asks meanwhile is told why, and when to come back; the wait doubles until one comes up."""
    async with bench(comes_up=False) as b:
        for number, wait_s in enumerate((2, 4, 8)):
            listener = b.speaking()
            child = await b.nursery.child(number)
            child.give(wire.LoadFailed("RuntimeError: no weights"))
            with pytest.raises(EngineLoadFailed, match="no weights") as caught:
                await listener
            assert wait_s == caught.value.retry_after_s
            b.clock.advance(wait_s - 1)
            with pytest.raises(EngineLoadFailed, match=f"no weights .{number + 1} in a row; next try in 1 s"):
                await b.speaking()
            with pytest.raises(EngineLoadFailed):
                b.slot.warm()
            assert number + 1 == len(b.nursery.children)
            b.clock.advance(1)
        assert ["fake"] * 3 == b.recorder.failed_loads
        b.slot.warm()
        (await b.nursery.child(3)).give(wire.Ready(0))
        await settle()
        assert (ModelState.UP, 0.0, None) == (
            b.slot.state,
            b.slot.resident.retry_in_s,
            b.slot.resident.backoff.reason,
        )


async def test_a_death_while_loading_may_be_chance() -> None:
    """One is healed unseen; two in a row are told, and waited for."""
    async with bench(comes_up=False) as b:
        listener = b.speaking()
        (await b.nursery.child()).die()
        (await b.nursery.child(1)).give(wire.Ready(0))
        await b.spoken(1)
        await listener
        b.slot.unload()
        listener = b.speaking()
        for number in (2, 3):
            (await b.nursery.child(number)).die()
        with pytest.raises(EngineCrashed):
            await listener
        with pytest.raises(EngineLoadFailed, match="died"):
            await b.speaking()
