"""What the figures were taken on."""

import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from bench.contenders.installed import said
from bench.servers import REPOSITORY

_PACKAGES: Final = ("uvicorn", "uvloop", "httptools", "msgspec", "litestar", "prometheus_client")


@dataclass(frozen=True, slots=True)
class Machine:
    """`versions`: of Python, packages and tools by name; `load_1min`: what else ran when the benchmark began."""

    taken_at: str
    cpu: str
    cores: int
    memory_gb: float
    kernel: str
    revision: str
    load_1min: float
    versions: dict[str, str]

    def as_dict(self) -> dict[str, object]:
        return asdict(self)

    @property
    def where(self) -> str:
        """For a page: what was measured where."""
        return (
            f"{self.taken_at}, {self.cpu}, {self.cores} cores, {self.kernel}, revision {self.revision}, "
            f"load at the start {self.load_1min:.1f}"
        )


def this_machine() -> Machine:
    """The machine, as it is now."""
    cpuinfo = Path("/proc/cpuinfo").read_text().splitlines()
    memory_kib = int(Path("/proc/meminfo").read_text().split()[1])
    versions = {"Python": f"{platform.python_implementation()} {platform.python_version()}"}
    versions |= {name: version(name) for name in _PACKAGES}
    versions |= {
        "nginx": said("nginx", "-v").partition("nginx/")[2],
        "wrk": said("wrk", "-v").partition(" ")[2].partition(" ")[0],
    }
    return Machine(
        taken_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        cpu=_cpu_name(cpuinfo),
        cores=sum(line.startswith("processor") for line in cpuinfo),
        memory_gb=round(memory_kib * 1024 / 1e9, 1),
        kernel=f"{platform.system()} {platform.release()}",
        revision=said("git", "-C", str(REPOSITORY), "describe", "--always", "--dirty") or "unknown",
        load_1min=float(Path("/proc/loadavg").read_text().split()[0]),
        versions=versions,
    )


def _cpu_name(cpuinfo: list[str]) -> str:
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in cpuinfo)}
    name = fields.get("model name", platform.machine())
    family, model = fields.get("cpu family"), fields.get("model")
    return f"{name} (family {family}, model {model})" if family and model else name
