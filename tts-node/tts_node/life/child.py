"""The child process: one engine, spoken to in frames over stdin and stdout.

Rules that keep its parent safe:
- Frames leave on a private copy of stdout; descriptor 1 itself points at stderr, so a library that prints
  cannot corrupt them. Likewise stdin: descriptor 0 points at the null device.
- The end of stdin means that the node is gone, however it went: the reader thread ends the process at
  once, in the middle of an inference too. So no child outlives a node, not even one killed with -9.
- The main thread belongs to the engine. Only the reader thread reads, both threads may write.
- Whatever the engine computes, the node's loop goes first; and when the machine runs out of memory, the kernel
  takes the child and not the node.
"""

import contextlib
import faulthandler
import os
import queue
import signal
import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from tts_node.domain import BYTES_PER_SAMPLE, NOTHING_S, SAMPLE_RATE, Clip, Job, Simulation
from tts_node.engines.simulation import SimulatedEngine
from tts_node.life import wire
from tts_node.ports import Engine, Unspeakable, VoiceGone

_READ_BYTES = 65536
_NICE = 10  # of 19; Windows is told at the spawn
_OOM_SCORE = "700"  # of 1000: what Linux adds when it looks for somebody to kill
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

# What CUDA, cuDNN, Metal and the CPU's allocators say when the device is full or broken. A CUDA context that
# failed once fails for ever after, so all of it ends the process.
_MEMORY_WORDS = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "bad_alloc",
    "cuda error",
    "cudnn",
)

_SHORTEST = bytes(round(SAMPLE_RATE * NOTHING_S) * BYTES_PER_SAMPLE)


class Pipes:
    """The private ends: taken once, before anything else is imported that might print."""

    def __init__(self) -> None:
        self._in = os.dup(0)
        self._out = os.dup(1)
        self._lock = threading.Lock()
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        os.dup2(2, 1)
        if sys.platform == "win32":  # pipes of the C runtime translate line ends unless told not to
            import msvcrt

            msvcrt.setmode(self._in, os.O_BINARY)
            msvcrt.setmode(self._out, os.O_BINARY)

    def read(self) -> bytes:
        """Some bytes; none at the end."""
        return os.read(self._in, _READ_BYTES)

    def send(self, message: wire.AnyMessage) -> None:
        """Writes one whole frame. A node that is gone ends the process."""
        view = memoryview(wire.encode(message))
        try:
            with self._lock:
                while view:
                    view = view[os.write(self._out, view) :]
        except OSError:
            os._exit(0)


class PipeOutlet:
    """The real `Outlet` of one job."""

    def __init__(self, pipes: Pipes, job_id: int) -> None:
        self._pipes = pipes
        self.job_id = job_id
        self._cancelled = threading.Event()
        self.pcm_bytes = 0
        self.notes: list[str] = []

    @property
    def is_cancelled(self) -> bool:
        """Whether the listener left."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Called by the reader thread."""
        self._cancelled.set()

    def write(self, pcm: bytes) -> None:
        """Sends audio, unless nobody listens."""
        if pcm and not self.is_cancelled:
            self.pcm_bytes += len(pcm)
            self._pipes.send(wire.Audio(self.job_id, pcm))

    def progress(self) -> None:
        """Feeds the node's watchdog."""
        self._pipes.send(wire.Progress())

    def note(self, text: str) -> None:
        """Travels with the end of the job."""
        self.notes.append(text)

    def wait_cancelled(self, timeout_s: float) -> bool:
        """Sleeps, or less when the listener leaves."""
        return self._cancelled.wait(timeout_s)


class Reader:
    """The thread that owns stdin: jobs go to the main thread, cancellations to their job, the end ends all."""

    def __init__(self, pipes: Pipes) -> None:
        self.inbox: queue.SimpleQueue[wire.Load | tuple[Job | Clip, PipeOutlet]] = queue.SimpleQueue()
        self._pipes = pipes
        self._outlets: dict[int, PipeOutlet] = {}
        threading.Thread(target=self._run, name="reader", daemon=True).start()

    def forget(self, job_id: int) -> None:
        """The job is over."""
        self._outlets.pop(job_id, None)

    def _run(self) -> NoReturn:
        frames = wire.FrameReader()
        try:
            while data := self._pipes.read():
                for message in frames.feed(data):
                    self._take(message)
        finally:
            os._exit(0)

    def _take(self, message: wire.AnyMessage) -> None:
        match message:
            case wire.Load():
                self.inbox.put(message)
            case wire.Speak(job):
                outlet = self._outlets[job.id] = PipeOutlet(self._pipes, job.id)
                self.inbox.put((job, outlet))
            case wire.Prepare(job_id, clip):
                outlet = self._outlets[job_id] = PipeOutlet(self._pipes, job_id)
                self.inbox.put((clip, outlet))
            case wire.Cancel(job_id):
                if addressee := self._outlets.get(job_id):
                    addressee.cancel()
            case _:
                raise wire.WireError(f"{type(message).__name__} is not for a child")


