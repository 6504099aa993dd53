"""The owner of the child: one load, one utterance, one process, whatever happens. Fake children, manual clock."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from fakes import FAKE, FakeChild, ManualClock, Nursery, Recorder
from tts_node import wire
from tts_node.domain import EngineConfig, Job, ModelState, Simulation
from tts_node.errors import EngineCrashed, EngineFailed, EngineHung, EngineLoadFailed, NodeError
from tts_node.slot import Slot, SlotLimits, idle_left_s
from tts_node.utterance import Utterance

pytestmark = pytest.mark.anyio
LIMITS = SlotLimits(idle_timeout_s=600, queue_limit=2, watchdog_s=30, load_timeout_s=100, cancel_grace_s=5)


class Bench:
    """A slot with everything around it in the test's hands."""

    def __init__(self, limits: SlotLimits = LIMITS, *, comes_up: bool = True) -> None:
        self.clock = ManualClock()
        self.nursery = Nursery(comes_up=comes_up)
        self.recorder = Recorder()
        self.slot = Slot(
            FAKE,
            limits,
            self.nursery,
            self.recorder,
            simulation=Simulation(rtf=0.5),
            clock=self.clock,
            sleep=self.clock.sleep,
            call_later=self.clock.call_later,
        )

    def speaking(self) -> asyncio.Task[bytes]:
        """A listener that hears one utterance to its end."""
        return asyncio.create_task(self._listen())

    async def _listen(self) -> bytes:
        async with self.slot.speaking(self.job()) as utterance:
            return await heard(utterance)

    def job(self) -> Job:
        """The next one."""
        return Job(id=self.slot.next_job_id(), text="x", voice="alloy")

    async def spoken(self, number: int = 0, pcm: bytes = b"\1\0" * 24000) -> FakeChild:
        """Child `number` speaks the job it was told."""
        child = await self.nursery.child(number)
        job = await child.next_job()
        child.give(wire.Audio(job.id, pcm), wire.Done(job.id, 0.5))
        return child


async def heard(utterance: Utterance) -> bytes:
    """All of it."""
    return b"".join([pcm async for pcm in utterance.pieces()])


async def settle() -> None:
    """Lets every ready task run up to its next wait."""
    for _ in range(20):
        await asyncio.sleep(0)


@asynccontextmanager
async def bench(limits: SlotLimits = LIMITS, *, comes_up: bool = True) -> AsyncIterator[Bench]:
    """A bench whose slot is closed in the end, with no task left over."""
    before = asyncio.all_tasks()
    made = Bench(limits, comes_up=comes_up)
    yield made
    await made.slot.close()
    await settle()
    assert before == asyncio.all_tasks()


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


async def test_one_load_is_shared_and_survives_who_asked() -> None:
    """Whoever waits for the model waits for the same load, and leaving does not abort it."""
    async with bench(comes_up=False) as b:
        askers = [asyncio.create_task(b.slot.ensure_up()) for _ in range(3)]
        child = await b.nursery.child()
        askers[0].cancel()
        await settle()
        child.give(wire.Ready(0.1))
        assert [child, child] == await asyncio.gather(*askers[1:])
        assert [child] == b.nursery.children


async def test_load_eta_is_learnt() -> None:
    """Unknown before the first load; then what the last loads took, counting down while one runs."""
    async with bench(comes_up=False) as b:
        assert ([], None) == (b.recorder.loads, b.slot.load_eta_s)
        b.slot.warm()
        child = await b.nursery.child()
        b.clock.advance(20)
        child.give(wire.Ready(20))
        await settle()
        assert ([20.0], None) == (b.recorder.loads, b.slot.load_eta_s)
        assert b.slot.unload()
        await b.slot.gone()
        assert b.slot.load_eta_s == 20.0
        b.slot.warm()
        await b.nursery.child(1)
        b.clock.advance(15)
        assert (ModelState.LOADING, 5.0) == (b.slot.state, b.slot.load_eta_s)


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
        await b.slot.ensure_up()
        b.nursery.children[0].die()
        await settle()
        assert (ModelState.COLD, ["crash"]) == (b.slot.state, b.recorder.losses)


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


async def test_repr_tells_the_story() -> None:
    """What a log needs to know of a slot."""
    async with bench() as b:
        assert "<Slot fake cold pid=None <Turns busy=False waiting=0/2>>" == repr(b.slot)
