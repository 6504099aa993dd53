"""Makes an engine behave like a slower machine. Runs in the child, around the real engine.

With `rtf=0.3,first=0.4` an utterance of d seconds is over 0.4 + 0.3 d after its start, and no piece of it
is heard before its own share of that time. Nothing is computed slower: pieces are held back.
"""

import time
from collections.abc import Callable

from tts_node.domain import Clip, Job, Memory, Simulation, audio_duration_s
from tts_node.ports import Engine, Outlet

_NAP_S = 1.0  # between two signs of life


class PacedOutlet:
    """An outlet that hands each piece on when its time has come."""

    def __init__(self, outlet: Outlet, simulation: Simulation, clock: Callable[[], float]) -> None:
        self._outlet = outlet
        self._simulation = simulation
        self._clock = clock
        self._started_s = clock()
        self._pcm_bytes = 0

    @property
    def is_cancelled(self) -> bool:
        """Whether the listener left."""
        return self._outlet.is_cancelled

    def write(self, pcm: bytes) -> None:
        """Waits until this piece may be heard; drops it when the listener leaves meanwhile."""
        if not pcm:
            return
        self._pcm_bytes += len(pcm)
        simulation = self._simulation
        due_s = self._started_s + simulation.first_s + simulation.rtf * audio_duration_s(self._pcm_bytes)
        if not self._wait_until(due_s):
            self._outlet.write(pcm)

    def progress(self) -> None:
        """Feeds the watchdog."""
        self._outlet.progress()

    def note(self, text: str) -> None:
        """Hands it on."""
        self._outlet.note(text)

    def wait_cancelled(self, timeout_s: float) -> bool:
        """Sleeps, or less when the listener leaves."""
        return self._outlet.wait_cancelled(timeout_s)

    def _wait_until(self, due_s: float) -> bool:
        while (left_s := due_s - self._clock()) > 0:
            if self._outlet.wait_cancelled(min(left_s, _NAP_S)):
                return True
            if left_s > _NAP_S:
                self._outlet.progress()
        return self._outlet.is_cancelled


class SimulatedEngine:
    """An engine on a slower machine."""

    def __init__(
        self,
        engine: Engine,
        simulation: Simulation,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._engine = engine
        self._simulation = simulation
        self._clock = clock
        self._sleep = sleep

    def load(self) -> None:
        """Loads, then takes as long as the slower machine would."""
        due_s = self._clock() + self._simulation.load_s
        self._engine.load()
        self._sleep(max(0.0, due_s - self._clock()))

    def speak(self, job: Job, outlet: Outlet) -> None:
        """Speaks no faster than the simulation allows."""
        self._engine.speak(job, PacedOutlet(outlet, self._simulation, self._clock))

    def prepare(self, clip: Clip, outlet: Outlet) -> None:
        """Is not slowed down."""
        self._engine.prepare(clip, outlet)

    def memory(self) -> Memory | None:
        """The real one's."""
        return self._engine.memory()
