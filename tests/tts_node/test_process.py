"""Real child processes with engines that misbehave: the node side stays in step, and nothing is orphaned."""

import asyncio
import functools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from fake_engines import tone
from fakes import FAKE, Recorder
from nodes import SUPPORT, eventually, is_running
from tts_node.domain import Clip, Job, Memory, Piece
from tts_node.engines import EngineDescriptor
from tts_node.errors import (
    BadRequest,
    EngineCrashed,
    EngineError,
    EngineFailed,
    EngineHung,
    EngineLoadFailed,
    EngineOutOfMemory,
)
from tts_node.life.budget import Budget
from tts_node.life.limits import SlotLimits
from tts_node.life.process import ChildProcess, ending_of
from tts_node.life.slot import Slot

pytestmark = pytest.mark.anyio
LIMITS = SlotLimits(watchdog_s=2, load_timeout_s=60, cancel_grace_s=2)


@asynccontextmanager
async def slot_of(
    descriptor: EngineDescriptor = FAKE, limits: SlotLimits = LIMITS, budget: Budget | None = None
) -> AsyncIterator[Slot]:
    """A slot whose children can import the fake engines; all of them are gone afterwards."""
    launch = functools.partial(ChildProcess.spawn, env={"PYTHONPATH": str(SUPPORT)})
    slot = Slot(descriptor, limits, launch, Recorder(), budget=budget)
    try:
        yield slot
    finally:
        await slot.close()


async def speak(slot: Slot, *texts: str, instructions: str | None = None) -> bytes:
    """The PCM of one script, in one piece or several."""
    job = Job(id=slot.next_job_id(), text=texts[0], voice="alloy", instructions=instructions)
    async with slot.speaking(job, tuple(Piece(text) for text in texts)) as utterance:
        return b"".join([pcm async for pcm in utterance.pieces()])


@pytest.mark.parametrize(
    ("code", "expected"), [(0, "exit status 0"), (3, "exit status 3"), (-11, "signal SIGSEGV"), (-40, "signal 40")]
)
async def test_every_ending_has_words(code: int, expected: str) -> None:
    """Signals without a name too."""
    assert expected == ending_of(code)


async def test_a_chatty_library_corrupts_nothing() -> None:
    """What is printed by Python or by C goes to stderr, between frames and never into them."""
    async with slot_of() as slot:
        assert tone(0.1) * 2 == await speak(slot, "print audio print read audio print")


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("exit", EngineCrashed),
        ("segfault", EngineCrashed),
        ("audio exit", EngineCrashed),
        ("hang", EngineHung),
        ("audio hang", EngineHung),
        ("raise", EngineFailed),
        ("garbage hang", EngineCrashed),
    ],
)
async def test_misbehaviour_costs_one_request(script: str, error: type[EngineError]) -> None:
    """A clean, retryable error each time; and the next request works."""
    async with slot_of() as slot:
        with pytest.raises(error) as caught:
            await speak(slot, script)
        assert (503, 1) == (caught.value.status, caught.value.retry_after_s)
        assert tone(0.1) == await speak(slot, "audio")


async def test_a_crash_before_a_sound_is_not_heard(tmp_path: Path) -> None:
    """The same job on a fresh child, in the same request."""
    async with slot_of() as slot:
        assert tone(0.1) == await speak(slot, "exit-once audio", instructions=str(tmp_path / "marker"))


@pytest.mark.parametrize(
    ("engine", "error", "text"),
    [
        ("Broken", EngineLoadFailed, "tts-node download"),
        ("Stillborn", EngineCrashed, "exit status 9"),
        ("Missing", EngineLoadFailed, "Missing"),
    ],
)
async def test_loads_that_fail(engine: str, error: type[EngineError], text: str) -> None:
    """The message says what to do, and no process is left."""
    async with slot_of(replace(FAKE, factory=f"fake_engines:{engine}")) as slot:
        with pytest.raises(error, match=text):
            await speak(slot, "audio")


async def test_a_load_that_hangs() -> None:
    """Its deadline ends it."""
    sleeper = replace(FAKE, factory="fake_engines:Sleeper")
    async with slot_of(sleeper, replace(LIMITS, load_timeout_s=0.5)) as slot:
        with pytest.raises(EngineHung):
            await speak(slot, "audio")


async def test_a_deaf_child_is_replaced() -> None:
    """One that does not heed cancellation is killed, and its successor serves."""
    async with slot_of(limits=replace(LIMITS, watchdog_s=30)) as slot:
        async with slot.speaking(Job(id=slot.next_job_id(), text="audio hang", voice="alloy")) as utterance:
            await anext(utterance.pieces())
        assert tone(0.1) == await speak(slot, "audio")


