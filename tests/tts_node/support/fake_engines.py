"""Engines that misbehave on command. Loaded by real child processes through their descriptors' factory."""

import os
import signal
import struct
import subprocess
import sys
import time
from math import pi, sin
from pathlib import Path

from tts_node.domain import SAMPLE_RATE, Clip, EngineConfig, Job, Memory
from tts_node.ports import Outlet, Unspeakable, VoiceGone


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
        for word in job.text.lower().replace(".", "").split():
            getattr(self, f"_{word.replace('-', '_')}")(outlet)

    def prepare(self, clip: Clip, outlet: Outlet) -> None:
        """Writes into the recording that it was here; refuses one that is not there."""
        if not Path(clip.path).exists():
            raise Unspeakable("There is no such recording.", "voice")
        outlet.progress()
        Path(clip.path).write_bytes(b"prepared")

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

    def _refuse(self, _outlet: Outlet) -> None:
        raise Unspeakable("This cannot be sung.")

    def _lose(self, _outlet: Outlet) -> None:
        raise VoiceGone("/home/anna/voices/clip.wav")

    def _allocate(self, _outlet: Outlet) -> None:
        bytearray(1 << 62)

    def _burn(self, outlet: Outlet) -> None:
        """Keeps every core busy for a second and a half, as a model does."""
        stop_s = time.monotonic() + 1.5
        code = "import time, sys\nend = time.monotonic() + 1.5\nwhile time.monotonic() < end: sum(range(10000))"
        burners = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(os.cpu_count() or 1)]
        while time.monotonic() < stop_s:
            time.sleep(0.1)
            outlet.progress()
        for burner in burners:
            burner.wait()

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


class WithDevice(Scripted):
    """Has a device with memory of its own."""

    def memory(self) -> Memory | None:
        """Always the same."""
        return Memory(used_bytes=3000, free_bytes=5000, total_bytes=8000)


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
