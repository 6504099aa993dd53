"""The owner of the child: one load, one utterance, one process, whatever happens. Fake children, manual clock."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from fakes import FAKE, FakeChild, ManualClock, Nursery, Recorder
from tts_node.domain import Clip, EngineConfig, Job, Memory, ModelState, Piece, Priority, Simulation
from tts_node.errors import (
    BadRequest,
    EngineCrashed,
    EngineFailed,
    EngineHung,
    EngineLoadFailed,
    EngineOutOfMemory,
    NodeError,
)
from tts_node.life import wire
from tts_node.life.budget import Tenant
from tts_node.life.limits import SlotLimits
from tts_node.life.resident import idle_left_s
from tts_node.life.slot import Slot
from tts_node.life.timing import Timing
from tts_node.life.utterance import Utterance

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
            timing=Timing(self.clock, self.clock.sleep, self.clock.call_later),
        )

    def speaking(self, *texts: str, priority: Priority = Priority.INTERACTIVE) -> asyncio.Task[bytes]:
        """A listener that hears one utterance, of these pieces, to its end."""
        pieces = tuple(Piece(text, 0.001) for text in texts)
        return asyncio.create_task(self._listen(pieces or None, priority))

    async def _listen(self, text: tuple[Piece, ...] | None, priority: Priority) -> bytes:
        async with self.slot.speaking(self.job(), text, priority) as utterance:
            return await heard(utterance)

    def job(self) -> Job:
        """The next one."""
        return Job(id=self.slot.next_job_id(), text="x", voice="alloy", seed=7)

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
        await b.slot.resident.ensure_up()
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


async def test_unload_does_not_wait_for_the_line() -> None:
    """It comes after the utterance that is spoken; who waits, or comes later, is served by a fresh child."""
    async with asyncio.timeout(5), bench() as b:
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
    async with asyncio.timeout(5), bench() as b:
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


async def test_an_unexpected_fault_costs_the_child(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever breaks between the node and its child, nobody knows where the child stands: a fresh one serves."""
    async with asyncio.timeout(5), bench() as b:
        listener = b.speaking()
        child = await b.nursery.child()
        await child.next_job()
        child.give(RuntimeError("nobody thought of this"))
        await b.spoken(1)
        assert b"\1\0" * 24000 == await listener
        assert (True, ["protocol"]) == (child.was_killed, b.recorder.losses)
        assert "nobody thought of this" in caplog.text


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


PAUSE = b"\0\0" * 24  # a millisecond
CLIP = Clip("ab" * 32, "/clips/ab.wav")


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


async def test_repr_tells_the_story() -> None:
    """What a log needs to know of a slot."""
    async with bench() as b:
        assert "<Slot fake cold pid=None <Turns busy=False waiting=0/2>>" == repr(b.slot)
