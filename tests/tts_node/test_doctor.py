"""`tts-node doctor` before staged traps: packages that lie where Python finds them, a driver's tool."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tts_node.install.weights import WEIGHTS

NO_METAL = """
class backends:
    class mps:
        is_available = staticmethod(lambda: False)
"""
CPU_TORCH = f"""
class version:
    cuda = None
    hip = None
{NO_METAL}
"""
CUDA_TORCH = f"""
class version:
    cuda = "12.4"
    hip = None
class cuda:
    @staticmethod
    def init():
        raise RuntimeError("%s")
{NO_METAL}
"""

# What a healthy Chatterbox on a CPU looks like to an importer, in a few lines each.
STAGE = {
    "torch": ("2.13.0+cpu", CPU_TORCH),
    "torchaudio": ("2.11.0", ""),
    "numpy": ("1.26.4", ""),
    "setuptools": ("80.10.2", ""),
    "perth": ("1.0.1", "class PerthImplicitWatermarker: pass\nclass DummyWatermarker: pass\n"),
    "librosa": ("0.11.0", ""),
    "soundfile": ("0.14.0", ""),
    "chatterbox": ("0.1.7", "__version__ = '0.1.7'\n"),
}
DISTRIBUTIONS = {"perth": "resemble_perth", "chatterbox": "chatterbox_tts"}


def stage(folder: Path, changes: Mapping[str, tuple[str | None, str]] = {}) -> Path:
    """Site-packages with the stage's packages; a version of None leaves the package out."""
    for name, (version, source) in {**STAGE, **changes}.items():
        if version is None:
            continue
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(source)
        information = folder / f"{DISTRIBUTIONS.get(name, name)}-{version}.dist-info"
        information.mkdir()
        distribution = DISTRIBUTIONS.get(name, name).replace("_", "-")
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    return folder


def doctor(site: Path, *args: str, path: Path | None = None) -> dict[str, tuple[bool, str]]:
    """Each line by its name: whether it is no fault, and the text."""
    env = {**os.environ, "PYTHONPATH": str(site), "HOME": str(site)}
    if path:
        env["PATH"] = f"{path}{os.pathsep}{env['PATH']}"
    command = [sys.executable, "-m", "tts_node", "doctor", "--engine", "espeak", "--port", "0", *args]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env)
    assert "" == answer.stderr
    lines = re.findall(r"^(ok   |FAULT) (\w+): (.+)$", answer.stdout, re.MULTILINE)
    assert len(lines) == len(answer.stdout.splitlines())
    assert answer.returncode == any(mark == "FAULT" for mark, _, _ in lines)
    return {name: (mark != "FAULT", text) for mark, name, text in lines}


def faults_of(told: Mapping[str, tuple[bool, str]]) -> dict[str, str]:
    """Those lines that are faults; weights are another matter."""
    return {name: text for name, (is_ok, text) in told.items() if not is_ok and name != "weights"}


def test_a_healthy_stage(tmp_path: Path) -> None:
    """Nothing is wrong with it, so each trap below is its own."""
    told = doctor(stage(tmp_path))
    assert {} == faults_of(told)
    assert "chatterbox-tts 0.1.7" == told["chatterbox"][1]


@pytest.mark.parametrize(
    ("changes", "name", "remedy"),
    [
        ({"torch": (None, "")}, "torch", "tts-node setup"),
        ({"torch": ("2.13.0", "raise OSError('libcudart.so.13: cannot open')")}, "torch", "libcudart.so.13"),
        ({"numpy": ("2.2.0", "")}, "numpy", "numpy>=1.26,<2"),
        (
            {"setuptools": ("82.0.0", ""), "perth": ("1.0.1", "PerthImplicitWatermarker = None")},
            "watermark",
            "setuptools>=77.0.3,<81",
        ),
        ({"librosa": ("0.11.0", "raise ImportError('numba is broken')")}, "chatterbox", "numba is broken"),
        (
            {"torch": ("2.6.0+cu124", CUDA_TORCH % "Found no NVIDIA driver.")},
            "gpu",
            "finds no NVIDIA driver",
        ),
    ],
    ids=["no torch", "broken torch", "numpy 2", "setuptools 82", "broken librosa", "no driver"],
)
def test_a_trap_is_found(
    tmp_path: Path, changes: Mapping[str, tuple[str | None, str]], name: str, remedy: str
) -> None:
    """By its own line, with the remedy, and nothing else is blamed."""
    faults = faults_of(doctor(stage(tmp_path, changes)))
    assert [name] == list(faults)
    assert remedy in faults[name]


def test_a_cuda_torchaudio_beside_a_cpu_torch(tmp_path: Path) -> None:
    """What pip's own index gives: harmless, and said so."""
    told = doctor(stage(tmp_path, {"torchaudio": ("2.11.0", "import torchaudio._extension")}))
    assert {} == faults_of(told)
    assert "harmless" in told["torchaudio"][1]


@pytest.fixture
def driver(tmp_path: Path) -> Path:
    """A folder with NVIDIA's tool in it, which knows one GPU and an old driver."""
    folder = tmp_path / "bin"
    folder.mkdir()
    tool = folder / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA GeForce RTX 3090, 470.57.02'\n")
    tool.chmod(0o755)
    return folder


def test_an_idle_gpu_is_found(tmp_path: Path, driver: Path) -> None:
    """A CPU torch beside it is a mistake, unless the CPU is asked for."""
    site = stage(tmp_path / "site")
    faults = faults_of(doctor(site, path=driver))
    assert ["gpu"] == list(faults)
    assert "RTX 3090 lies idle" in faults["gpu"]
    assert {} == faults_of(doctor(site, "--device", "cpu", path=driver))


def test_an_old_driver_is_found(tmp_path: Path, driver: Path) -> None:
    """Its version and the least that serves are told."""
    torch = CUDA_TORCH % "The NVIDIA driver on your system is too old (found version 11040)."
    faults = faults_of(doctor(stage(tmp_path / "site", {"torch": ("2.6.0+cu124", torch)}), path=driver))
    assert [True, True] == [version in faults["gpu"] for version in ("470.57.02", "525.60")]


def test_a_torch_that_crashes_is_survived(tmp_path: Path) -> None:
    """A driver can take the whole process with it; the doctor goes on to its last line."""
    told = doctor(stage(tmp_path, {"torch": ("2.6.0", "import os; os._exit(139)")}))
    assert (False, True) == (told["chatterbox"][0], told["speech"][0])
    assert "status 139" in told["chatterbox"][1]


def test_weights_that_are_missing(tmp_path: Path) -> None:
    """Installed without any weights is a fault; one model's weights are enough."""
    site = stage(tmp_path / "site")
    weights = tmp_path / "weights"
    is_ok, text = doctor(site, "--weights-dir", str(weights))["weights"]
    assert (False, True) == (is_ok, "tts-node download chatterbox-turbo" in text)
    (weights / "chatterbox").mkdir(parents=True)
    for name in WEIGHTS["chatterbox"].required:
        (weights / "chatterbox" / name).write_bytes(b"x")
    assert (True, f"chatterbox in {weights}") == doctor(site, "--weights-dir", str(weights))["weights"]
