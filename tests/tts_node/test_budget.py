"""Room in memory: who leaves for whom, and that nobody waits for ever. Fake children."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from fakes import FAKE, FakeChild, ManualClock, Nursery, Recorder
from tts_node.domain import Job, Memory, ModelState
from tts_node.errors import EngineOutOfMemory, WaitedTooLong
from tts_node.life import wire
from tts_node.life.budget import GPU_MARGIN_MB, PATIENCE_S, Budget, Occupant, who_must_leave
from tts_node.life.limits import SlotLimits
from tts_node.life.machine import MIB, ram_mb
from tts_node.life.slot import Slot
from tts_node.life.timing import Timing

pytestmark = pytest.mark.anyio

IDLE_SMALL = Occupant("small", 1000, is_in_use=False, last_used_s=1)
IDLE_LARGE = Occupant("large", 4000, is_in_use=False, last_used_s=2)
USED = Occupant("used", 3000, is_in_use=True, last_used_s=0)


@pytest.mark.parametrize(
    ("inside", "need_mb", "expected"),
    [
        ((), 3000, ()),
        ((), 99_000, ()),  # alone it may always try
        ((USED,), 5000, ()),
        ((USED,), 5001, None),
        ((USED,), 99_000, None),
        ((IDLE_SMALL, IDLE_LARGE), 3000, ()),
        ((IDLE_SMALL, IDLE_LARGE), 4000, ("small",)),
        ((IDLE_SMALL, IDLE_LARGE), 7000, ("large",)),  # the small one would have left for nothing
        ((IDLE_SMALL, IDLE_LARGE), 7500, ("small", "large")),
        ((IDLE_SMALL, IDLE_LARGE), 99_000, ("small", "large")),
        ((USED, IDLE_LARGE), 5000, ("large",)),
        ((USED, IDLE_LARGE), 6000, None),
    ],
)
def test_who_must_leave(inside: tuple[Occupant, ...], need_mb: int, expected: tuple[str, ...] | None) -> None:
    """Of 8000 MB: the least recently used idle ones, as few as will do; None while one in use is in the way."""
    assert expected == who_must_leave(inside, need_mb, 8000)


def test_the_budget_is_learnt_from_the_device() -> None:
    """A share of the RAM at first, then what the child reports less a margin; a figure that was set stays."""
    budget = Budget()
    assert int(ram_mb() * 0.6) == budget.total_mb
    seen = Memory(0, 0, 24_576 * MIB)
    budget.learn(seen)
    assert 24_576 - GPU_MARGIN_MB == budget.total_mb
    fixed = Budget(5000)
    fixed.learn(seen)
    assert 5000 == fixed.total_mb


class House:
    """Models of 3000 MB each under one budget, every child in the test's hands."""

    def __init__(self, budget_mb: int, wait_s: float = 60) -> None:
        self.clock = ManualClock()
        self.recorder = Recorder()
        self.budget = Budget(budget_mb, self.clock)
        self.wait_s = wait_s
        self.nurseries: dict[str, Nursery] = {}
        self.slots: dict[str, Slot] = {}

    def slot(self, name: str) -> Slot:
        """One model."""
        if name not in self.slots:
            nursery = self.nurseries[name] = Nursery()
            self.slots[name] = Slot(
                replace(FAKE, id=name, memory_mb=3000),
                SlotLimits(queue_wait_s=self.wait_s),
                nursery,
                self.recorder,
                budget=self.budget,
                timing=Timing(self.clock, self.clock.sleep, self.clock.call_later),
            )
        return self.slots[name]

    def speaking(self, name: str) -> asyncio.Task[None]:
        """Somebody who wants to hear that model."""
        return asyncio.create_task(self._listen(self.slot(name)))

    async def _listen(self, slot: Slot) -> None:
        async with slot.speaking(Job(id=slot.next_job_id(), text="x", voice="alloy")) as utterance:
            async for _ in utterance.pieces():
                pass

    async def begun(self, name: str, number: int = 0) -> tuple[FakeChild, Job]:
        """The model's child, and what it is told to speak."""
        child = await self.nurseries[name].child(number)
        return child, await child.next_job()

    async def spoken(self, name: str, number: int = 0) -> FakeChild:
        """It speaks."""
        child, job = await self.begun(name, number)
        child.give(wire.Done(job.id, 0.1))
        return child

    @property
    def states(self) -> dict[str, ModelState]:
        """Of all models."""
        return {name: slot.state for name, slot in self.slots.items()}


async def settle() -> None:
    """Lets every ready task run up to its next wait."""
    for _ in range(30):
        await asyncio.sleep(0)


@asynccontextmanager
async def house(budget_mb: int, wait_s: float = 60) -> AsyncIterator[House]:
    """A house that is empty in the end."""
    made = House(budget_mb, wait_s)
    yield made
    for slot in made.slots.values():
        await slot.close()
    assert f"<Budget {made.budget.total_mb} MB inside=[]>" == repr(made.budget)


async def test_the_least_recently_used_leaves() -> None:
    """Room for two: the third's coming ends the one that was idle longest, and is counted."""
    async with house(6000) as h:
        for name in ("a", "b", "a", "c"):
            listener = h.speaking(name)
            await h.spoken(name)
            await listener
            h.clock.advance(1)
        assert {"a": ModelState.UP, "b": ModelState.COLD, "c": ModelState.UP} == h.states
        assert (["b"], []) == (h.recorder.evictions, h.recorder.losses)


