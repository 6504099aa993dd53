"""What an engine costs on this machine: real children, spoken to in turn, so that they share what disturbs them.

Ratios come from pairs: the engine as shipped and with one switch the other way speak the same text with the same
seed, one after the other, while both are loaded. A pair in which one of the two was taken twice is left out.
"""

import contextlib
import statistics
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from tts_node.domain import Clip, EngineConfig, Job, audio_duration_s
from tts_node.engines import EngineDescriptor
from tts_node.engines.measured import Cost, cost_of
from tts_node.life import wire
from tts_node.life.process import ChildProcess
from tts_node.ports import RETRIED

TEXT = "The quick brown fox jumps over the lazy dog, and is gone before it wakes."
_FACTORY = "tts_node.engines.measured:MeasuredEngine"
_SPARE_SEEDS = 8
_SPIN = {"GOMP_SPINCOUNT": "300000"}  # libgomp's own when nobody sets a policy; ACTIVE would burn a core when idle
_KEEP_ATTENTION = {"TTS_NODE_KEEP_ATTENTION": "1"}


class BenchmarkError(Exception):
    """The engine could not be measured; the message says why."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One utterance."""

    audio_s: float
    generation_s: float
    first_audio_s: float
    cost: Cost
    is_retried: bool

    @property
    def realtime_factor(self) -> float:
        """Seconds of work per second of audio."""
        return self.generation_s / self.audio_s


@dataclass(frozen=True, slots=True)
class Setup:
    """How a child is started."""

    config: EngineConfig
    env: Mapping[str, str] = field(default_factory=dict)


class Ratio(msgspec.Struct, frozen=True):
    """What one switch saves: how much longer the same takes without it."""

    switch: str
    realtime_factor: float  # as shipped, in these pairs
    without: float
    ratio: float
    pairs: int


class Figures(msgspec.Struct, frozen=True):
    """One engine's row. Times are medians, in seconds; memory in MB."""

    engine: str
    device: str
    load_s: float
    first_audio_s: float
    realtime_factor: float
    audio_s: float
    stages: dict[str, float]  # seconds per second of audio
    resident_mb: float | None
    peak_mb: float | None
    device_mb: float | None
    ratios: list[Ratio]


class Subject:
    """A loaded child."""

    def __init__(self, child: ChildProcess, ready: wire.Ready) -> None:
        self._child = child
        self._job_id = 0
        self.load_s = ready.load_s
        self.memory = ready.memory

    async def speak(self, text: str, seed: int, voice: str, clip: Clip | None = None) -> Trial:
        """Raises BenchmarkError when it cannot."""
        self._job_id += 1
        job = Job(id=self._job_id, text=text, voice=voice, seed=seed, clip=clip, options={})
        started_s = time.monotonic()
        self._child.send(wire.Speak(job))
        first_s, pcm_bytes = 0.0, 0
        while True:
            match message := await self._child.receive():
                case wire.Audio(_, pcm):
                    first_s = first_s or time.monotonic() - started_s
                    pcm_bytes += len(pcm)
                case wire.Done():
                    self.memory = message.memory
                    is_retried = any(note.startswith(RETRIED) for note in message.notes)
                    cost = cost_of(message.notes)
                    return Trial(audio_duration_s(pcm_bytes), message.generation_s, first_s, cost, is_retried)
                case wire.Failed():
                    raise BenchmarkError(message.message)
                case _:
                    pass


@contextlib.asynccontextmanager
async def loaded(setup: Setup) -> AsyncIterator[Subject]:
    """A child that is up; it is gone afterwards. Raises BenchmarkError."""
    child = await ChildProcess.spawn(wire.Load(_FACTORY, setup.config), setup.env)
    try:
        message = await child.receive()
        if not isinstance(message, wire.Ready):
            raise BenchmarkError(getattr(message, "message", f"the child said {type(message).__name__}"))
        yield Subject(child, message)
    finally:
        await child.end()


def switches_of(descriptor: EngineDescriptor, setup: Setup) -> dict[str, Setup]:
    """Each one turned the other way, by what it is called. An engine of one's own process has none."""
    if not descriptor.needs_weights:
        return {}
    config = setup.config
    found = {
        "threads that sleep while they wait": replace(setup, env=_SPIN),
        "more threads than one": replace_config(setup, threads=1),
        "the watermark": replace_config(setup, watermark=False),
    }
    if config.device in ("cpu", "auto"):
        found = {"int8": replace_config(setup, quantise=False)} | found
    if descriptor.id == "chatterbox":
        found["no attention outputs"] = replace(setup, env=_KEEP_ATTENTION)
    return found


