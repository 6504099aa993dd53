"""Real child processes with engines that misbehave: the node side stays in step, and nothing is orphaned."""

import asyncio
import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from fake_engines import tone
from fakes import FAKE, Recorder
from nodes import SUPPORT, eventually, is_running
from tts_node.domain import Job
from tts_node.engines import EngineDescriptor
from tts_node.errors import EngineCrashed, EngineError, EngineFailed, EngineHung, EngineLoadFailed
from tts_node.process import ChildProcess
from tts_node.slot import Slot, SlotLimits

pytestmark = pytest.mark.anyio
LIMITS = SlotLimits(watchdog_s=0.5, load_timeout_s=0.5, cancel_grace_s=0.5)


@asynccontextmanager
async def slot_of(descriptor: EngineDescriptor = FAKE, limits: SlotLimits = LIMITS) -> AsyncIterator[Slot]:
    """A slot whose children can import the fake engines; all of them are gone afterwards."""
    launch = functools.partial(ChildProcess.spawn, env={"PYTHONPATH": str(SUPPORT)})
    slot = Slot(descriptor, replace(limits, load_timeout_s=limits.load_timeout_s * 10), launch, Recorder())
    try:
        yield slot
    finally:
        await slot.close()


async def speak(slot: Slot, text: str, instructions: str | None = None) -> bytes:
    """The PCM of one script."""
    job = Job(id=slot.next_job_id(), text=text, voice="alloy", instructions=instructions)
    async with slot.speaking(job) as utterance:
        return b"".join([pcm async for pcm in utterance.pieces()])


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
        assert tone(0.1) == await speak(slot, "exit-once audio", str(tmp_path / "marker"))


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
    async with slot_of(sleeper, replace(LIMITS, load_timeout_s=0.05)) as slot:
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
    async with slot_of(limits=replace(LIMITS, watchdog_s=0.2)) as slot:
        async with slot.speaking(
            Job(id=slot.next_job_id(), text="audio wait-cancelled", voice="alloy")
        ) as utterance:
            pieces = utterance.pieces()
            await anext(pieces)
            pid = slot.pid
            await asyncio.sleep(0.5)  # real time for a real process: 'still alive' is no event
            assert not utterance.is_over
        assert tone(0.1) == await speak(slot, "audio")
        assert pid == slot.pid


async def test_much_audio_arrives_whole() -> None:
    """Ten minutes at once: more than the buffer, held back by the pipe, nothing lost."""
    async with slot_of(limits=replace(LIMITS, watchdog_s=5)) as slot:
        assert 600 * 48000 == len(await speak(slot, "much"))


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
