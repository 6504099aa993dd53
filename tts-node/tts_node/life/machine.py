"""How much memory there is for this process."""

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

MIB = 1024 * 1024
_UNKNOWN_RAM_MB = 8192  # what is assumed where the machine does not tell


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX of sysinfoapi.h, as far as it is read."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        ("total_physical", ctypes.c_uint64),
        ("rest", ctypes.c_uint64 * 6),
    )


def ram_mb(root: Path = Path("/")) -> int:
    """What this machine, or the container or systemd unit around this process, may use."""
    return min([_machine_bytes(), *_limits(root)]) // MIB


def _machine_bytes() -> int:
    if sys.platform == "win32":
        status = _MemoryStatus(ctypes.sizeof(_MemoryStatus))
        ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
        return int(status.total_physical)
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return _UNKNOWN_RAM_MB * MIB


def _limits(root: Path) -> Iterable[int]:
    """Those of this process's control groups and of all above them (cgroups(7))."""
    try:
        groups = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for _, controllers, path in (line.split(":", 2) for line in groups if line.count(":") >= 2):
        if controllers not in {"", "memory"}:
            continue
        top = root / "sys/fs/cgroup" / controllers
        name = "memory.limit_in_bytes" if controllers else "memory.max"
        below = PurePosixPath(path.lstrip("/"))
        for folder in (below, *below.parents):
            with contextlib.suppress(OSError, ValueError):  # not there; "max"
                yield int((top / folder / name).read_text())
