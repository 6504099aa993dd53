"""What a drill was held on."""

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from router import __version__


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`load_1min`: what else the machine did when the drill began."""

    held_at: str
    cpu: str
    cores: int
    system: str
    python: str
    router: str
    load_1min: float | None

    def as_line(self) -> str:
        load = "" if self.load_1min is None else f", load average {self.load_1min:.1f} at the start"
        return (
            f"Held {self.held_at} on {self.cpu}, {self.cores} cores, {self.system}, Python {self.python}, router "
            f"{self.router}{load}."
        )


def these() -> Surroundings:
    """As they are now."""
    return Surroundings(
        held_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        cpu=_cpu(),
        cores=os.cpu_count() or 1,
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        router=__version__,
        load_1min=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    )


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