def replace_config(setup: Setup, **changes: bool | int) -> Setup:
    """The same with other switches."""
    return replace(setup, config=msgspec.structs.replace(setup.config, **changes))


class Benchmark:
    """One engine, from its load to its figures."""

    def __init__(
        self,
        descriptor: EngineDescriptor,
        setup: Setup,
        *,
        rounds: int,
        text: str = TEXT,
        recording: Path | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._descriptor = descriptor
        self._setup = setup
        self._rounds = rounds
        self._text = text
        self._recording = recording
        self._tell = tell
        self._voice = descriptor.catalogue().default_voice

    async def run(self, *, with_switches: bool) -> Figures:
        """Loads, speaks once unmeasured, then measures."""
        name = self._descriptor.id
        self._tell(f"{name}: loading")
        async with loaded(self._setup) as subject:
            await self._speak(subject, 0)
            trials = []
            for number in range(self._rounds):
                trials.append(await self._good(subject, 1 + number * _SPARE_SEEDS))
                self._tell(f"{name}: RTF {trials[-1].realtime_factor:.2f} ({trials[-1].audio_s:.1f} s of audio)")
            ratios = [await self._conditioning(subject)] if self._descriptor.cloning and self._recording else []
            if with_switches:
                for switch, setup in switches_of(self._descriptor, self._setup).items():
                    ratios.append(await self._ratio(subject, switch, setup))
            return self._figures(subject, trials, ratios)

    async def _speak(self, subject: Subject, seed: int) -> Trial:
        return await subject.speak(self._text, seed, self._voice)

    async def _good(self, subject: Subject, seed: int) -> Trial:
        """A take that was not made twice: of several seeds the first, else the last."""
        for spare in range(_SPARE_SEEDS):
            trial = await self._speak(subject, seed + spare)
            if not trial.is_retried:
                break
        return trial

    async def _ratio(self, subject: Subject, switch: str, setup: Setup) -> Ratio:
        self._tell(f"{self._descriptor.id}: {switch}")
        pairs: list[tuple[Trial, Trial]] = []
        async with loaded(setup) as other:
            await self._speak(other, 0)
            for seed in range(1, 1 + self._rounds * _SPARE_SEEDS):
                order = (subject, other) if seed % 2 else (other, subject)
                said = {each: await self._speak(each, seed) for each in order}
                if not any(trial.is_retried for trial in said.values()):
                    pairs.append((said[subject], said[other]))
                if len(pairs) == self._rounds:
                    break
        return ratio_of(switch, pairs)

    async def _conditioning(self, subject: Subject) -> Ratio:
        """A cloned voice, first as it comes and then from the cache; the hash decides which it is."""
        self._tell(f"{self._descriptor.id}: conditioning cache")
        pairs = []
        for number in range(self._rounds):
            clip = Clip(hash=f"bench-{time.time_ns()}-{number}", path=str(self._recording))
            computed = await subject.speak(self._text, 1 + number, self._voice, clip)
            cached = await subject.speak(self._text, 1 + number, self._voice, clip)
            pairs.append((cached, computed))
        return ratio_of("conditioning cache", pairs)

    def _figures(self, subject: Subject, trials: list[Trial], ratios: list[Ratio]) -> Figures:
        last = trials[-1].cost
        return Figures(
            engine=self._descriptor.id,
            device=self._setup.config.device,
            load_s=subject.load_s,
            first_audio_s=statistics.median(trial.first_audio_s for trial in trials),
            realtime_factor=statistics.median(trial.realtime_factor for trial in trials),
            audio_s=statistics.median(trial.audio_s for trial in trials),
            stages=stages_of(trials),
            resident_mb=last.resident_mb,
            peak_mb=last.peak_mb,
            device_mb=subject.memory.used_bytes / 2**20 if subject.memory else None,
            ratios=ratios,
        )


def stages_of(trials: list[Trial]) -> dict[str, float]:
    """The median of each stage, per second of audio."""
    names = list(dict.fromkeys(name for trial in trials for name in trial.cost.stages))
    return {
        name: statistics.median(trial.cost.stages.get(name, 0.0) / trial.audio_s for trial in trials)
        for name in names
    }


def ratio_of(switch: str, pairs: list[tuple[Trial, Trial]]) -> Ratio:
    """The median of the pairs' ratios. Raises BenchmarkError when there is none."""
    if not pairs:
        raise BenchmarkError(f"{switch}: no pair of takes was good; try more rounds")
    return Ratio(
        switch,
        statistics.median(shipped.realtime_factor for shipped, _ in pairs),
        statistics.median(other.realtime_factor for _, other in pairs),
        statistics.median(other.realtime_factor / shipped.realtime_factor for shipped, other in pairs),
        len(pairs),
    )
