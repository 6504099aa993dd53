"""What the probe's facts mean: one line for each thing that can bite Chatterbox, with the remedy. Pure.

Each trap here was met with chatterbox-tts 0.1.7: they are its dependencies', and several fail without a word
(a watermarker that is None, a CPU torch beside an idle GPU).
"""

import re
from dataclasses import dataclass

from tts_node.install.probe import Facts, Gpu

_SETUP = "`tts-node setup cuda` (or cpu)"
_SETUPTOOLS = '`python -m pip install "setuptools>=77.0.3,<81"`'
_CHINESE = (
    "spoken unsegmented; better with `python -m pip install spacy-pkuseg` and, once, "
    '`python -c "import spacy_pkuseg; spacy_pkuseg.pkuseg()"`, which fetches its model'
)
_JAPANESE = "kanji are not read; `python -m pip install pykakasi==2.3.0` (GPL-3) reads them"
_LEAST_DRIVER = {
    "11": "450.80",
    "12": "525.60 (Windows: 528.33)",
    "13": "580.65",
}  # by CUDA's major version; NVIDIA


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor."""

    name: str
    is_ok: bool
    text: str


def diagnose(facts: Facts, device: str) -> list[Finding]:
    """Everything about Chatterbox, for a node with this `--device`."""
    if not facts.is_installed:
        return [Finding("chatterbox", True, f"not installed; {_SETUP} brings human voices")]
    parts = [
        torch(facts),
        *torchaudio(facts),
        numpy(facts),
        *watermark(facts),
        gpu(facts, device),
        *languages(facts),
    ]
    is_explained = any(not part.is_ok for part in parts if part.name != "gpu")
    if facts.chatterbox_error and not is_explained:
        return [Finding("chatterbox", False, f"does not import ({facts.chatterbox_error}). Run {_SETUP}."), *parts]
    return [Finding("chatterbox", True, f"chatterbox-tts {facts.versions['chatterbox-tts']}"), *parts]


def torch(facts: Facts) -> Finding:
    """Absent, or broken."""
    version = facts.versions.get("torch")
    if version is None:
        return Finding("torch", False, f"not installed. Run {_SETUP}.")
    if facts.torch_error:
        return Finding("torch", False, f"{version} does not import ({facts.torch_error}). Run {_SETUP} again.")
    kind = f"for CUDA {facts.cuda_build}" if facts.cuda_build else "for the CPU"
    return Finding("torch", True, f"{version}, built {kind}")


def torchaudio(facts: Facts) -> list[Finding]:
    """The CUDA build beside a CPU torch does not load; the engines get by without its native part."""
    if facts.versions.get("torch") is None or facts.torch_error:
        return []
    version = facts.versions.get("torchaudio")
    if version is None:
        return [Finding("torchaudio", False, f"not installed. Run {_SETUP}.")]
    if facts.torchaudio_error is None:
        return [Finding("torchaudio", True, version)]
    if facts.cuda_build is None:
        told = f"{version} is a CUDA build beside a CPU torch: harmless, its native part is not used"
        return [Finding("torchaudio", True, told)]
    told = f"{version} does not fit torch {facts.versions['torch']} ({facts.torchaudio_error}). Run {_SETUP}."
    return [Finding("torchaudio", False, told)]


def numpy(facts: Facts) -> Finding:
    """Chatterbox and the wheels beside it are built for version 1."""
    version = facts.versions.get("numpy")
    if version is None or not version.startswith("1."):
        return Finding(
            "numpy", False, f'{version}: Chatterbox needs 1. Run `python -m pip install "numpy>=1.26,<2"`.'
        )
    return Finding("numpy", True, version)


def watermark(facts: Facts) -> list[Finding]:
    """perth swallows its ImportError: the class is None, and Chatterbox's constructor fails with a riddle."""
    perth, setuptools = facts.versions.get("resemble-perth"), facts.versions.get("setuptools")
    if perth is None:
        return [Finding("watermark", False, f"resemble-perth is not installed. Run {_SETUP}.")]
    if facts.has_watermarker is None:
        return []
    if facts.has_watermarker:
        return [Finding("watermark", True, f"perth {perth}, setuptools {setuptools}")]
    if setuptools is None or int(setuptools.partition(".")[0]) >= 81:
        there = f"setuptools {setuptools} has no" if setuptools else "there is no setuptools, so no"
        told = f"{there} pkg_resources, which perth needs: run {_SETUPTOOLS}."
        return [Finding("watermark", False, told)]
    told = f"perth's watermarker does not import. Run {_SETUP}, or use --watermark off."
    return [Finding("watermark", False, told)]


