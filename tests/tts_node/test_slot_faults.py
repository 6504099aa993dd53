"""What a fault of the child costs: which are healed unseen, which are told, which end the child."""

import asyncio

import pytest

from slots import PAUSE, bench, heard, settle
from tts_node.domain import ModelState
from tts_node.errors import (
    BadRequest,
    EngineCrashed,
    EngineFailed,
    EngineHung,
    EngineOutOfMemory,
)
from tts_node.life import wire

pytestmark = pytest.mark.anyio


async def test_a_child_that_dies_before_a_sound_is_replaced() -> None:
    """The listener hears nothing of it: the same job is spoken by a fresh child."""
    async with bench() as b:
        listener = b.speaking()
        (await b.nursery.child()).die()
        await b.spoken(1)
        assert b"\1\0" * 24000 == await listener
        assert ["crash"] == b.recorder.losses


async def test_a_second_death_is_told() -> None:
    """Two children dying of one job is the job's end, not the node's; the next request works."""
    async with bench() as b:
        listener = b.speaking()
        for number in (0, 1):
            child = await b.nursery.child(number)
            await child.next_job()
            child.die("signal SIGSEGV")
        with pytest.raises(EngineCrashed, match="SIGSEGV") as caught:
            await listener
        assert (503, 1) == (caught.value.status, caught.value.retry_after_s)
        listener = b.speaking()
        await b.spoken(2)
        await listener


async def test_a_death_after_a_sound_is_not_repeated() -> None:
    """What was heard must not be said twice: the listener gets it and then the error."""
    async with bench() as b:
        async with b.slot.speaking(b.job()) as utterance:
            child = await b.nursery.child()
            job = await child.next_job()
            child.give(wire.Audio(job.id, b"\1\0"))
            child.die()
            with pytest.raises(EngineCrashed):
                await heard(utterance)
        assert 1 == len(b.nursery.children)


async def test_a_silent_child_is_killed() -> None:
    """No frame for the watchdog's time is a hang; it is not tried again, the listener waited long enough."""
    async with bench() as b:
        listener = b.speaking()
        child = await b.nursery.child()
        await child.next_job()
        b.clock.advance(29)
        child.give(wire.Progress())
        await settle()
        b.clock.advance(29)
        assert not child.was_killed
        b.clock.advance(2)
        with pytest.raises(EngineHung):
            await listener
        assert (True, ["hang"]) == (child.was_killed, b.recorder.losses)


async def test_a_failed_utterance_leaves_the_child_alone() -> None:
    """An engine that raises lives on."""
    async with bench() as b:
        listener = b.speaking()
        child = await b.nursery.child()
        job = await child.next_job()
        child.give(wire.Failed(job.id, "hoarse"))
        with pytest.raises(EngineFailed, match="hoarse"):
            await listener
        listener = b.speaking()
        assert child is await b.spoken()
        await listener


@pytest.mark.parametrize("frame", [wire.Ready(0), wire.Done(99, 0), wire.Audio(99, b""), wire.WireError("junk")])
async def test_frames_out_of_turn_end_the_child(frame: wire.AnyMessage | Exception) -> None:
    """A child that is out of step cannot be trusted with the next job."""
    async with bench() as b:
        listener = b.speaking()
        for number in (0, 1):
            child = await b.nursery.child(number)
            await child.next_job()
            child.give(frame)
        with pytest.raises(EngineCrashed):
            await listener
        assert ["protocol", "protocol"] == b.recorder.losses


async def test_a_death_while_idle_is_noticed() -> None:
    """The model is cold again, and the next request starts a fresh child."""
    async with bench() as b:
        await b.slot.resident.ensure_up()
        b.nursery.children[0].die()
        await settle()
        assert (ModelState.COLD, ["crash"]) == (b.slot.state, b.recorder.losses)