async def test_the_new_child_waits_for_the_old_process() -> None:
    """Only a process that is gone has given its memory back."""
    async with house(3000) as h:
        listener = h.speaking("a")
        old = await h.spoken("a")
        await listener
        old.is_slow_to_end = True
        listener = h.speaking("b")
        await settle()
        assert (True, []) == (old.was_ended, h.nurseries["b"].children)
        old.die()
        await h.spoken("b")
        await listener


async def test_a_model_in_use_is_waited_for() -> None:
    """Who speaks is not cut and who waits for it is served first; then the other comes up."""
    async with house(3000) as h:
        first, second = h.speaking("a"), h.speaking("a")
        child, job = await h.begun("a")
        other = h.speaking("b")
        await settle()
        assert ([], False) == (h.nurseries["b"].children, child.was_ended)
        child.give(wire.Done(job.id, 0.1))
        await first
        await settle()
        assert not child.was_ended
        await h.spoken("a")
        await second
        await h.spoken("b")
        await other
        assert (True, ["a"]) == (child.was_ended, h.recorder.evictions)


async def test_waiting_for_room_has_a_deadline() -> None:
    """503 with Retry-After; it is no failure of the model, and nothing has to be waited for afterwards."""
    async with house(3000, wait_s=0.01) as h:
        first = h.speaking("a")
        child, job = await h.begun("a")
        with pytest.raises(WaitedTooLong, match="no room for b beside a") as caught:
            await h.speaking("b")
        assert (503, 5, "no_room") == (caught.value.status, caught.value.retry_after_s, caught.value.code)
        child.give(wire.Done(job.id, 0.1))
        await first
        other = h.speaking("b")
        await h.spoken("b")
        await other
        assert [] == h.recorder.failed_loads


async def test_two_that_need_each_others_room_both_speak() -> None:
    """The model in use crashes while another waits for its room: one after the other, no deadlock."""
    async with house(3000) as h:
        first = h.speaking("a")
        child, _ = await h.begun("a")
        other = h.speaking("b")
        await settle()
        child.die()
        await h.spoken("b")  # it was first in line for room
        await other
        await h.spoken("a", 1)
        await first
        assert ["b"] == h.recorder.evictions


async def test_a_model_in_demand_starves_no_other() -> None:
    """Who has waited long enough gets the room between two utterances; who had it comes back after it."""
    async with house(3000) as h:
        listeners = [h.speaking("a") for _ in range(3)]
        child, job = await h.begun("a")
        other = h.speaking("b")
        await settle()
        h.clock.advance(PATIENCE_S - 1)
        child.give(wire.Done(job.id, 0.1))
        await listeners[0]
        _, job = await h.begun("a")  # not long enough yet
        h.clock.advance(1)
        child.give(wire.Done(job.id, 0.1))
        await h.spoken("b")
        await other
        await h.spoken("a", 1)
        await asyncio.gather(*listeners)
        assert (["a", "b"], True) == (h.recorder.evictions, child.was_ended)


async def test_who_leaves_the_wait_evicts_nobody() -> None:
    """A load that waits for room is called off with its last listener."""
    async with house(3000) as h:
        first = h.speaking("a")
        child, job = await h.begun("a")
        other = h.speaking("b")
        await settle()
        assert ModelState.LOADING is h.slot("b").state
        other.cancel()
        await settle()
        assert ModelState.COLD is h.slot("b").state
        child.give(wire.Done(job.id, 0.1))
        await first
        await settle()
        assert (ModelState.UP, False) == (h.slot("a").state, child.was_ended)


async def test_a_full_device_sends_the_idle_away() -> None:
    """What was reckoned to fit did not: the next try finds the device empty."""
    async with house(6000) as h:
        for name in ("a", "b"):
            listener = h.speaking(name)
            if name == "a":
                await h.spoken(name)
                await listener
        child, job = await h.begun("b")
        child.give(wire.Failed(job.id, "out of memory", wire.Fault.MEMORY))
        with pytest.raises(EngineOutOfMemory):
            await listener
        assert ({"a": ModelState.COLD, "b": ModelState.COLD}, ["a"]) == (h.states, h.recorder.evictions)


async def test_a_model_that_took_more_is_reckoned_with() -> None:
    """What a child was seen to use counts, when that is more than the table says."""
    async with house(7000) as h:
        listener = h.speaking("a")
        child, job = await h.begun("a")
        child.give(wire.Done(job.id, 0.1, Memory(5000 * MIB, 0, 8000 * MIB)))
        await listener
        listener = h.speaking("b")
        await h.spoken("b")
        await listener
        assert ["a"] == h.recorder.evictions


async def test_small_models_need_no_room() -> None:
    """espeak speaks whatever fills the device."""
    async with house(3000) as h:
        first = h.speaking("a")
        child, job = await h.begun("a")
        slot = Slot(FAKE, SlotLimits(), nursery := Nursery(), h.recorder, budget=h.budget)
        await slot.resident.ensure_up()
        assert 1 == len(nursery.children)
        await slot.close()
        child.give(wire.Done(job.id, 0.1))
        await first


def test_a_unit_may_use_what_the_least_of_its_groups_allows(tmp_path: Path) -> None:
    """systemd's MemoryMax stands in a folder of the unit's own; "max" is no limit."""
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "cgroup").write_text("0::/system.slice/tts-node.service\n")
    unit = tmp_path / "sys" / "fs" / "cgroup" / "system.slice" / "tts-node.service"
    unit.mkdir(parents=True)
    (unit / "memory.max").write_text("max\n")
    (unit.parent / "memory.max").write_text(f"{700 * MIB}\n")
    assert 700 == ram_mb(tmp_path)