def gpu(facts: Facts, device: str) -> Finding:
    """Whether the device that is meant can be used, and whether an idle GPU was overlooked."""
    if facts.versions.get("torch") is None or facts.torch_error:
        return Finding("gpu", True, "unknown until torch imports")
    if device == "mps" and not facts.has_mps:
        return Finding("gpu", False, "there is no Metal device here (or torch is no Mac's). Use --device auto.")
    if device in ("cpu", "mps") or (device == "auto" and facts.has_mps):
        return Finding("gpu", True, f"device {'mps' if facts.has_mps and device != 'cpu' else 'cpu'}")
    if facts.cuda_build is None:
        return _without_cuda(facts, device)
    if facts.cuda_error or not facts.gpus:
        return Finding("gpu", False, _why_no_cuda(facts))
    number = int(device.partition(":")[2] or 0)
    if number >= len(facts.gpus):
        names = ", ".join(each.name for each in facts.gpus)
        return Finding(
            "gpu", False, f"there is no {device}, this machine has {len(facts.gpus)} ({names}). Count from 0."
        )
    return _of_device(facts, facts.gpus[number])


def languages(facts: Facts) -> list[Finding]:
    """What the multilingual model does without, told but no fault."""
    chinese = "segmented by spacy-pkuseg" if facts.has_segmenter else _CHINESE
    japanese = "kanji are read by pykakasi (GPL-3)" if facts.versions.get("pykakasi") else _JAPANESE
    return [Finding("chinese", True, chinese), Finding("japanese", True, japanese)]


def _without_cuda(facts: Facts, device: str) -> Finding:
    torch_version = facts.versions.get("torch")
    if facts.driver_gpus:
        told = (
            f"{facts.driver_gpus[0]} lies idle: torch {torch_version} is a CPU build. Run `tts-node setup cuda`."
        )
        return Finding("gpu", False, told)
    if device != "auto":
        told = f"--device {device}, but no NVIDIA driver is found, and torch {torch_version} is a CPU build."
        return Finding("gpu", False, f"{told} Install NVIDIA's driver, then run `tts-node setup cuda`.")
    return Finding("gpu", True, "none found; device cpu")


def _why_no_cuda(facts: Facts) -> str:
    error = facts.cuda_error or "no device"
    if "too old" in error or "insufficient" in error:
        least = _LEAST_DRIVER.get((facts.cuda_build or "").partition(".")[0], "a newer one")
        return (
            f"NVIDIA's driver {facts.driver_version or ''} is too old for CUDA {facts.cuda_build}: it needs "
            f"{least} or newer. Install the newest from nvidia.com/drivers."
        )
    if not facts.driver_gpus:
        return (
            f"torch is built for CUDA {facts.cuda_build} and finds no NVIDIA driver. Install it (a container "
            "needs --gpus all and NVIDIA's container toolkit), or use --device cpu."
        )
    return (
        f"{facts.driver_gpus[0]} is here, but CUDA does not start ({error}). Is CUDA_VISIBLE_DEVICES empty? Does "
        "`nvidia-smi` work? After a driver update, restart the machine."
    )


def _of_device(facts: Facts, device: Gpu) -> Finding:
    if facts.archs and not any(_runs_on(arch, device.arch) for arch in facts.archs):
        told = (
            f"torch {facts.versions['torch']} has no kernels for {device.name} ({device.arch}). Run `tts-node "
            "setup cuda --torch torch==2.8.0 --torch-index https://download.pytorch.org/whl/cu128` (RTX 50 and "
            "newer)."
        )
        return Finding("gpu", False, told)
    return Finding(
        "gpu", True, f"{device.name}, {device.total_bytes / 2**30:.0f} GB, driver {facts.driver_version}"
    )


def _runs_on(arch: str, device_arch: str) -> bool:
    """Machine code runs on the same major version; an intermediate (compute_) one on every later device."""
    kind, built, there = arch.partition("_")[0], _number(arch), _number(device_arch)
    return built <= there and (kind == "compute" or built // 10 == there // 10)


def _number(arch: str) -> int:
    digits = re.search(r"\d+", arch)
    return int(digits[0]) if digits else 0
