"""Chatterbox engines driven by hand: an outlet that keeps what it hears, recordings, one call to speak."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tts_node.domain import Clip, EngineConfig, Job, OptionValue
from tts_node.engines.chatterbox import engine as engines
from tts_node.engines.chatterbox.engine import ChatterboxEngine
from tts_node.engines.chatterbox.package import np, soundfile

FACTORIES: dict[str, Callable[[EngineConfig], ChatterboxEngine]] = {
    "chatterbox-turbo": engines.turbo,
    "chatterbox": engines.original,
    "chatterbox-multilingual": engines.multilingual,
}
MODELS = tuple(FACTORIES)
ROOM = ("--memory-budget-mb", "100000")  # tiny models count as full ones, and need not leave for each other
TEXT = "Hello there, this is a test of it."  # 26 letters: plausible from a quarter of a second to nine seconds


@dataclass
class Heard:
    """An `Outlet`. Cancelled from the `cancel_at`-th look on."""

    cancel_at: int | None = None
    pcm: bytes = b""
    notes: list[str] = field(default_factory=list)
    looks: int = 0
    signs_of_life: int = 0

    @property
    def is_cancelled(self) -> bool:
        """Counts how often it is asked."""
        self.looks += 1
        return self.cancel_at is not None and self.looks >= self.cancel_at

    @property
    def samples(self) -> Any:
        """float32."""
        return np.frombuffer(self.pcm, "<i2").astype("float32") / 32768

    @property
    def duration_s(self) -> float:
        """Of what was heard."""
        return len(self.pcm) / 48_000

    def write(self, pcm: bytes) -> None:
        """Keeps it."""
        self.pcm += pcm

    def progress(self) -> None:
        """Counts."""
        self.signs_of_life += 1

    def note(self, text: str) -> None:
        """Keeps it."""
        self.notes.append(text)

    def wait_cancelled(self, timeout_s: float) -> bool:
        """Never waits."""
        return self.is_cancelled


def job(
    text: str = TEXT,
    *,
    seed: int | None = 1,
    clip: Clip | None = None,
    language: str | None = None,
    **options: OptionValue,
) -> Job:
    """A piece of text, resolved."""
    return Job(id=1, text=text, voice="chatterbox", seed=seed, clip=clip, language=language, options=options)


def speak(engine: ChatterboxEngine, wish: Job, cancel_at: int | None = None) -> Heard:
    """What an engine says."""
    heard = Heard(cancel_at)
    engine.speak(wish, heard)
    return heard


def recording(folder: Path, name: str, pitch_hz: float, duration_s: float) -> Clip:
    """A buzzing voice with pauses, as a file."""
    rate = 24_000
    time_s = np.arange(int(duration_s * rate)) / rate
    voice = sum(np.sin(2 * np.pi * pitch_hz * number * time_s) / number for number in range(1, 12))
    noise = np.random.default_rng(int(pitch_hz)).normal(0, 0.01, time_s.size)
    samples = 0.2 * voice * (np.sin(2 * np.pi * 1.5 * time_s) > -0.7) + noise
    path = folder / f"{name}.wav"
    soundfile.write(str(path), samples.astype("float32"), rate, subtype="PCM_16")
    return Clip(hash=name, path=str(path))


def with_seed_that(engine: ChatterboxEngine, is_wanted: Callable[[Heard], bool]) -> tuple[int, Heard]:
    """The first seed whose speech is of that kind: with random weights about every third take is too short."""
    for seed in range(50):
        heard = speak(engine, job(seed=seed))
        if is_wanted(heard):
            return seed, heard
    raise AssertionError("no such take in fifty")


def hooks_of(engine: ChatterboxEngine) -> int:
    """Everything that is hooked into the model's networks."""
    model: Any = engine._box._model
    parts = (model.t3, model.s3gen, model.ve)
    return sum(
        len(module._forward_hooks) + len(module._forward_pre_hooks) for part in parts for module in part.modules()
    )
