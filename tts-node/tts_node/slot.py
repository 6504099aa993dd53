"""The owner of one model's child process.

Everything that starts, leases or ends the child is decided here, on the event loop, with no await between
a check and its act. Invariants:
- at most one child, at most one load whoever waits for it, one utterance at a time in it;
- a child is never ended while a turn is held or waited for, except by its own fault or by `close`;
- a new child starts only after the old process is gone (only then is its GPU memory back);
- whatever happens to the child, the turn is given back and the utterance gets an end.
"""

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from tts_node import wire
from tts_node.admission import Turns
from tts_node.domain import AS_FAST_AS_IT_IS, EngineConfig, Job, ModelState, Simulation
from tts_node.engines import EngineDescriptor
from tts_node.errors import (
    EngineCrashed,
    EngineError,
    EngineFailed,
    EngineHung,
    EngineLoadFailed,
    NodeError,
)
from tts_node.estimate import Estimates
from tts_node.ports import Observer
from tts_node.process import Child, ChildEnded, Launch
from tts_node.utterance import Utterance
from tts_node.watchdog import CallLater, Watchdog

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SlotLimits:
    """Deadlines in seconds and bounds."""

    idle_timeout_s: float = 600.0  # 0: never
    queue_limit: int = 8
    queue_wait_s: float = 120.0
    watchdog_s: float = 30.0  # silence during an utterance
    load_timeout_s: float = 300.0
    cancel_grace_s: float = 10.0  # from a listener's leaving to the child's saying so


def idle_left_s(idle_timeout_s: float, last_used_s: float, now_s: float, *, is_in_use: bool) -> float:
    """How much longer an unused model stays loaded; a used one has all its time before it."""
    return idle_timeout_s if is_in_use else last_used_s + idle_timeout_s - now_s


