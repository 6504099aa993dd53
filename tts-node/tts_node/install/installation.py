"""What `tts-node setup` does, as data: the pip commands that make this environment speak Chatterbox. Runs nothing.

Why not simply `pip install chatterbox-tts`: it pins a torch that exists for CPUs only on PyTorch's own index,
brings a web framework that nobody here needs and a package whose licence not everybody wants, and breaks with
today's setuptools. So everything but torch comes pinned and hashed from `requirements/chatterbox.txt`
(`make lock`), and torch from the index whose builds fit the machine.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

LOCK = Path(__file__).parent / "requirements" / "chatterbox.txt"
PYTHONS = ((3, 11), (3, 12))  # numpy < 2 and Chatterbox's other pins have no wheels for newer ones

_PYTORCH = "https://download.pytorch.org/whl/"
_LAST_TORCHAUDIO = (2, 11, 0)  # later ones are not made; it loads beside later torches
_PIN = re.compile(r"^([\w.-]+)==([^\s;]+)[ ]*(;)?", re.MULTILINE)


class Target(StrEnum):
    """What Chatterbox shall compute on."""

    CPU = "cpu"  # on a Mac its GPU too: Apple's builds are the same
    CUDA = "cuda"


@dataclass(frozen=True, slots=True)
class Torch:
    """Which torch, and where from; no index means pip's own."""

    requirement: str
    index: str | None

    @property
    def version(self) -> str:
        """As asked for; empty when the requirement is no `==`."""
        return self.requirement.partition("==")[2]

    @property
    def audio(self) -> str:
        """The torchaudio that goes with it: the same version, or the last there is."""
        numbers = re.match(r"(\d+)\.(\d+)\.(\d+)", self.version)
        if numbers is None:
            return "torchaudio"
        major, minor, patch = (int(part) for part in numbers.groups())
        return "torchaudio==" + ".".join(map(str, min((major, minor, patch), _LAST_TORCHAUDIO)))


@dataclass(frozen=True, slots=True)
class Step:
    """One pip command: what it is for, and its arguments after `python -m pip`."""

    title: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it would be installed."""

    python: tuple[int, int]
    platform: str  # as sys.platform has it
    is_isolated: bool  # an environment of its own, not the system's Python
    has_pip: bool
    free_bytes: int


NEEDED_BYTES: Mapping[Target, int] = {Target.CPU: 3 * 10**9, Target.CUDA: 9 * 10**9}


def torch_for(target: Target, platform: str) -> Torch:
    """Chatterbox's own torch for CUDA (2.6, CUDA 12.4: RTX 20 to 40); for CPUs the one measured here."""
    if target is Target.CUDA:
        return Torch("torch==2.6.0", _PYTORCH + "cu124")
    return Torch("torch==2.13.0", None if platform == "darwin" else _PYTORCH + "cpu")


def faults(target: Target, machine: Machine, *, is_system_fine: bool = False) -> list[str]:
    """Everything that stands against installing, each with what to do."""
    found = []
    if machine.python not in PYTHONS:
        found.append(
            f"Chatterbox needs Python 3.11 or 3.12, this is {machine.python[0]}.{machine.python[1]}. Make an "
            "environment with one of them (`py -3.12 -m venv .venv` on Windows, `python3.12 -m venv .venv` "
            "elsewhere) and install tts-node there."
        )
    if target is Target.CUDA and machine.platform == "darwin":
        found.append(
            "There is no CUDA on a Mac: `tts-node setup cpu` uses its GPU (device mps) where there is one."
        )
    if not machine.is_isolated and not is_system_fine:
        found.append(
            "This is the system's Python: gigabytes of pinned packages would go into it. Make an environment "
            "(`python3 -m venv .venv`) and install tts-node there, or say --system."
        )
    if not machine.has_pip:
        found.append("This environment has no pip: `python -m ensurepip` brings it.")
    if machine.free_bytes < (needed := NEEDED_BYTES[target]):
        found.append(
            f"{machine.free_bytes / 1e9:.1f} GB are free where this environment lies, about {needed / 1e9:.0f} "
            "GB are needed. Make room, or make the environment on another drive."
        )
    return found