async def test_signs_of_life_carry_over_the_watchdog() -> None:
    """An engine that works long without audio lives, and heeds the listener's leaving."""
    async with slot_of(limits=replace(LIMITS, watchdog_s=1.5, cancel_grace_s=60)) as slot:
        async with slot.speaking(
            Job(id=slot.next_job_id(), text="audio wait-cancelled", voice="alloy")
        ) as utterance:
            pieces = utterance.pieces()
            await anext(pieces)
            pid = slot.pid
            await asyncio.sleep(3)  # real time for a real process: 'still alive' is no event
            assert not utterance.is_over
        assert tone(0.1) == await speak(slot, "audio")
        assert pid == slot.pid


async def test_much_audio_arrives_whole() -> None:
    """Ten minutes at once: more than the buffer, held back by the pipe, nothing lost."""
    async with slot_of(limits=replace(LIMITS, watchdog_s=60)) as slot:
        assert 600 * 48000 == len(await speak(slot, "much"))


async def test_a_crash_between_pieces_is_not_heard(tmp_path: Path) -> None:
    """The pieces before it are not said again, the one it fell into is said by the successor."""
    async with slot_of() as slot:
        marker = str(tmp_path / "marker")
        heard = await speak(slot, "audio audio", "exit-once audio", "audio", instructions=marker)
        assert tone(0.1) * 4 == heard


async def test_a_full_device_costs_the_process() -> None:
    """A process whose allocator failed is gone; its successor serves, and the request may be repeated."""
    async with slot_of() as slot:
        await speak(slot, "audio")
        pid = slot.pid
        assert pid is not None
        with pytest.raises(EngineOutOfMemory, match="Try again"):
            await speak(slot, "allocate")
        assert tone(0.1) == await speak(slot, "audio")
        assert pid != slot.pid
        assert not is_running(pid)


async def test_a_refusal_is_the_requests_fault() -> None:
    """The engine says so; its process stays."""
    async with slot_of() as slot:
        await speak(slot, "audio")
        pid = slot.pid
        with pytest.raises(BadRequest, match="cannot be sung"):
            await speak(slot, "refuse")
        assert tone(0.1) == await speak(slot, "audio")
        assert pid == slot.pid


async def test_a_voice_is_prepared_in_the_child(tmp_path: Path) -> None:
    """By the same process that speaks, with the recording it is told; a recording it refuses is a 400."""
    clip = tmp_path / "clip.wav"
    clip.touch()
    async with slot_of() as slot:
        assert await slot.prepare(Clip("ab", str(clip)), load=True)
        assert b"prepared" == clip.read_bytes()
        with pytest.raises(BadRequest, match="no such recording"):
            await slot.prepare(Clip("ab", str(tmp_path / "missing.wav")))
        assert tone(0.1) == await speak(slot, "audio")


async def test_the_child_makes_way_for_the_node() -> None:
    """Ten steps nicer than its parent, and the first to go when the machine is out of memory."""
    async with slot_of() as slot:
        await speak(slot, "audio")
        assert slot.pid
        assert os.getpriority(os.PRIO_PROCESS, 0) + 10 == os.getpriority(os.PRIO_PROCESS, slot.pid)
        score = await asyncio.to_thread(Path(f"/proc/{slot.pid}/oom_score_adj").read_text)
        assert "700" == score.strip()


async def test_two_models_take_turns_in_memory() -> None:
    """Room for one: while the second is up, the first's process is gone; and back again."""
    budget = Budget(3000)
    big = replace(FAKE, memory_mb=2000)
    async with (
        slot_of(replace(big, id="a"), budget=budget) as a,
        slot_of(replace(big, id="b"), budget=budget) as b,
    ):
        for one, other in ((a, b), (b, a), (a, b)):
            pid = other.pid
            assert tone(0.1) == await speak(one, "audio")
            assert other.pid is None
            assert pid is None or not is_running(pid)
        async with asyncio.TaskGroup() as group:
            spoken = [group.create_task(speak(slot, "audio")) for slot in (a, b, a, b)]
        assert [tone(0.1)] * 4 == [task.result() for task in spoken]


async def test_the_devices_memory_is_reported() -> None:
    """After the load and after each job, while the child lives."""
    async with slot_of(replace(FAKE, factory="fake_engines:WithDevice")) as slot:
        await speak(slot, "audio")
        assert Memory(3000, 5000, 8000) == slot.resident.memory
        slot.unload()
        assert slot.resident.memory is None


async def test_unload_gives_the_process_back() -> None:
    """Not a state in a variable: the pid is gone."""
    async with slot_of() as slot:
        await speak(slot, "audio")
        pid = slot.pid
        assert pid is not None
        assert is_running(pid)
        assert slot.unload()
        await slot.gone()
        assert eventually(lambda: not is_running(pid))
