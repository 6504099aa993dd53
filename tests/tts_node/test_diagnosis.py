"""Each trap of Chatterbox's dependencies: recognised, told in one line, with the remedy."""

from typing import Any

import msgspec
import pytest

from tts_node.install.diagnosis import Finding, diagnose
from tts_node.install.probe import Facts, Gpu

VERSIONS = {
    "chatterbox-tts": "0.1.7",
    "torch": "2.6.0+cu124",
    "torchaudio": "2.6.0+cu124",
    "numpy": "1.26.4",
    "setuptools": "80.10.2",
    "resemble-perth": "1.0.1",
    "huggingface-hub": "1.33.0",
    "spacy-pkuseg": None,
    "pykakasi": None,
}
RTX_3090 = Gpu("NVIDIA GeForce RTX 3090", "sm_86", 24 * 2**30)
RTX_5090 = Gpu("NVIDIA GeForce RTX 5090", "sm_120", 32 * 2**30)
GAMING_PC = Facts(
    versions=VERSIONS,
    cuda_build="12.4",
    archs=["sm_50", "sm_80", "sm_86", "sm_90"],
    gpus=[RTX_3090],
    has_watermarker=True,
    driver_gpus=[RTX_3090.name],
    driver_version="560.94",
)
SERVER = Facts(
    versions=VERSIONS | {"torch": "2.13.0+cpu", "torchaudio": "2.11.0"},
    has_watermarker=True,
    torchaudio_error="OSError: libcudart.so.13: cannot open shared object file",
)

SETUPTOOLS = '"setuptools>=77.0.3,<81"'


def but(facts: Facts, versions: dict[str, str | None] | None = None, **changes: Any) -> Facts:
    """The same machine with something amiss."""
    return msgspec.structs.replace(facts, versions=facts.versions | (versions or {}), **changes)


def faults_of(facts: Facts, device: str = "auto") -> list[Finding]:
    """What is wrong with it."""
    return [finding for finding in diagnose(facts, device) if not finding.is_ok]


@pytest.mark.parametrize(
    ("facts", "device"),
    [
        (GAMING_PC, "auto"),
        (GAMING_PC, "cuda"),
        (GAMING_PC, "cuda:0"),
        (GAMING_PC, "cpu"),
        (SERVER, "auto"),
        (SERVER, "cpu"),
        (but(SERVER, has_mps=True), "mps"),
        (but(SERVER, has_mps=True), "auto"),
        (but(GAMING_PC, archs=["sm_80", "compute_90"], gpus=[RTX_5090]), "auto"),
        (but(SERVER, driver_gpus=[RTX_3090.name]), "cpu"),
    ],
)
def test_healthy_machines(facts: Facts, device: str) -> None:
    """No false alarm."""
    assert [] == faults_of(facts, device)


def test_a_machine_without_chatterbox_is_healthy() -> None:
    """One line, which says what would bring it."""
    (finding,) = diagnose(Facts(versions=dict.fromkeys(VERSIONS)), "auto")
    assert (True, "chatterbox") == (finding.is_ok, finding.name)
    assert "`tts-node setup cuda`" in finding.text


@pytest.mark.parametrize(
    ("facts", "device", "name", "remedy"),
    [
        (but(SERVER, {"torch": None}), "cpu", "torch", "tts-node setup"),
        (but(SERVER, torch_error="OSError: libtorch_cpu.so"), "cpu", "torch", "tts-node setup"),
        (but(SERVER, {"torchaudio": None}), "cpu", "torchaudio", "tts-node setup"),
        (but(GAMING_PC, torchaudio_error="OSError: undefined symbol"), "auto", "torchaudio", "does not fit"),
        (but(SERVER, {"numpy": "2.1.0"}), "cpu", "numpy", '"numpy>=1.26,<2"'),
        (but(SERVER, {"numpy": None}), "cpu", "numpy", '"numpy>=1.26,<2"'),
        (but(SERVER, {"setuptools": "82.0.1"}, has_watermarker=False), "cpu", "watermark", SETUPTOOLS),
        (but(SERVER, {"setuptools": None}, has_watermarker=False), "cpu", "watermark", SETUPTOOLS),
        (but(SERVER, {"resemble-perth": None}, has_watermarker=False), "cpu", "watermark", "tts-node setup"),
        (but(SERVER, has_watermarker=False), "cpu", "watermark", "--watermark off"),
        (
            but(SERVER, has_watermarker=None, chatterbox_error="ImportError: no librosa"),
            "cpu",
            "chatterbox",
            "no librosa",
        ),
        (but(SERVER, driver_gpus=[RTX_3090.name]), "auto", "gpu", "`tts-node setup cuda`"),
        (but(SERVER, driver_gpus=[RTX_3090.name]), "cuda", "gpu", "RTX 3090 lies idle"),
        (SERVER, "cuda:1", "gpu", "Install NVIDIA's driver"),
        (SERVER, "mps", "gpu", "--device auto"),
        (
            but(GAMING_PC, gpus=[], cuda_error="RuntimeError: The NVIDIA driver on your system is too old"),
            "auto",
            "gpu",
            "525.60",
        ),
        (
            but(GAMING_PC, gpus=[], driver_gpus=[], cuda_error="RuntimeError: Found no NVIDIA driver"),
            "auto",
            "gpu",
            "--gpus all",
        ),
        (
            but(GAMING_PC, gpus=[], cuda_error="RuntimeError: No CUDA GPUs are available"),
            "auto",
            "gpu",
            "CUDA_VISIBLE_DEVICES",
        ),
        (GAMING_PC, "cuda:1", "gpu", "there is no cuda:1"),
        (but(GAMING_PC, gpus=[RTX_5090]), "auto", "gpu", "/whl/cu128"),
    ],
)
def test_each_trap(facts: Facts, device: str, name: str, remedy: str) -> None:
    """Exactly one fault: whoever mends it is done."""
    (fault,) = faults_of(facts, device)
    assert name == fault.name
    assert remedy in fault.text
    assert "\n" not in fault.text


def test_a_consequence_is_not_told_beside_its_cause() -> None:
    """Chatterbox does not import either when torch is not there; only torch is named."""
    broken = but(
        SERVER, {"torch": None}, has_watermarker=None, chatterbox_error="ImportError: No module named 'torch'"
    )
    assert ["torch"] == [fault.name for fault in faults_of(broken)]


def test_a_cuda_torchaudio_beside_a_cpu_torch_is_told_and_harmless() -> None:
    """pip's own index has no other; the engines stand in for its native part."""
    (told,) = [finding for finding in diagnose(SERVER, "cpu") if finding.name == "torchaudio"]
    assert (True, True) == (told.is_ok, "harmless" in told.text)


@pytest.mark.parametrize(
    ("facts", "name", "says"),
    [
        (SERVER, "chinese", "pip install spacy-pkuseg"),
        (SERVER, "japanese", "GPL-3"),
        (but(SERVER, has_segmenter=True), "chinese", "segmented by"),
        (but(SERVER, {"pykakasi": "2.3.0"}), "japanese", "are read by"),
    ],
)
def test_what_languages_lack(facts: Facts, name: str, says: str) -> None:
    """No fault: other languages do without."""
    (told,) = [finding for finding in diagnose(facts, "cpu") if finding.name == name]
    assert (True, True) == (told.is_ok, says in told.text)