async def test_a_slow_listener_is_no_hang() -> None:
    """While the buffer is full the engine waits for the listener, and the watchdog for neither."""
    async with bench() as b, b.slot.speaking(b.job()) as utterance:
        child = await b.nursery.child()
        job = await child.next_job()
        piece = bytes(9_000_000)
        child.give(wire.Audio(job.id, piece), wire.Audio(job.id, piece), wire.Done(job.id, 1))
        await settle()
        b.clock.advance(1000)
        assert not child.was_killed
        assert 18_000_000 == len(await heard(utterance))


async def test_an_unexpected_fault_costs_the_child(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever breaks between the node and its child, nobody knows where the child stands: a fresh one serves."""
    async with asyncio.timeout(60), bench() as b:
        listener = b.speaking()
        child = await b.nursery.child()
        await child.next_job()
        child.give(RuntimeError("nobody thought of this"))
        await b.spoken(1)
        assert b"\1\0" * 24000 == await listener
        assert (True, ["protocol"]) == (child.was_killed, b.recorder.losses)
        assert "nobody thought of this" in caplog.text


async def test_a_crash_between_two_sounds_is_healed() -> None:
    """A piece that was not heard yet is spoken by a fresh child; the pieces before it are not said again."""
    async with bench() as b:
        listener = b.speaking("one", "two")
        child = await b.nursery.child()
        job = await child.next_job()
        child.give(wire.Audio(job.id, b"on"), wire.Done(job.id, 0.5))
        assert "two" == (await child.next_job()).text
        child.die()
        successor = await b.nursery.child(1)
        job = await successor.next_job()
        assert "two" == job.text
        successor.give(wire.Audio(job.id, b"tw"), wire.Done(job.id, 0.5))
        assert b"on" + PAUSE + b"tw" == await listener
        assert (["crash"], ["crash"]) == (b.recorder.losses, b.recorder.retries)


async def test_a_crash_in_a_later_sound_is_told() -> None:
    """What was heard of the second piece must not be said again."""
    async with bench() as b:
        listener = b.speaking("one", "two")
        child = await b.nursery.child()
        job = await child.next_job()
        child.give(wire.Audio(job.id, b"on"), wire.Done(job.id, 0.5))
        job = await child.next_job()
        child.give(wire.Audio(job.id, b"tw"))
        child.die()
        with pytest.raises(EngineCrashed):
            await listener
        assert (1, []) == (len(b.nursery.children), b.recorder.retries)


async def test_a_full_device_costs_one_request_and_the_child() -> None:
    """The process that ran out of memory is not asked again; its successor serves the next request."""
    async with bench() as b:
        listener = b.speaking()
        child = await b.nursery.child()
        job = await child.next_job()
        child.give(wire.Failed(job.id, "OutOfMemoryError: CUDA out of memory", wire.Fault.MEMORY))
        with pytest.raises(EngineOutOfMemory) as caught:
            await listener
        assert (503, 5, "out_of_memory") == (caught.value.status, caught.value.retry_after_s, caught.value.code)
        assert (True, ["memory"]) == (child.was_ended, b.recorder.losses)
        listener = b.speaking()
        await b.spoken(1)
        await listener


async def test_a_refusal_is_the_requests_fault() -> None:
    """400 with the field, and the child goes on."""
    async with bench() as b:
        listener = b.speaking()
        child = await b.nursery.child()
        job = await child.next_job()
        child.give(wire.Failed(job.id, "The recording is too short.", wire.Fault.REQUEST, "voice"))
        with pytest.raises(BadRequest, match="too short") as caught:
            await listener
        assert (400, "voice", False) == (caught.value.status, caught.value.param, child.was_ended)


async def test_second_tries_of_the_engine_are_counted() -> None:
    """What the engine notes is kept with the utterance."""
    async with bench() as b:
        async with b.slot.speaking(b.job()) as utterance:
            child = await b.nursery.child()
            job = await child.next_job()
            child.give(wire.Done(job.id, 0.1, None, ("retried with seed 8: it babbled", "cut at 40 s")))
            await heard(utterance)
        assert ["retried with seed 8: it babbled", "cut at 40 s"] == utterance.notes
        assert ["engine"] == b.recorder.retries
