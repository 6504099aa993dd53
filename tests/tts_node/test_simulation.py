"""A slower machine: when pieces may be heard, told by a clock turned by hand."""

from fakes import Ear, ManualClock
from tts_node.domain import SAMPLE_RATE, Clip, Job, Memory, Simulation
from tts_node.engines.simulation import SimulatedEngine
from tts_node.ports import Outlet

SECOND = bytes(SAMPLE_RATE * 2)
JOB = Job(id=1, text="", voice="alloy")


class Steps:
    """An engine that gives three seconds of audio, each after 0.1 s of work, and heeds cancellation."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.steps = 0

    def load(self) -> None:
        """Half a second of work."""
        self._clock.advance(0.5)

    def speak(self, job: Job, outlet: Outlet) -> None:
        """Three steps."""
        while self.steps < 3 and not outlet.is_cancelled:
            self.steps += 1
            self._clock.advance(0.1)
            outlet.write(SECOND)

    def prepare(self, _clip: Clip, _outlet: Outlet) -> None:
        """Nothing to prepare."""

    def memory(self) -> Memory | None:
        """None of its own."""
        return None


def test_audio_arrives_at_its_rate() -> None:
    """The n-th second is heard `first + n * rtf` after the start: never sooner, and here not later."""
    clock = ManualClock()
    ear = Ear(clock)
    SimulatedEngine(Steps(clock), Simulation(rtf=0.3, first_s=0.4), clock).speak(JOB, ear)
    assert [(0.7, 48000), (1.0, 48000), (1.3, 48000)] == ear.heard


def test_an_engine_slower_than_the_simulation_is_not_slowed() -> None:
    """The engine's own time counts towards the simulated one."""
    clock = ManualClock()
    ear = Ear(clock)
    SimulatedEngine(Steps(clock), Simulation(rtf=0.01), clock).speak(JOB, ear)
    assert [0.1, 0.2, 0.3] == [at_s for at_s, _ in ear.heard]


def test_cancellation_ends_the_waiting() -> None:
    """A listener that leaves during the pause before the first audio is heard at once; nothing is written."""
    clock = ManualClock()
    ear, engine = Ear(clock, cancel_at_s=2.0), Steps(clock)
    SimulatedEngine(engine, Simulation(first_s=60), clock).speak(JOB, ear)
    assert ([], 1, 1002.0) == (ear.heard, engine.steps, clock())


def test_long_pauses_show_signs_of_life() -> None:
    """A pause of many seconds must not look like a hang."""
    clock = ManualClock()
    ear = Ear(clock)
    SimulatedEngine(Steps(clock), Simulation(first_s=10), clock).speak(JOB, ear)
    assert 9 == ear.signs_of_life


def test_loading_takes_as_long_as_told() -> None:
    """The engine's own loading time counts towards it."""
    clock = ManualClock()
    SimulatedEngine(Steps(clock), Simulation(load_s=2), clock, clock.advance).load()
    assert 1002.0 == clock()
