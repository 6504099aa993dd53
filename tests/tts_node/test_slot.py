"""The owner of the child: the first request starts it, an utterance is spoken in pieces, the end ends it."""

import pytest

from slots import PAUSE, Bench, bench, heard
from tts_node.domain import EngineConfig, ModelState
from tts_node.errors import NodeError
from tts_node.life import wire

pytestmark = pytest.mark.anyio


async def test_the_first_request_starts_the_child() -> None:
    """Nothing runs before somebody asks; then the child is told what to be, speaks, and stays."""
    async with bench() as b:
        assert (ModelState.COLD, []) == (b.slot.state, b.nursery.children)
        listener = b.speaking()
        child = await b.spoken()
        assert b"\1\0" * 24000 == await listener
        assert wire.Load("fake_engines:Scripted", EngineConfig(model="fake"), rtf=0.5) == child.load
        assert (ModelState.UP, child.pid) == (b.slot.state, b.slot.pid)
        assert [ModelState.LOADING, ModelState.UP] == b.recorder.states
        assert 0.5 == b.slot.estimates.rtf.value
        assert 1.0 == b.recorder.speeches[0].audio_duration_s


async def test_close_ends_a_speaking_child() -> None:
    """And the listener gets an end."""
    b = Bench()
    async with b.slot.speaking(b.job()) as utterance:
        child = await b.nursery.child()
        await child.next_job()
        await b.slot.close()
        with pytest.raises(NodeError):
            await heard(utterance)
    assert child.was_ended


async def test_pieces_are_one_utterance() -> None:
    """One after the other in the same voice and seed, each a job of its own, with the pauses between them."""
    async with bench() as b:
        listener = b.speaking("one", "two", "three")
        ids = set()
        for text in ("one", "two", "three"):
            job = await (await b.nursery.child()).next_job()
            assert (text, "alloy", 7) == (job.text, job.voice, job.seed)
            ids.add(job.id)
            b.nursery.children[0].give(wire.Audio(job.id, text[:2].encode()), wire.Done(job.id, 0.5))
        assert b"on" + PAUSE + b"tw" + PAUSE + b"th" == await listener
        assert 3 == len(ids)
        assert [1.5] == [speech.generation_time_s for speech in b.recorder.speeches]


async def test_nothing_to_say_needs_no_engine() -> None:
    """A moment of silence, at once, also while somebody else speaks."""
    async with bench() as b:
        listener = b.speaking()
        child = await b.nursery.child()
        job = await child.next_job()
        async with b.slot.speaking(b.job(), ()) as utterance:
            assert bytes(4800) == await heard(utterance)
            assert (0.1, 0.0) == (utterance.speech.audio_duration_s, utterance.speech.generation_time_s)
        child.give(wire.Done(job.id, 0.1))
        await listener


async def test_repr_tells_the_story() -> None:
    """What a log needs to know of a slot."""
    async with bench() as b:
        assert "<Slot fake cold pid=None <Turns busy=False waiting=0/2>>" == repr(b.slot)
