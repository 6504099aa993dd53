"""Speaks with one engine, one utterance at a time, whatever becomes of its processes.

Who speaks is decided by `Turns`, the process's life by `Resident`; here a turn is spent. Invariants:
- one exchange with the child at a time, and only by who holds the turn;
- a turn is always given back, and an utterance always gets an end, whatever happens to the child;
- nothing that a listener has heard is said again: only a piece without a sound is tried once more.
"""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec

from tts_node.domain import (
    AS_FAST_AS_IT_IS,
    NOTHING_S,
    Clip,
    EngineConfig,
    Job,
    ModelState,
    Piece,
    Priority,
    Simulation,
)
from tts_node.engines import EngineDescriptor
from tts_node.errors import EngineCrashed, EngineFailed, EngineOutOfMemory, NodeError
from tts_node.life import wire
from tts_node.life.admission import Turns
from tts_node.life.budget import Budget
from tts_node.life.estimate import Estimates
from tts_node.life.exchange import Exchange
from tts_node.life.limits import SlotLimits
from tts_node.life.process import Child, Launch
from tts_node.life.resident import Resident
from tts_node.life.tasks import Tasks
from tts_node.life.timing import REAL, Timing
from tts_node.life.utterance import Utterance
from tts_node.life.watchdog import Watchdog
from tts_node.ports import RETRIED, Observer

log = logging.getLogger(__name__)


