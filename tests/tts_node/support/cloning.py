"""An engine that copies voices, in its own way: what is heard depends on the recording's hash alone.

As a command it is a whole node of that engine, for tests that need several: `python cloning.py --port 0 …`.
"""

import argparse
import asyncio
import functools
import os
import wave
from array import array
from math import pi, sin
from pathlib import Path

from tts_node.app import App
from tts_node.commands.serve import Server, bind
from tts_node.domain import SAMPLE_RATE, Clip, EngineConfig, Job, Memory
from tts_node.engines import Cloning, EngineDescriptor
from tts_node.life.process import ChildProcess
from tts_node.ports import Outlet
from tts_node.settings import add_flags, read_settings

CLONER = EngineDescriptor(
    id="cloner",
    factory="cloning:Cloner",
    voices="tts_node.engines.espeak_voices:CATALOGUE",
    cloning=Cloning(min_s=5.0, best_s=10.0),
)


class Cloner:
    """A tone per recording, a twentieth of a second per character."""

    def __init__(self, _config: EngineConfig) -> None:
        self._prepared: set[str] = set()

    def load(self) -> None:
        """Nothing to load."""

    def speak(self, job: Job, outlet: Outlet) -> None:
        """Listens to the recording first, as a real one would."""
        pitch_hz = 220
        if job.clip:
            self.prepare(job.clip, outlet)
            pitch_hz = pitch_of(job.clip.hash)
        outlet.write(tone(pitch_hz, 0.05 * len(job.text)))

    def prepare(self, clip: Clip, outlet: Outlet) -> None:
        """Says in a note what it took from which cache."""
        if clip.hash in self._prepared:
            return
        with wave.open(clip.path) as recording:
            assert (1, 2, SAMPLE_RATE) == recording.getparams()[:3]
            assert recording.getnframes() > 5 * SAMPLE_RATE
        self._prepared.add(clip.hash)
        outlet.note(f"listened to {clip.hash}")

    def memory(self) -> Memory | None:
        """Has none of its own."""
        return None


def pitch_of(content_hash: str) -> int:
    """The tone that stands for a recording."""
    return 200 + int(content_hash[:4], 16) % 1000


def tone(pitch_hz: int, duration_s: float) -> bytes:
    """A sine."""
    turn = 2 * pi * pitch_hz / SAMPLE_RATE
    return array("h", (int(8000 * sin(turn * n)) for n in range(int(duration_s * SAMPLE_RATE)))).tobytes()


async def main() -> None:
    """Serves until a signal."""
    parser = argparse.ArgumentParser()
    add_flags(parser)
    settings = read_settings(vars(parser.parse_args()), os.environ)
    launch = functools.partial(ChildProcess.spawn, env={"PYTHONPATH": str(Path(__file__).parent)})
    async with App(settings, registry={CLONER.id: CLONER}, launch=launch) as app:
        await Server(app).serve(sockets=[bind(settings.host, settings.port)])


if __name__ == "__main__":
    asyncio.run(main())
