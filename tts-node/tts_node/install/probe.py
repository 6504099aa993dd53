"""What this Python finds of Chatterbox and of a GPU: `python -m tts_node.install.probe` prints it as JSON.

A process of its own, because importing torch takes seconds and memory, may crash on a broken driver, and must
never happen in the node. Judges nothing: that is `diagnosis.py`.
"""

import importlib
import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

PACKAGES = (
    "chatterbox-tts",
    "torch",
    "torchaudio",
    "numpy",
    "setuptools",
    "resemble-perth",
    "huggingface-hub",
    "spacy-pkuseg",
    "pykakasi",
)
_PKUSEG_HOME = Path(os.environ.get("PKUSEG_HOME", "~/.pkuseg")).expanduser()  # its own convention
_TIMEOUT_S = 300.0  # a first import compiles, and virus scanners read along
_SMI_TIMEOUT_S = 15.0


class Gpu(msgspec.Struct, frozen=True):
    """One device as torch sees it."""

    name: str
    arch: str  # sm_86
    total_bytes: int


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Errors are the first line of the exception; None: there was none."""

    versions: dict[str, str | None]
    torch_error: str | None = None
    cuda_build: str | None = None  # the CUDA that torch is built with
    cuda_error: str | None = None  # why it does not work, although torch is built with it
    archs: list[str] = []  # that torch has kernels for
    gpus: list[Gpu] = []
    has_mps: bool = False
    torchaudio_error: str | None = None
    chatterbox_error: str | None = None  # importing it the way the engines do
    has_watermarker: bool | None = None  # None: nobody got so far as to ask
    has_segmenter: bool = False  # spacy-pkuseg with its model: the engines never let it download one
    driver_gpus: list[str] = []  # what the driver's own tool lists
    driver_version: str | None = None

    @property
    def is_installed(self) -> bool:
        """Whether anybody ever tried to."""
        return self.versions.get("chatterbox-tts") is not None


class ProbeFailed(Exception):
    """The process that looked died or hung: itself a finding."""


def look() -> Facts:
    """Runs the probe. Raises ProbeFailed."""
    command = (sys.executable, "-P", "-m", "tts_node.install.probe")
    try:
        answer = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_S, check=False)  # noqa: S603
        return msgspec.json.decode(answer.stdout.splitlines()[-1], type=Facts)
    except subprocess.TimeoutExpired as exc:
        raise ProbeFailed(f"importing torch took longer than {_TIMEOUT_S:.0f} s") from exc
    except (IndexError, msgspec.MsgspecError) as exc:
        words = answer.stderr.decode(errors="replace").strip().splitlines()
        raise ProbeFailed(words[-1] if words else f"it ended with status {answer.returncode}") from exc


def gather() -> Facts:
    """In the process of its own."""
    names, driver = _ask_driver()
    facts = Facts(
        versions={each: _version_of(each) for each in PACKAGES}, driver_gpus=names, driver_version=driver
    )
    if facts.versions["torch"] is None:
        return facts
    if error := _error_of(lambda: importlib.import_module("torch")):
        return msgspec.structs.replace(facts, torch_error=error)
    facts = _ask_torch(facts)
    # Before our own way in, which stands in for a torchaudio that does not load.
    facts = msgspec.structs.replace(
        facts, torchaudio_error=_error_of(lambda: importlib.import_module("torchaudio"))
    )
    return _ask_chatterbox(facts) if facts.is_installed else facts


def _ask_torch(facts: Facts) -> Facts:
    import torch

    error = _error_of(torch.cuda.init) if torch.version.cuda else None
    count = torch.cuda.device_count() if torch.version.cuda and error is None else 0
    devices = [torch.cuda.get_device_properties(index) for index in range(count)]
    return msgspec.structs.replace(
        facts,
        cuda_build=torch.version.cuda,
        cuda_error=error,
        archs=list(torch.cuda.get_arch_list()) if count else [],
        gpus=[Gpu(each.name, f"sm_{each.major}{each.minor}", each.total_memory) for each in devices],
        has_mps=bool(torch.backends.mps.is_available()),
    )


def _ask_chatterbox(facts: Facts) -> Facts:
    error = _error_of(lambda: importlib.import_module("tts_node.engines.chatterbox.package"))
    perth = sys.modules.get("perth")
    return msgspec.structs.replace(
        facts,
        chatterbox_error=error,
        has_watermarker=perth and getattr(perth, "PerthImplicitWatermarker", None) is not None,
    )


def _ask_driver() -> tuple[list[str], str | None]:
    command = ("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_SMI_TIMEOUT_S, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return [], None
    rows = [line.rpartition(", ") for line in answer.stdout.splitlines() if ", " in line]
    return [name for name, _, _ in rows], next((version.strip() for _, _, version in rows), None)


def _version_of(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _error_of(attempt: Callable[[], object]) -> str | None:
    try:
        attempt()
    except Exception as exc:
        lines = str(exc).strip().splitlines()
        return f"{type(exc).__name__}: {lines[0] if lines else ''}"
    return None


def main() -> None:
    """Libraries print as they like; the facts are the last line."""
    out = os.dup(1)
    os.dup2(2, 1)
    os.write(out, msgspec.json.encode(gather()) + b"\n")


if __name__ == "__main__":
    main()