class Slot:
    """One model: its line, its utterances, its process."""

    def __init__(
        self,
        descriptor: EngineDescriptor,
        limits: SlotLimits,
        launch: Launch,
        observer: Observer,
        *,
        config: EngineConfig | None = None,
        simulation: Simulation = AS_FAST_AS_IT_IS,
        budget: Budget | None = None,
        timing: Timing = REAL,
        estimates: Estimates | None = None,
    ) -> None:
        self.model = descriptor.id
        self.estimates = estimates or Estimates()
        self.turns = Turns(limits.queue_limit, lambda: self.estimates.turn_s.value)
        self.resident = Resident(
            wire.Load(
                descriptor.factory,
                config or EngineConfig(model=descriptor.id),
                simulation.rtf,
                simulation.first_s,
                simulation.load_s,
            ),
            limits,
            launch,
            observer,
            self.estimates,
            lambda: self.turns.is_in_use,
            memory_mb=descriptor.memory_mb,
            budget=budget,
            timing=timing,
        )
        self._limits = limits
        self._observer = observer
        self._job_ids = itertools.count(1)
        self._warming: asyncio.Task[None] | None = None
        self._is_unload_wanted = False
        self._tasks = Tasks()

    def __repr__(self) -> str:
        return f"<Slot {self.model} {self.state} pid={self.pid} {self.turns!r}>"

    @property
    def state(self) -> ModelState:
        """cold, loading or up."""
        return self.resident.state

    @property
    def pid(self) -> int | None:
        """The child's, while it is up."""
        return self.resident.pid

    def next_job_id(self) -> int:
        """Unique in this slot."""
        return next(self._job_ids)

    # what the node asks of it

    @asynccontextmanager
    async def speaking(
        self, job: Job, text: Sequence[Piece] | None = None, priority: Priority = Priority.INTERACTIVE
    ) -> AsyncIterator[Utterance]:
        """Waits its turn, then speaks in a task of the slot's own; leaving the context stops the speech.

        `text`: the pieces to speak one after the other as this job says; None: the job's own text, in one. No
        piece at all is a moment of silence, for which no engine is needed.
        Raises Busy when the queue is full. Everything later is the utterance's to tell.
        """
        utterance = Utterance(job, (Piece(job.text),) if text is None else text, priority)
        if not utterance.text:
            utterance.pause(NOTHING_S)
            utterance.finish(0.0)
            yield utterance
            return
        await self._take_turn(utterance)
        task = self._tasks.start(self._perform(utterance), f"utterance {job.id}")
        utterance.on_cancel = task.cancel
        # A callback and not a `finally` in the task: a task cancelled before its first step runs nothing.
        task.add_done_callback(lambda _: self._over(utterance))
        try:
            yield utterance
        finally:
            utterance.cancel()
            if utterance.is_over:
                await asyncio.wait((task,))  # a step away; the turn is given back before the listener goes on

    async def prepare(self, clip: Clip, *, load: bool = False) -> bool:
        """Gets the engine ready for a voice, when nobody urgent waits; says whether it did: not while it is cold,
        unless told to `load`. Once begun it goes on, also when who asked leaves.

        Raises what `speaking` raises, and BadRequest for a recording that the engine refuses.
        """
        if not load and self.state is not ModelState.UP:
            return False
        await self._wait_for_turn(Priority.BATCH)
        task = self._tasks.start(self._prepare(clip, load=load), f"preparation of {clip.hash[:12]}")
        task.add_done_callback(lambda _: self._give_turn_back())
        return await asyncio.shield(task)

    def warm(self) -> None:
        """Begins a load if there is none, keeps one that runs, and restarts the idle time; takes an unload back
        that has yet to happen. Raises EngineLoadFailed if too early.
        """
        self.resident.check_may_load()
        self.stay()
        self.resident.used()
        if self.state is ModelState.COLD or (self.state is ModelState.LOADING and not self._warming):
            self._warming = self._tasks.start(self._warm(), f"warming of {self.model}")

    def send_away(self, why: NodeError) -> None:
        """Whoever waits, for a turn or for the load, goes elsewhere; what has begun to sound goes on."""
        self.turns.evict(why)
        self.resident.call_off(why)

    def unload(self) -> bool:
        """Ends the child now, or after what it speaks, whoever waits; says whether that is now."""
        if self.turns.is_in_use:
            self._is_unload_wanted = True
            return False
        self.resident.unload()
        return True

    def stay(self) -> None:
        """Takes an unload back that has yet to happen."""
        self._is_unload_wanted = False

    async def gone(self) -> None:
        """Returns when every process that was let go has ended."""
        await self.resident.gone()

    async def close(self) -> None:
        """Ends everything, in the middle of whatever it is."""
        self.turns.evict(EngineFailed("The node stopped.", code="engine_stopped"))
        await self._tasks.close()
        await self.resident.close()

    # an utterance

    async def _perform(self, utterance: Utterance) -> None:
        """All its pieces, and its end."""
        generation_s = 0.0
        self.resident.make_way()
        try:
            for number, piece in enumerate(utterance.text):
                if number:
                    utterance.pause(utterance.text[number - 1].pause_s)
                    await self._make_way(utterance)
                generation_s += await self._speak(self._job_for(utterance, number, piece), utterance)
                if utterance.is_cancelled:
                    break
            self._learn(utterance, generation_s)
        except NodeError as exc:
            utterance.fail(exc)
        except Exception:
            log.exception("%s: job %d", self.model, utterance.job.id)
            utterance.fail(EngineFailed("The node failed while speaking.", code="node_failed"))

    def _job_for(self, utterance: Utterance, number: int, piece: Piece) -> Job:
        """The same voice, seed and options for each piece; an id of its own for each."""
        job_id = self.next_job_id() if number else utterance.job.id
        return msgspec.structs.replace(utterance.job, id=job_id, text=piece.text)

    async def _speak(self, job: Job, utterance: Utterance) -> float:
        """One piece; once more on a fresh child when the first died before a sound of it."""
        heard_bytes = utterance.pcm_bytes
        try:
            return await self._exchange(await self.resident.ensure_up(), job, utterance)
        except EngineCrashed:
            if utterance.pcm_bytes > heard_bytes or utterance.is_cancelled:
                raise
        log.info("%s: job %d tries once more on a fresh child", self.model, job.id)
        self._observer.retried("crash")
        return await self._exchange(await self.resident.ensure_up(), job, utterance)

    async def _exchange(self, child: Child, job: Job, utterance: Utterance) -> float:
        """From the Speak frame to the end that the child tells, or its death; the seconds that it took."""
        self._check_is_up(child)
        cancel_task = utterance.on_cancel
        try:
            with self.resident.attending(child, self._limits.watchdog_s) as dog:
                exchange = Exchange(self.model, child, job.id, dog)
                utterance.on_cancel = lambda: exchange.stop(self._limits.cancel_grace_s)

                async def hear(pcm: bytes) -> None:
                    await self._hear(pcm, utterance, dog)

                done = await exchange.run(wire.Speak(job), hear)
        except EngineOutOfMemory:
            self.resident.distrust(child)
            raise
        finally:
            utterance.on_cancel = cancel_task
        self._take_note(done, utterance)
        return done.generation_s

    async def _hear(self, pcm: bytes, utterance: Utterance, dog: Watchdog) -> None:
        if not utterance.offer(pcm):
            dog.rest()  # silence is the listener's doing
            await utterance.room()
            dog.wake()

    def _check_is_up(self, child: Child) -> None:
        if not self.resident.has(child):
            raise EngineCrashed(f"{self.model} died before it could speak. Try again.", code="engine_crashed")

    def _take_note(self, done: wire.Done, utterance: Utterance | None = None) -> None:
        self.resident.take_note(done.memory)
        for note in done.notes:
            log.info("%s: job %d: %s", self.model, done.job_id, note)
            if utterance:
                utterance.notes.append(note)
            if note.startswith(RETRIED):
                self._observer.retried("engine")

    def _learn(self, utterance: Utterance, generation_s: float) -> None:
        utterance.finish(generation_s)
        if utterance.is_cancelled:
            return
        speech = utterance.speech
        self.estimates.turn_s.add(generation_s)
        if speech.realtime_factor is not None:
            self.estimates.rtf.add(speech.realtime_factor)
        self._observer.spoken(self.model, speech)

    # turns

    async def _take_turn(self, utterance: Utterance, *, is_begun: bool = False) -> None:
        await self._wait_for_turn(utterance.priority, is_begun=is_begun)
        utterance.has_turn = True

    async def _wait_for_turn(self, priority: Priority, *, is_begun: bool = False) -> None:
        try:
            await self.turns.take(self._limits.queue_wait_s, priority, is_begun=is_begun)
        except BaseException:
            self._rest()  # who leaves may have been the last that kept the model
            raise

    async def _make_way(self, utterance: Utterance) -> None:
        """Between two pieces: a batch job lets interactive ones pass, and is the first of its kind after them."""
        if self.turns.must_make_way(utterance.priority):
            utterance.has_turn = False
            self.turns.give_back()
            await self._take_turn(utterance, is_begun=True)

    def _over(self, utterance: Utterance) -> None:
        utterance.fail(EngineFailed("The node stopped speaking.", code="engine_stopped"))
        if utterance.has_turn:
            utterance.has_turn = False
            self._give_turn_back()
        else:
            self._rest()

    def _give_turn_back(self) -> None:
        if self._is_unload_wanted and self.turns.depth and not self.turns.has_begun:
            self._is_unload_wanted = False
            self.resident.leave()
        self.turns.give_back()
        self._rest()

    def _rest(self) -> None:
        """Nobody may be left who wants this model."""
        if self.turns.is_in_use:
            return
        if self._is_unload_wanted:
            self._is_unload_wanted = False
            self.unload()
        elif not self._warming:
            self.resident.stop_waiting_for_room()
        self.resident.used()

    # beside utterances

    async def _prepare(self, clip: Clip, *, load: bool) -> bool:
        if not load and self.state is not ModelState.UP:
            return False  # it left while this waited
        child = await self.resident.ensure_up()
        self._check_is_up(child)
        job_id = self.next_job_id()
        try:
            with self.resident.attending(child, self._limits.watchdog_s) as dog:
                exchange = Exchange(self.model, child, job_id, dog)
                self._take_note(await exchange.run(wire.Prepare(job_id, clip), _hear_nothing))
        except EngineOutOfMemory:
            self.resident.distrust(child)
            raise
        return True

    async def _warm(self) -> None:
        try:
            await self.resident.ensure_up()
        except NodeError as exc:
            log.warning("%s: not warmed: %s", self.model, exc)
        finally:
            if self._warming is asyncio.current_task():
                self._warming = None


async def _hear_nothing(_pcm: bytes) -> None:
    """A preparation has no sound."""