def steps(
    torch: Torch, *, is_wrong_build: bool = False, is_compiled: bool = True, lock: Path = LOCK
) -> tuple[Step, ...]:
    """Packages first, so that torch finds its dependencies pinned; torchaudio last, and without its own wishes."""
    install = ("install", "--no-input", *(() if is_compiled else ("--no-compile",)))
    index = ("--index-url", torch.index) if torch.index else ()
    removal = Step("removing the torch of another kind", ("uninstall", "--yes", "torch", "torchaudio"))
    return (
        *((removal,) if is_wrong_build else ()),
        Step(
            "Chatterbox and what it needs",
            (*install, "--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", str(lock)),
        ),
        Step(torch.requirement, (*install, "--no-warn-conflicts", *index, torch.requirement)),
        Step(torch.audio, (*install, "--no-deps", *index, torch.audio)),
    )


def pins(lock_text: str) -> list[tuple[str, str, bool]]:
    """Name, version, and whether only some machines need it, of every line of a lock."""
    return [(name, version, bool(marker)) for name, version, marker in _PIN.findall(lock_text)]


def outstanding(torch: Torch, lock_text: str, version_of: Callable[[str], str | None]) -> list[str]:
    """The packages that are absent or of another version. `version_of` gives None for what is not installed."""
    found = []
    for name, wanted, is_conditional in pins(lock_text):
        there = version_of(name)
        if there != wanted and not (there is None and is_conditional):
            found.append(name)
    for requirement in (torch.requirement, torch.audio):
        name, _, wanted = requirement.partition("==")
        if (there := version_of(name)) is None or wanted not in ("", there, there.partition("+")[0]):
            found.append(name)
    return found


def is_built_for(target: Target, version_file: str) -> bool:
    """Whether torch's own `version.py` tells a build for this target. ROCm's counts as neither."""
    has_cuda = re.search(r"^cuda\b[^=]*=\s*['\"]\d", version_file, re.MULTILINE) is not None
    has_hip = re.search(r"^hip\b[^=]*=\s*['\"]\d", version_file, re.MULTILINE) is not None
    return not has_hip and has_cuda is (target is Target.CUDA)


def explain(pip_output: str) -> str:
    """Why pip failed, in one line with what to do. Most telling first: a dead network also says "no version"."""
    for pattern, meaning in _FAILURES.items():
        if re.search(pattern, pip_output, re.IGNORECASE):
            return meaning
    lines = [line.strip() for line in pip_output.splitlines() if line.strip()]
    told = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR:")] or lines
    return f"pip failed: {told[-1] if told else 'it said nothing'}"


_UNREACHABLE = "|".join(
    (
        "NewConnectionError",
        "NameResolutionError",
        "name resolution",
        "getaddrinfo failed",
        "Failed to establish a new connection",
        "Connect ?Timeout",
        "Read ?Timeout",
        "timed out",
        "ProxyError",
        "Connection refused",
        "Network is unreachable",
        "Connection(ResetError| aborted| broken)",
        "IncompleteRead",
        "Max retries exceeded",
        "SSLError",
        "CERTIFICATE_VERIFY_FAILED",
    )
)
_FAILURES = {
    "No space left on device|not enough space on the disk": (
        "The disk is full. Make room (`pip cache purge` may give some), then run the same command again."
    ),
    "DO NOT MATCH THE HASHES": (
        "A downloaded package is not the one that was pinned: a broken download or a meddling proxy. "
        "Run `pip cache purge`, then the same command again."
    ),
    _UNREACHABLE: (
        "The package index cannot be reached. Check the network and the proxy (pip obeys HTTPS_PROXY), then run "
        "the same command again: what was downloaded is kept."
    ),
    "No matching distribution found": (
        "The package index has no build of a package for this system and Python. Chatterbox needs Python 3.11 or "
        "3.12 on 64-bit Windows, Linux or macOS on Apple silicon; --torch and --torch-index choose another torch."
    ),
    r"Permission denied|Access is denied|WinError (5|32)\b": (
        "Files of this environment may not be changed: stop tts-node if it runs, and use the account that made "
        "the environment."
    ),
}
