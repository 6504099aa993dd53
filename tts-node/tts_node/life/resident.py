"""One model's stay in memory: the owner of its child process.

Everything that starts or ends the child is decided here, on the event loop, with no await between a check and
its act. Invariants:
- at most one child, and at most one load whoever waits for it;
- a child is never ended while the model is in use, except by its own fault, by `distrust` or by `close`;
- a new child starts only after the old process is gone (only then is its GPU memory back), and only when the
  budget has room for it;
- a load that failed is not tried again at once.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tts_node.domain import Memory, ModelState
from tts_node.errors import EngineCrashed, EngineError, EngineHung, EngineLoadFailed, EngineOutOfMemory, NodeError
from tts_node.life import wire
from tts_node.life.backoff import Backoff
from tts_node.life.budget import Budget
from tts_node.life.estimate import Estimates
from tts_node.life.limits import SlotLimits
from tts_node.life.machine import MIB
from tts_node.life.process import Child, ChildEnded, Launch
from tts_node.life.tasks import Tasks
from tts_node.life.timing import REAL, Timing
from tts_node.life.watchdog import Watchdog
from tts_node.ports import Observer

log = logging.getLogger(__name__)


def idle_left_s(idle_timeout_s: float, last_used_s: float, now_s: float, *, is_in_use: bool) -> float:
    """How much longer an unused model stays loaded; a used one has all its time before it."""
    return idle_timeout_s if is_in_use else last_used_s + idle_timeout_s - now_s


class Resident:
    """Comes up when somebody asks, and leaves when nobody does."""

    def __init__(
        self,
        load_frame: wire.Load,
        limits: SlotLimits,
        launch: Launch,
        observer: Observer,
        estimates: Estimates,
        is_in_use: Callable[[], bool],
        *,
        memory_mb: int = 0,
        budget: Budget | None = None,
        timing: Timing = REAL,
    ) -> None:
        self.model = load_frame.config.model
        self.backoff = Backoff()
        self.memory: Memory | None = None  # the device's, as the child last saw it; None without a child
        self.last_used_s = timing.clock()
        self._load_frame = load_frame
        self._limits = limits
        self._launch = launch
        self._observer = observer
        self._estimates = estimates
        self._is_in_use = is_in_use
        self._memory_mb = memory_mb
        self._budget = budget or Budget()
        self._timing = timing
        self._child: Child | None = None
        self._loading: asyncio.Task[Child] | None = None
        self._loading_since_s: float | None = None
        self._called_off: tuple[asyncio.Task[Child], NodeError] | None = None
        self._is_waiting_for_room = False
        self._is_attended = False
        self._announced = ModelState.COLD
        self._idle_time: asyncio.Task[None]
        self._tasks = Tasks()
        self._endings = Tasks()

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
        if self._child:
            return None
        return self._estimates.load_eta_s(self._loading_since_s, self._timing.clock())

    @property
    def retry_in_s(self) -> float:
        """Seconds until a load is tried again; 0 unless one failed lately."""
        return self.backoff.left_s(self._timing.clock())

    @property
    def size_mb(self) -> int:
        """What it takes when loaded: what was reckoned, or what was seen when that is more."""
        return self._memory_mb

    @property
    def is_in_use(self) -> bool:
        """Whether it speaks or somebody waits for it."""
        return self._is_in_use()

    # coming up

    async def ensure_up(self) -> Child:
        """The loaded child; whoever asks meanwhile shares one load, and leaving does not abort it.

        Raises EngineError when it cannot be loaded, WaitedTooLong when there is no room in memory.
        """
        if self._child:
            return self._child
        if not self._loading:
            self.check_may_load()
            self._loading = self._tasks.start(self._come_up(), f"load of {self.model}")
            self._loading.add_done_callback(self._load_over)
            self._announce()
        loading = self._loading
        try:
            return await asyncio.shield(loading)
        except asyncio.CancelledError:
            if self._called_off and self._called_off[0] is loading and loading.cancelled():
                raise self._called_off[1] from None
            raise

    def call_off(self, why: NodeError) -> None:
        """Ends a load that is under way; whoever waits for it is told why."""
        if self._loading:
            self._called_off = (self._loading, why)
            self._stop_loading()

    def make_way(self) -> None:
        """Between two utterances: leaves if another model has waited too long for this one's room."""
        if self._child and self._budget.is_owed(self):
            log.info("%s: unloaded, another model waits for its room", self.model)
            self._observer.evicted(self.model)
            self.let_go(self._child)

    def check_may_load(self) -> None:
        """Raises EngineLoadFailed with the last failure's words while it is too early for another try."""
        left_s = self.retry_in_s
        if self._child or self._loading or not left_s:
            return
        raise EngineLoadFailed(
            f"{self.backoff.reason} ({self.backoff.failures} in a row; next try in {left_s:.0f} s.)",
            code="load_failed",
            retry_after_s=max(1, math.ceil(left_s)),
        )

    async def _come_up(self) -> Child:
        await self.gone()
        await self._enter()
        started_s = self._loading_since_s = self._timing.clock()
        try:
            child = await self._load(await self._born())
        except EngineError as exc:
            now_s = self._timing.clock()
            self.backoff.failed(exc.message, now_s, may_be_chance=isinstance(exc, EngineCrashed))
            exc.retry_after_s = max(1, math.ceil(self.backoff.left_s(now_s)))
            self._observer.load_failed(self.model)
            log.warning("%s: load failed: %s", self.model, exc.message)
            raise
        self._up(child, self._timing.clock() - started_s)
        return child

    async def _enter(self) -> None:
        self._is_waiting_for_room = True
        try:
            for name in await self._budget.enter(self, self._limits.queue_wait_s):
                self._observer.evicted(name)
        finally:
            self._is_waiting_for_room = False

    async def _born(self) -> Child:
        try:
            return await self._launch(self._load_frame)
        except BaseException as exc:
            self._budget.left(self)
            if not isinstance(exc, OSError):
                raise
            raise EngineLoadFailed(f"No child process can be started: {exc}", code="load_failed") from exc

    async def _load(self, child: Child) -> Child:
        try:
            with self.attending(child, self._limits.load_timeout_s):
                message = await child.receive()
                if isinstance(message, wire.LoadFailed):
                    raise self._refusal(message)
                if not isinstance(message, wire.Ready):
                    raise wire.WireError(f"{type(message).__name__} instead of Ready")
        except BaseException:
            self.let_go(child)
            raise
        self.take_note(message.memory)
        return child

    def _refusal(self, message: wire.LoadFailed) -> EngineError:
        text = f"{self.model} cannot be loaded: {message.message}"
        if not message.is_out_of_memory:
            return EngineLoadFailed(text, code="load_failed")
        self.relieve()
        return EngineOutOfMemory(text, code="out_of_memory")

    def _up(self, child: Child, load_s: float) -> None:
        self._child = child
        self.last_used_s = self._timing.clock()
        self.backoff.succeeded()
        self._tasks.start(self._mourn(child), f"watch over child {child.pid}")
        self._idle_time = self._tasks.start(self._expire(child), f"idle time of child {child.pid}")
        self._estimates.load_s.add(load_s)
        self._observer.loaded(self.model, load_s)
        log.info("%s: up in %.2f s, child %d", self.model, load_s, child.pid)

    def _load_over(self, load: asyncio.Task[Child]) -> None:
        if self._loading is load:
            self._loading = None
            self._loading_since_s = None
            self._announce()

    # being up

    def has(self, child: Child) -> bool:
        """Whether this child is still the one."""
        return self._child is child

    @contextmanager
    def attending(self, child: Child, limit_s: float) -> Iterator[Watchdog]:
        """While somebody speaks with the child, whose death it then notices itself, as an EngineError."""
        self._is_attended = True
        try:
            with Watchdog(limit_s, child.kill, self._timing.clock, self._timing.call_later) as dog:
                try:
                    yield dog
                except (ChildEnded, wire.WireError) as exc:
                    raise self._lost(child, exc, has_hung=dog.has_bitten) from exc
                except NodeError:
                    raise  # the child's own words
                except Exception as exc:
                    log.exception("%s: child %d is out of step", self.model, child.pid)
                    raise self._lost(child, exc, has_hung=dog.has_bitten) from exc
        finally:
            self._is_attended = False

    def take_note(self, memory: Memory | None) -> None:
        """What the child last said of its device."""
        if memory is None:
            return
        self.memory = memory
        self._memory_mb = max(self._memory_mb, memory.used_bytes // MIB)
        self._budget.learn(memory)

    def used(self) -> None:
        """The idle time starts anew; whoever waits for room may have it now."""
        self.last_used_s = self._timing.clock()
        self._budget.look_again()

    def relieve(self) -> None:
        """The device is full: every other idle model makes room for what comes next."""
        for name in self._budget.relieve(self):
            self._observer.evicted(name)

    def distrust(self, child: Child) -> None:
        """It lives, but its memory is not to be trusted: the next request gets a fresh one."""
        log.warning("%s: child %d is replaced: its device was full or failed", self.model, child.pid)
        self._observer.child_lost("memory")
        self.let_go(child)
        self.relieve()

    async def _mourn(self, child: Child) -> None:
        """Notices a death that nobody else notices."""
        await child.gone()
        if self._child is child and not self._is_attended:
            self._lost(child, ChildEnded("it ended while idle"), has_hung=False)

    async def _expire(self, child: Child) -> None:
        """Ends a child that nobody used for the idle time."""
        timeout_s = self._limits.idle_timeout_s
        while timeout_s and self._child is child:
            now_s = self._timing.clock()
            left_s = idle_left_s(timeout_s, self.last_used_s, now_s, is_in_use=self.is_in_use)
            if left_s <= 0:
                log.info("%s: ended after %g s without use", self.model, timeout_s)
                self.let_go(child)
                return
            await self._timing.sleep(left_s)

    # leaving

    def unload(self) -> None:
        """Ends the child, or the load, at once. Only for a model that is not in use."""
        assert not self.is_in_use
        self.leave()

    def leave(self) -> None:
        """Likewise between two utterances: whoever waits loads anew."""
        self._stop_loading()
        if self._child:
            log.info("%s: unloaded", self.model)
            self.let_go(self._child)

    def stop_waiting_for_room(self) -> None:
        """Nobody wants it any more: others need not leave for it. A load that has begun goes on."""
        if self._is_waiting_for_room:
            self._stop_loading()

    def let_go(self, child: Child) -> None:
        """From here on the child is not ours; its process is ended in the background. Idempotent."""
        if self._child is child:
            self._child = None
            self._idle_time.cancel()
        self.memory = None
        ending = self._endings.start(child.end(), f"end of child {child.pid}")
        ending.add_done_callback(lambda _: self._budget.left(self))
        self._announce()

    async def gone(self) -> None:
        """Returns when every process that was let go has ended."""
        await self._endings.done()

    async def close(self) -> None:
        """Ends everything, in the middle of whatever it is."""
        await self._tasks.close()
        if self._child:
            self.let_go(self._child)
        await self._endings.done()

    def _stop_loading(self) -> None:
        """Whoever asks from now on starts a load of its own, which waits for this one's process to be gone."""
        if self._loading:
            self._loading.cancel()
            self._endings.adopt(self._loading)
            self._loading = None
            self._loading_since_s = None
            self._announce()

    def _lost(self, child: Child, how: Exception, *, has_hung: bool) -> EngineError:
        """The child is dead or not to be trusted: lets it go and says whose fault it was."""
        has_ended = isinstance(how, ChildEnded)
        if not has_ended:
            child.kill()
        reason = "hang" if has_hung else "crash" if has_ended else "protocol"
        log.warning("%s: child %d lost (%s): %s", self.model, child.pid, reason, how)
        self._observer.child_lost(reason)
        self.let_go(child)
        if has_hung:
            return EngineHung(
                f"{self.model} was silent for too long and was ended. Try again.", code="engine_hung"
            )
        return EngineCrashed(f"{self.model} died ({how}). Try again.", code="engine_crashed")

    def _announce(self) -> None:
        if self.state is not self._announced:
            self._announced = self.state
            self._observer.state_changed(self.model, self.state)
