"""Child processes: pinned to a core, ended by their own id, and what they cost."""

import contextlib
import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final

QUIET_S: Final = 0.1
_QUIET_SHARE: Final = 0.05  # of a core: probes and heartbeats alone use less
_FILES: Final = 16_384
_END_WITHIN_S: Final = 10.0
_CPUCLOCK_SCHED: Final = 2  # include/linux/posix-timers.h: the process's time on a CPU, in ns


@contextlib.contextmanager
def pinned(core: int) -> Iterator[None]:
    """This process is on `core` alone for as long as the block lasts; children that are started in it stay there,
    with every thread they will ever have."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def running(command: Sequence[str], core: int, log: IO[bytes], cwd: Path | None = None) -> Iterator[int]:
    """Run `command` on `core` for as long as the block lasts; its process id. No child of its outlives it."""
    with pinned(core):
        process = subprocess.Popen(  # noqa: S603  ours
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=cwd, process_group=0
        )
    try:
        yield process.pid
    finally:
        end(process)


def end(process: subprocess.Popen[bytes], within_s: float = _END_WITHIN_S) -> None:
    """By its own id, and at once what does not end `within_s`; then all that is left of its group, its own."""
    process.terminate()
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    with contextlib.suppress(ProcessLookupError):  # nobody is left of its group, as it should be
        os.killpg(process.pid, signal.SIGKILL)


def allow_many_files() -> None:
    """A thousand streams are a thousand connections here, and twice as many in a gateway, which inherits this."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def cpu_s(pid: int) -> float:
    """CPU seconds (user and system) of a process, all threads that it ever had, and its living children.

    The process's CPU clock (clock_getcpuclockid(3)) counts what utime + stime of /proc/PID/stat count, in ns
    rather than in ticks of 10 ms, of which a paced stream takes only a handful.
    """
    return sum(time.clock_gettime((~each << 3) | _CPUCLOCK_SCHED) for each in _family(pid))


def waited_s(pid: int) -> float | None:
    """Seconds in which the living threads of a process and its children could have run, had their core been free
    (Documentation/scheduler/sched-stats.rst, the second field); None where the kernel does not tell."""
    stats = [stat for each in _family(pid) for stat in Path(f"/proc/{each}/task").glob("*/schedstat")]
    return sum(int(stat.read_text().split()[1]) for stat in stats) / 1e9 if stats else None


def is_quiet(pid: int) -> bool:
    """Whether it does next to nothing in the QUIET_S after the call. Raises OSError when it has ended."""
    used_s, began_s = cpu_s(pid), time.monotonic()
    time.sleep(QUIET_S)
    return (cpu_s(pid) - used_s) / (time.monotonic() - began_s) < _QUIET_SHARE


def resident_mb(pid: int) -> float:
    """Resident memory of a process and its children, in MB."""
    return sum(_resident_kib(each) for each in _family(pid)) * 1024 / 1e6


def is_running(pid: int) -> bool:
    """Not ended. A child that has ended stays listed as a zombie until its parent asks."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(member for child in children for member in _family(int(child)))]


def _resident_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0
