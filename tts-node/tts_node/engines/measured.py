"""Any engine, with what it cost noted after each utterance: for `tts-node bench`. Runs in the child."""

import sys
from importlib import import_module
from pathlib import Path

import msgspec

from tts_node.domain import Clip, EngineConfig, Job, Memory
from tts_node.engines import REGISTRY
from tts_node.ports import Engine, Outlet

PREFIX = "measured "


class Cost(msgspec.Struct, frozen=True):
    """Of the last utterance, and of the process so far."""

    stages: dict[str, float]  # seconds by what was computed; empty for an engine that does not tell
    resident_mb: float | None  # None where the system does not tell
    peak_mb: float | None


class MeasuredEngine:
    """The engine that the configuration names."""

    def __init__(self, config: EngineConfig) -> None:
        module, _, name = REGISTRY[config.model].factory.partition(":")
        self._engine: Engine = getattr(import_module(module), name)(config)

    def load(self) -> None:
        """The engine's own."""
        self._engine.load()

    def speak(self, job: Job, outlet: Outlet) -> None:
        """Speaks, then notes the cost."""
        self._engine.speak(job, outlet)
        self._note(outlet)

    def prepare(self, clip: Clip, outlet: Outlet) -> None:
        """Prepares, then notes the cost."""
        self._engine.prepare(clip, outlet)
        self._note(outlet)

    def memory(self) -> Memory | None:
        """The device's."""
        return self._engine.memory()

    def _note(self, outlet: Outlet) -> None:
        stages = dict(getattr(self._engine, "stages", {}))
        cost = Cost(stages, _status_mb("VmRSS"), _peak_mb())
        outlet.note(PREFIX + msgspec.json.encode(cost).decode())


def cost_of(notes: tuple[str, ...]) -> Cost:
    """What was noted; the bench's side."""
    (note,) = (note for note in notes if note.startswith(PREFIX))
    return msgspec.json.decode(note.removeprefix(PREFIX), type=Cost)


def _status_mb(field: str) -> float | None:
    """Linux tells in kB."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    lines = (line.split() for line in status.read_text().splitlines())
    return next((int(line[1]) / 1024 for line in lines if line[0] == f"{field}:"), None)


def _peak_mb() -> float | None:
    """Linux and macOS; macOS counts in bytes."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024
