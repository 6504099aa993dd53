"""Whose turn it is: who leaves gives it back, batch work makes way, and preparing waits for speech."""

import asyncio

import pytest

from slots import bench, settle
from tts_node.domain import Clip, Memory, ModelState, Piece, Priority
from tts_node.errors import BadRequest
from tts_node.life import wire

pytestmark = pytest.mark.anyio
CLIP = Clip("ab" * 32, "/clips/ab.wav")


async def test_leaving_while_speaking_stops_the_speech() -> None:
    """The child is told, and the turn is given back when it says that it stopped."""
    async with bench() as b:
        async with b.slot.speaking(b.job()):
            child = await b.nursery.child()
            job = await child.next_job()
        assert [wire.Cancel(job.id)] == child.sent
        assert b.slot.turns.is_busy
        child.give(wire.Audio(job.id, b"\1\0"), wire.Done(job.id, 0.1))
        await settle()
        assert (False, []) == (b.slot.turns.is_busy, b.recorder.speeches)
        assert not child.was_killed


async def test_a_child_deaf_to_cancellation_is_killed() -> None:
    """Signs of life do not save it: the next listener waits."""
    async with bench() as b:
        async with b.slot.speaking(b.job()):
            child = await b.nursery.child()
            await child.next_job()
        b.clock.advance(4)
        child.give(wire.Progress())
        await settle()
        b.clock.advance(2)
        await settle()
        assert (True, False) == (child.was_killed, b.slot.turns.is_busy)


async def test_leaving_during_the_load_gives_the_turn_back() -> None:
    """The load goes on for whoever comes next."""
    async with bench(comes_up=False) as b:
        async with b.slot.speaking(b.job()):
            child = await b.nursery.child()
        await settle()
        assert (False, ModelState.LOADING) == (b.slot.turns.is_busy, b.slot.state)
        child.give(wire.Ready(0))
        await settle()
        assert b.slot.state is ModelState.UP


async def test_leaving_at_once_gives_the_turn_back() -> None:
    """Even before the utterance's task took its first step."""
    async with bench() as b:
        async with b.slot.speaking(b.job()):
            pass
        await settle()
        assert (False, []) == (b.slot.turns.is_busy, b.nursery.children)


async def test_batch_work_makes_way_between_pieces() -> None:
    """An interactive request goes first; then the batch job goes on, before batch jobs that came later."""
    async with bench() as b:
        said: list[str] = []
        batch = b.speaking("one", "two", priority=Priority.BATCH)
        child = await b.nursery.child()
        job = await child.next_job()
        later = b.speaking("later", priority=Priority.BATCH)
        urgent = b.speaking("urgent", "more urgent")
        await settle()
        for _ in range(5):
            said.append(job.text)
            child.give(wire.Done(job.id, 0.1))
            if len(said) < 5:
                job = await child.next_job()
        await asyncio.gather(batch, later, urgent)
        assert ["one", "urgent", "more urgent", "two", "later"] == said


async def test_leaving_between_pieces_speaks_no_more() -> None:
    """The child is told to stop the piece it is at, and hears of no further one."""
    async with bench() as b:
        async with b.slot.speaking(b.job(), (Piece("one"), Piece("two"))):
            child = await b.nursery.child()
            job = await child.next_job()
        child.give(wire.Done(job.id, 0.1))
        await settle()
        assert (False, [wire.Cancel(job.id)]) == (b.slot.turns.is_busy, child.sent)


async def test_leaving_while_making_way_leaves_the_line() -> None:
    """A batch job that waits to go on holds no turn, and gives none back twice."""
    async with bench() as b:
        async with b.slot.speaking(b.job(), (Piece("one"), Piece("two")), Priority.BATCH):
            child = await b.nursery.child()
            job = await child.next_job()
            urgent = b.speaking("urgent")
            await settle()
            child.give(wire.Done(job.id, 0.1))
            job = await child.next_job()
            assert ("urgent", 1) == (job.text, b.slot.turns.depth)
        await settle()
        assert 0 == b.slot.turns.depth
        child.give(wire.Done(job.id, 0.1))
        await urgent
        assert not b.slot.turns.is_in_use


async def test_a_voice_is_prepared_when_the_model_is_up() -> None:
    """A cold model is left alone unless told otherwise; an engine's refusal is the recording's fault."""
    async with bench() as b:
        assert not await b.slot.prepare(CLIP)
        assert [] == b.nursery.children
        preparing = asyncio.create_task(b.slot.prepare(CLIP, load=True))
        child = await b.nursery.child()
        frame = await child.next_preparation()
        assert CLIP == frame.clip
        child.give(wire.Progress(), wire.Done(frame.job_id, 2.0, Memory(1, 2, 3)))
        assert await preparing
        assert Memory(1, 2, 3) == b.slot.resident.memory
        preparing = asyncio.create_task(b.slot.prepare(CLIP))
        frame = await child.next_preparation()
        child.give(wire.Failed(frame.job_id, "Too short.", wire.Fault.REQUEST, "voice"))
        with pytest.raises(BadRequest, match="Too short"):
            await preparing


async def test_preparing_waits_for_speech_and_goes_on_alone() -> None:
    """Who is interactive goes first; a preparation that has begun does not end with who asked for it."""
    async with bench() as b:
        listener = b.speaking()
        child = await b.nursery.child()
        job = await child.next_job()
        preparing = asyncio.create_task(b.slot.prepare(CLIP))
        await settle()
        urgent = b.speaking()
        await settle()
        child.give(wire.Done(job.id, 0.1))
        await listener
        job = await child.next_job()
        child.give(wire.Done(job.id, 0.1))
        await urgent
        frame = await child.next_preparation()
        preparing.cancel()
        await settle()
        assert b.slot.turns.is_busy
        child.give(wire.Done(frame.job_id, 2.0))
        await settle()
        assert not b.slot.turns.is_busy