def make_way() -> None:
    """Lowers this process below its parent: the node must answer while every core computes here."""
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    with contextlib.suppress(OSError):  # Linux only
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)


def core_count() -> int:
    """The cores that this process may use, which in a container or under taskset are fewer than there are."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def limit_threads(threads: int) -> None:
    """Tells every numeric library, before it is imported, how many threads it may have. Two such libraries with a
    thread for each core each get in each other's way; what the owner of the machine has set is left alone.
    """
    for name in _THREAD_VARIABLES:
        os.environ.setdefault(name, str(threads or core_count()))


def fault_of(exc: BaseException) -> wire.Fault:
    """Whose fault an engine's exception is."""
    if isinstance(exc, Unspeakable):
        return wire.Fault.REQUEST
    if isinstance(exc, VoiceGone):
        return wire.Fault.VOICE
    text = f"{type(exc).__name__} {exc}".lower()
    is_memory = (
        isinstance(exc, MemoryError) or "outofmemory" in text or any(word in text for word in _MEMORY_WORDS)
    )
    return wire.Fault.MEMORY if is_memory else wire.Fault.ENGINE


def failure(job_id: int, exc: Exception) -> wire.Failed:
    """What the node is told of it."""
    if isinstance(exc, Unspeakable):
        return wire.Failed(job_id, str(exc), wire.Fault.REQUEST, exc.param)
    return wire.Failed(job_id, f"{type(exc).__name__}: {exc}", fault_of(exc))


def build_engine(load: wire.Load) -> Engine:
    """Imports the engine and wraps it if a slower machine is simulated. Loads nothing."""
    module, _, name = load.factory.partition(":")
    engine: Engine = getattr(import_module(module), name)(load.config)
    simulation = Simulation(load.rtf, load.first_s, load.load_s)
    return SimulatedEngine(engine, simulation) if simulation.is_on else engine


def come_up(pipes: Pipes, load: wire.Load) -> Engine:
    """Loads the engine and says so, or says why not and ends."""
    started_s = time.monotonic()
    try:
        limit_threads(load.config.threads)
        engine = build_engine(load)
        engine.load()
    except Exception as exc:
        pipes.send(wire.LoadFailed(f"{type(exc).__name__}: {exc}", fault_of(exc) is wire.Fault.MEMORY))
        os._exit(1)
    pipes.send(wire.Ready(time.monotonic() - started_s, engine.memory()))
    return engine


def perform(pipes: Pipes, engine: Engine, work: Job | Clip, outlet: PipeOutlet) -> None:
    """One utterance or one preparation, from its start to its last frame."""
    started_s = time.monotonic()
    try:
        if isinstance(work, Clip):
            engine.prepare(work, outlet)
        else:
            engine.speak(work, outlet)
            outlet.write(_SHORTEST[outlet.pcm_bytes :])
        done = wire.Done(outlet.job_id, time.monotonic() - started_s, engine.memory(), tuple(outlet.notes))
    except Exception as exc:
        pipes.send(failure(outlet.job_id, exc))
    else:
        pipes.send(done)


def main() -> NoReturn:
    """Load, then jobs, until stdin ends."""
    for kind in (signal.SIGINT, signal.SIGTERM):  # they reach the whole group; the node decides what ends
        signal.signal(kind, signal.SIG_IGN)
    make_way()
    faulthandler.enable()
    pipes = Pipes()
    reader = Reader(pipes)
    load = reader.inbox.get()
    assert isinstance(load, wire.Load)
    engine = come_up(pipes, load)
    while True:
        item = reader.inbox.get()
        assert not isinstance(item, wire.Load)
        work, outlet = item
        perform(pipes, engine, work, outlet)
        reader.forget(outlet.job_id)


if __name__ == "__main__":
    main()
