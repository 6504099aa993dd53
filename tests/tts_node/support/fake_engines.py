"""Engines that misbehave on command. Loaded by real child processes through their descriptors' factory."""

import os
import signal
import struct
import sys
import time
from math import pi, sin
from pathlib import Path

from tts_node.domain import SAMPLE_RATE, Clip, EngineConfig, Job, Memory
from tts_node.ports import Outlet


def tone(duration_s: float) -> bytes:
    """A 220 Hz sine."""
    count = int(duration_s * SAMPLE_RATE)
    return struct.pack(f"<{count}h", *(int(8000 * sin(2 * pi * 220 * n / SAMPLE_RATE)) for n in range(count)))


class Scripted:
    """Does what the words of its text say, in their order."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config

    def load(self) -> None:
        """Nothing to load."""

    def speak(self, job: Job, outlet: Outlet) -> None:
        """Each word is a method's name; `audio` gives 0.1 s."""
        self._job = job
        for word in job.text.split():
            getattr(self, f"_{word.replace('-', '_')}")(outlet)

    def prepare(self, clip: Clip, outlet: Outlet) -> None:
        """Takes the voice as it is."""

    def memory(self) -> Memory | None:
        """Has none of its own."""
        return None

    def _audio(self, outlet: Outlet) -> None:
        outlet.write(tone(0.1))

    def _much(self, outlet: Outlet) -> None:
        for _ in range(60):
            outlet.write(bytes(SAMPLE_RATE * 2 * 10))

    def _exit(self, _outlet: Outlet) -> None:
        os._exit(3)

    def _segfault(self, _outlet: Outlet) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)

    def _exit_once(self, _outlet: Outlet) -> None:
        marker = Path(str(self._job.instructions))
        if not marker.exists():
            marker.touch()
            os._exit(3)

    def _hang(self, _outlet: Outlet) -> None:
        time.sleep(3600)

    def _raise(self, _outlet: Outlet) -> None:
        raise ValueError("this voice is hoarse")

    def _print(self, _outlet: Outlet) -> None:
        sys.stdout.write("a chatty library\n")
        sys.stdout.flush()
        os.write(1, b"written by C code to descriptor 1\n")

    def _read(self, _outlet: Outlet) -> None:
        assert sys.stdin.read() == ""

    def _garbage(self, outlet: Outlet) -> None:
        os.write(vars(outlet)["_pipes"]._out, b"\x00\x00\x00\x05hello")

    def _wait_cancelled(self, outlet: Outlet) -> None:
        while not outlet.wait_cancelled(0.05):
            outlet.progress()


class Broken(Scripted):
    """Cannot be loaded."""

    def load(self) -> None:
        """Fails as a library would."""
        raise RuntimeError("the weights are missing; run: tts-node download")


class Stillborn(Scripted):
    """Dies while it loads."""

    def load(self) -> None:
        """Ends the process."""
        os._exit(9)


class Sleeper(Scripted):
    """Never comes up."""

    def load(self) -> None:
        """Takes for ever."""
        time.sleep(3600)