class Slot:
    """Speaks with one engine, whatever becomes of its processes."""

    def __init__(
        self,
        descriptor: EngineDescriptor,
        limits: SlotLimits,
        launch: Launch,
        observer: Observer,
        *,
        config: EngineConfig | None = None,
        simulation: Simulation = AS_FAST_AS_IT_IS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        call_later: CallLater | None = None,
    ) -> None:
        self.model = descriptor.id
        config = config or EngineConfig(model=descriptor.id)
        self.estimates = Estimates()
        self.turns = Turns(limits.queue_limit, lambda: self.estimates.turn_s.value)
        self._load_frame = wire.Load(
            descriptor.factory, config, simulation.rtf, simulation.first_s, simulation.load_s
        )
        self._limits = limits
        self._launch = launch
        self._observer = observer
        self._clock = clock
        self._sleep = sleep
        self._call_later = call_later
        self._job_ids = itertools.count(1)
        self._child: Child | None = None
        self._loading: asyncio.Task[Child] | None = None
        self._loading_since_s: float | None = None
        self._last_used_s = clock()
        self._is_pumping = False
        self._is_unload_wanted = False
        self._announced = ModelState.COLD
        self._idle_time: asyncio.Task[None]
        self._tasks: set[asyncio.Task[Any]] = set()
        self._endings: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<Slot {self.model} {self.state} pid={self.pid} {self.turns!r}>"

    @property
    def state(self) -> ModelState:
        """cold, loading or up."""
        if self._child:
            return ModelState.UP
        return ModelState.LOADING if self._loading else ModelState.COLD

    @property
    def pid(self) -> int | None:
        """The child's, while it is up."""
        return self._child.pid if self._child else None

    @property
    def load_eta_s(self) -> float | None:
        """Seconds until the model is up: None when it is, or when no load was ever seen."""
        return None if self._child else self.estimates.load_eta_s(self._loading_since_s, self._clock())

    # what the node asks of it

    def next_job_id(self) -> int:
        """Unique in this slot."""
        return next(self._job_ids)

    @asynccontextmanager
    async def speaking(self, job: Job) -> AsyncIterator[Utterance]:
        """Waits its turn, then speaks in a task of the slot's own; leaving the context stops the speech.

        Raises Busy when the queue is full. Everything later is the utterance's to tell.
        """
        await self.turns.take(self._limits.queue_wait_s)
        utterance = Utterance(job)
        task = self._own(self._perform(utterance), f"utterance {job.id}")
        utterance.on_cancel = task.cancel
        # A callback and not a `finally` in the task: a task cancelled before its first step runs nothing.
        task.add_done_callback(lambda _: self._turn_over(utterance))
        try:
            yield utterance
        finally:
            utterance.cancel()
            if utterance.is_over:
                await asyncio.wait((task,))  # a step away; the turn is given back before the listener goes on

    async def ensure_up(self) -> Child:
        """The loaded child; whoever asks meanwhile shares one load, and leaving does not abort it."""
        if self._child:
            return self._child
        if not self._loading:
            self._loading_since_s = self._clock()
            self._loading = self._own(self._come_up(), f"load of {self.model}")
            self._loading.add_done_callback(self._load_over)
            self._announce()
        return await asyncio.shield(self._loading)

    def warm(self) -> None:
        """Begins a load if there is none, and restarts the idle time."""
        self._last_used_s = self._clock()
        if not self._child and not self._loading:
            self._own(self._warm(), f"warming of {self.model}")

    def unload(self) -> bool:
        """Ends the child now, or as soon as nobody uses it; says whether that is now."""
        if self.turns.is_in_use:
            self._is_unload_wanted = True
            return False
        if self._loading:
            self._loading.cancel()
        if self._child:
            log.info("%s: unloaded", self.model)
            self._let_go(self._child)
        return True

    async def gone(self) -> None:
        """Returns when every process that was let go has ended."""
        while self._endings:
            await asyncio.wait(self._endings)

    async def close(self) -> None:
        """Ends everything, in the middle of whatever it is."""
        for task in self._tasks:
            task.cancel()
        if self._child:
            self._let_go(self._child)
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self.gone()

    # an utterance

    async def _perform(self, utterance: Utterance) -> None:
        """Speaks; once more on a fresh child when the first died before a sound."""
        try:
            try:
                await self._pump(await self.ensure_up(), utterance)
            except EngineCrashed:
                if utterance.pcm_bytes or utterance.is_cancelled:
                    raise
                log.info("%s: job %d tries once more on a fresh child", self.model, utterance.job.id)
                await self._pump(await self.ensure_up(), utterance)
        except NodeError as exc:
            utterance.fail(exc)
        except Exception:
            log.exception("%s: job %d", self.model, utterance.job.id)
            utterance.fail(EngineFailed("The node failed while speaking.", code="node_failed"))

    async def _pump(self, child: Child, utterance: Utterance) -> None:
        """From the Speak frame to the end that the child tells, or its death."""
        if self._child is not child:
            raise EngineCrashed(f"{self.model} died before it could speak. Try again.", code="engine_crashed")
        self._is_pumping = True
        cancel_load = utterance.on_cancel
        try:
            with self._watchdog(self._limits.watchdog_s, child) as dog:
                utterance.on_cancel = lambda: self._stop(child, utterance.job, dog)
                child.send(wire.Speak(utterance.job))
                try:
                    generation_s = await self._pump_audio(child, utterance, dog)
                except (ChildEnded, wire.WireError) as exc:
                    raise self._lost(child, exc, dog) from exc
        finally:
            self._is_pumping = False
            utterance.on_cancel = cancel_load
        self._learn(utterance, generation_s)

    async def _pump_audio(self, child: Child, utterance: Utterance, dog: Watchdog) -> float:
        while True:
            message = await child.receive()
            dog.feed()
            match message:
                case wire.Audio(job_id, pcm) if job_id == utterance.job.id:
                    if not utterance.offer(pcm):
                        dog.rest()
                        await utterance.room()
                        dog.wake()
                case wire.Done(job_id, generation_s) if job_id == utterance.job.id:
                    return generation_s
                case wire.Failed(job_id, text) if job_id == utterance.job.id:
                    raise EngineFailed(f"{self.model} could not speak this: {text}", code="engine_failed")
                case wire.Progress():
                    pass
                case _:
                    raise wire.WireError(f"{type(message).__name__} out of turn")

    def _stop(self, child: Child, job: Job, dog: Watchdog) -> None:
        child.send(wire.Cancel(job.id))
        dog.finish_within(self._limits.cancel_grace_s)

    def _learn(self, utterance: Utterance, generation_s: float) -> None:
        utterance.finish(generation_s)
        if utterance.is_cancelled:
            return
        speech = utterance.speech
        self.estimates.turn_s.add(generation_s)
        if speech.realtime_factor is not None:
            self.estimates.rtf.add(speech.realtime_factor)
        self._observer.spoken(self.model, speech)

    def _turn_over(self, utterance: Utterance) -> None:
        utterance.fail(EngineFailed("The node stopped speaking.", code="engine_stopped"))
        self._last_used_s = self._clock()
        self.turns.give_back()
        if self._is_unload_wanted and not self.turns.is_in_use:
            self._is_unload_wanted = False
            self.unload()

    # the child's life

    async def _warm(self) -> None:
        try:
            await self.ensure_up()
        except EngineError as exc:
            log.warning("%s: %s", self.model, exc)

    async def _come_up(self) -> Child:
        await self.gone()
        started_s = self._clock()
        try:
            child = await self._launch(self._load_frame)
        except OSError as exc:
            raise EngineLoadFailed(f"No child process can be started: {exc}", code="load_failed") from exc
        try:
            with self._watchdog(self._limits.load_timeout_s, child) as dog:
                try:
                    message = await child.receive()
                except (ChildEnded, wire.WireError) as exc:
                    raise self._lost(child, exc, dog) from exc
            if isinstance(message, wire.LoadFailed):
                raise EngineLoadFailed(f"{self.model} cannot be loaded: {message.message}", code="load_failed")
            if not isinstance(message, wire.Ready):
                raise self._lost(child, wire.WireError(f"{type(message).__name__} instead of Ready"), dog)
        except BaseException:
            self._let_go(child)
            raise
        self._up(child, self._clock() - started_s)
        return child

    def _up(self, child: Child, load_s: float) -> None:
        self._child = child
        self._last_used_s = self._clock()
        self.estimates.load_s.add(load_s)
        self._observer.loaded(self.model, load_s)
        log.info("%s: up in %.2f s, child %d", self.model, load_s, child.pid)
        self._own(self._mourn(child), f"watch over child {child.pid}")
        self._idle_time = self._own(self._expire(child), f"idle time of child {child.pid}")

    def _load_over(self, load: asyncio.Task[Child]) -> None:
        self._loading = None
        self._loading_since_s = None
        if not load.cancelled():
            load.exception()  # nobody may be left to hear it, and that is no fault
        self._announce()

    async def _mourn(self, child: Child) -> None:
        """Notices a death that no utterance notices."""
        await child.gone()
        if self._child is child and not self._is_pumping:
            self._lost(child, ChildEnded("it ended while idle"), None)

    async def _expire(self, child: Child) -> None:
        """Ends a child that nobody used for the idle time."""
        timeout_s = self._limits.idle_timeout_s
        while timeout_s and self._child is child:
            left_s = idle_left_s(timeout_s, self._last_used_s, self._clock(), is_in_use=self.turns.is_in_use)
            if left_s <= 0:
                log.info("%s: ended after %g s without use", self.model, timeout_s)
                self._let_go(child)
                return
            await self._sleep(left_s)

    def _lost(self, child: Child, how: Exception, dog: Watchdog | None) -> EngineError:
        """The child is dead or not to be trusted: lets it go and says whose fault it was."""
        if isinstance(how, wire.WireError):
            child.kill()
        has_hung = dog is not None and dog.has_bitten
        reason = "hang" if has_hung else "protocol" if isinstance(how, wire.WireError) else "crash"
        log.warning("%s: child %d lost (%s): %s", self.model, child.pid, reason, how)
        self._observer.child_lost(reason)
        self._let_go(child)
        if has_hung:
            return EngineHung(
                f"{self.model} was silent for too long and was ended. Try again.", code="engine_hung"
            )
        return EngineCrashed(f"{self.model} died ({how}). Try again.", code="engine_crashed")

    def _let_go(self, child: Child) -> None:
        """From here on the child is not ours; its process is ended in the background. Idempotent."""
        if self._child is child:
            self._child = None
            self._idle_time.cancel()
        ending = asyncio.create_task(child.end(), name=f"end of child {child.pid}")
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)
        self._announce()

    # housekeeping

    def _watchdog(self, limit_s: float, child: Child) -> Watchdog:
        call_later = self._call_later or asyncio.get_running_loop().call_later
        return Watchdog(limit_s, child.kill, self._clock, call_later)

    def _own(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _announce(self) -> None:
        if self.state is not self._announced:
            self._announced = self.state
            self._observer.state_changed(self.model, self.state)
