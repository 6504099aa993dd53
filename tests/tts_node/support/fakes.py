"""Stand-ins for ports: a clock turned by hand, a child made of lists, an observer that remembers."""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from tts_node.domain import Job, ModelState, Outcome, Speech
from tts_node.engines import EngineDescriptor
from tts_node.life import wire
from tts_node.life.process import ChildEnded

FAKE = EngineDescriptor(
    id="fake", factory="fake_engines:Scripted", voices="tts_node.engines.espeak_voices:CATALOGUE"
)


class ManualTimer:
    """What ManualClock.call_later gives back."""

    def __init__(self, due_s: float, callback: Callable[[], None]) -> None:
        self.due_s = due_s
        self.callback = callback
        self.is_cancelled = False

    def cancel(self) -> None:
        """Makes it not happen."""
        self.is_cancelled = True


class ManualClock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self._timers: list[tuple[float, int, ManualTimer]] = []
        self._numbers = itertools.count()

    def __call__(self) -> float:
        return self.now_s

    def call_later(self, delay: float, callback: Callable[[], None], /) -> ManualTimer:
        """Like the loop's."""
        timer = ManualTimer(self.now_s + delay, callback)
        heapq.heappush(self._timers, (timer.due_s, next(self._numbers), timer))
        return timer

    async def sleep(self, delay: float) -> None:
        """Like asyncio's."""
        woken = asyncio.Event()
        self.call_later(delay, woken.set)
        await woken.wait()

    def advance(self, seconds: float) -> None:
        """Calls every timer that falls due, in order."""
        end_s = self.now_s + seconds
        while self._timers and self._timers[0][0] <= end_s:
            due_s, _, timer = heapq.heappop(self._timers)
            self.now_s = max(self.now_s, due_s)
            if not timer.is_cancelled:
                timer.callback()
        self.now_s = end_s


class FakeChild:
    """A child whose frames the test writes. Records what it must not see."""

    def __init__(self, pid: int, load: wire.Load) -> None:
        self.pid = pid
        self.load = load
        self.sent: list[wire.AnyMessage] = []
        self.was_killed = False
        self.was_ended = False
        self.is_slow_to_end = False
        self._inbox: asyncio.Queue[wire.AnyMessage | Exception] = asyncio.Queue()
        self._gone = asyncio.Event()
        self.sent_something = asyncio.Event()

    def send(self, message: wire.AnyMessage) -> None:
        """Keeps it for the test."""
        self.sent.append(message)
        self.sent_something.set()

    async def receive(self) -> wire.AnyMessage:
        """What the test gave."""
        item = await self._inbox.get()
        if isinstance(item, Exception):
            raise item
        return item

    def give(self, *items: wire.AnyMessage | Exception) -> None:
        """The child's next frames."""
        for item in items:
            self._inbox.put_nowait(item)

    def die(self, how: str = "signal SIGKILL") -> None:
        """By itself."""
        self.give(ChildEnded(how))
        self._gone.set()

    def kill(self) -> None:
        """By the node."""
        self.was_killed = True
        self.die()

    async def gone(self) -> None:
        """Returns after the death."""
        await self._gone.wait()

    async def end(self) -> None:
        """Obeys, at once or when the test lets it `die`."""
        self.was_ended = True
        if not self.is_slow_to_end:
            self.die("exit status 0")
        await self._gone.wait()

    async def next_preparation(self) -> wire.Prepare:
        """What it is told to get ready for, once it is."""
        while True:
            for message in self.sent:
                if isinstance(message, wire.Prepare):
                    self.sent.clear()
                    return message
            self.sent_something.clear()
            await self.sent_something.wait()

    async def next_job(self) -> Job:
        """The job it is told to speak, once it is."""
        while not any(isinstance(message, wire.Speak) for message in self.sent):
            self.sent_something.clear()
            await self.sent_something.wait()
        (job,) = [message.job for message in self.sent if isinstance(message, wire.Speak)]
        self.sent.clear()
        return job


class Nursery:
    """A `Launch` that hands out fake children and checks that there is never more than one alive."""

    def __init__(self, *, comes_up: bool = True) -> None:
        self.children: list[FakeChild] = []
        self.comes_up = comes_up
        self._born = asyncio.Event()

    async def __call__(self, load: wire.Load) -> FakeChild:
        assert all(child._gone.is_set() for child in self.children), "two children at once"
        child = FakeChild(4000 + len(self.children), load)
        if self.comes_up:
            child.give(wire.Ready(0.0))
        self.children.append(child)
        self._born.set()
        return child

    async def child(self, number: int = 0) -> FakeChild:
        """The child of that number, once it is born."""
        while len(self.children) <= number:
            self._born.clear()
            await self._born.wait()
        return self.children[number]


@dataclass
class Recorder:
    """An `Observer`."""

    speeches: list[Speech] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    states: list[ModelState] = field(default_factory=list)
    loads: list[float] = field(default_factory=list)
    first_audios: list[float] = field(default_factory=list)
    failed_loads: list[str] = field(default_factory=list)
    evictions: list[str] = field(default_factory=list)
    retries: list[str] = field(default_factory=list)

    def spoken(self, model: str, speech: Speech) -> None:
        """Remembers."""
        self.speeches.append(speech)

    def first_audio(self, model: str, waited_s: float) -> None:
        """Remembers."""
        self.first_audios.append(waited_s)

    def answered(self, outcome: Outcome, duration_s: float) -> None:
        """Remembers."""
        self.outcomes.append(outcome)

    def loaded(self, model: str, load_s: float) -> None:
        """Remembers."""
        self.loads.append(load_s)

    def load_failed(self, model: str) -> None:
        """Remembers."""
        self.failed_loads.append(model)

    def evicted(self, model: str) -> None:
        """Remembers."""
        self.evictions.append(model)

    def retried(self, reason: str) -> None:
        """Remembers."""
        self.retries.append(reason)

    def child_lost(self, reason: str) -> None:
        """Remembers."""
        self.losses.append(reason)

    def state_changed(self, model: str, state: ModelState) -> None:
        """Remembers."""
        self.states.append(state)


class Ear:
    """An `Outlet` that keeps what it hears, with the time."""

    def __init__(self, clock: ManualClock, cancel_at_s: float | None = None) -> None:
        self.heard: list[tuple[float, int]] = []
        self.signs_of_life = 0
        self.notes: list[str] = []
        self._clock = clock
        self._started_s = clock()
        self._cancel_at_s = None if cancel_at_s is None else clock() + cancel_at_s

    @property
    def is_cancelled(self) -> bool:
        """Whether it is time to leave."""
        return self._cancel_at_s is not None and self._clock() >= self._cancel_at_s

    def write(self, pcm: bytes) -> None:
        """Keeps time since the start and size."""
        self.heard.append((round(self._clock() - self._started_s, 6), len(pcm)))

    def progress(self) -> None:
        """Counts."""
        self.signs_of_life += 1

    def note(self, text: str) -> None:
        """Keeps it."""
        self.notes.append(text)

    def wait_cancelled(self, timeout_s: float) -> bool:
        """Lets the time pass, up to the leaving."""
        if self._cancel_at_s is not None:
            timeout_s = max(0.0, min(timeout_s, self._cancel_at_s - self._clock()))
        self._clock.advance(timeout_s)
        return self.is_cancelled
