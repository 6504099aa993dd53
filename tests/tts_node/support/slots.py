"""A slot on a bench: a nursery of fake children, a manual clock, an observer that remembers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fakes import FAKE, FakeChild, ManualClock, Nursery, Recorder
from tts_node.domain import Job, Piece, Priority, Simulation
from tts_node.life import wire
from tts_node.life.limits import SlotLimits
from tts_node.life.slot import Slot
from tts_node.life.timing import Timing
from tts_node.life.utterance import Utterance

LIMITS = SlotLimits(idle_timeout_s=600, queue_limit=2, watchdog_s=30, load_timeout_s=100, cancel_grace_s=5)
PAUSE = b"\0\0" * 24  # a millisecond: what is between two pieces


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
