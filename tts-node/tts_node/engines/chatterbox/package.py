"""The one door to torch and chatterbox-tts: everything that must be true before they are imported is done here.

Import torch, librosa and chatterbox from here and nowhere else. A missing or broken package raises
ChatterboxError, whose message is the remedy. Facts are of chatterbox-tts 0.1.7.
"""

import importlib
import importlib.machinery
import logging
import os
import sys
import types
import warnings
from pathlib import Path
from typing import Any

from tts_node.engines.chatterbox.errors import ChatterboxError

__all__ = ["chatterbox_version", "import_part", "librosa", "np", "soundfile", "torch", "use_watermarker"]

# Read by the libraries when they are imported: no progress bars, and never a download behind one's back.
os.environ.setdefault("TQDM_DISABLE", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

# Threads that wait for each other sleep. OpenMP lets them spin, which on a busy machine, where this process has
# the lower priority, was six to nine times slower (2 threads on 2 shared cores), and costs half as much CPU again
# on a quiet one, where it may gain some time. Whoever owns the machine can set the variable.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

_INSTALL = "Run: tts-node setup cpu (or: tts-node setup cuda)."


def _import(name: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside the libraries are not ours to mend
            return importlib.import_module(name)
    except (ImportError, OSError) as exc:
        raise ChatterboxError(f"{name} cannot be imported ({exc}). {_INSTALL}") from exc


def _stand_in_for_torchaudio_extension() -> None:
    """Lets a CUDA-built torchaudio be imported beside a CPU torch.

    The wheels on the Python package index link CUDA's libraries, and `torchaudio._extension` raises OSError
    without them. Chatterbox uses only torchaudio's Python (Resample, kaldi.fbank).
    """
    if torch.version.cuda or torch.version.hip or "torchaudio" in sys.modules:
        return

    def missing(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("torchaudio's C++ extension is not available beside a CPU torch")

    extension = types.ModuleType("torchaudio._extension")
    extension.__spec__ = importlib.machinery.ModuleSpec("torchaudio._extension", None)
    vars(extension).update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_ALIGN_AVAILABLE=False,
        _IS_RIR_AVAILABLE=False,
        _check_cuda_version=lambda: None,
        fail_if_no_align=lambda _function: missing,
        fail_if_no_rir=lambda _function: missing,
        lazy_import_sox_ext=missing,
    )
    sys.modules["torchaudio._extension"] = extension


def _keep_segmenter_from_downloading() -> None:
    """spacy-pkuseg fetches a model when built; without a fetched one the package does without it."""
    home = Path(os.environ.get("PKUSEG_HOME", "~/.pkuseg")).expanduser()
    if not home.is_dir():
        sys.modules["spacy_pkuseg"] = None  # type: ignore[assignment]  # Python's way to forbid an import


torch = _import("torch")
_stand_in_for_torchaudio_extension()
_keep_segmenter_from_downloading()
np = _import("numpy")
librosa = _import("librosa")
soundfile = _import("soundfile")
_perth = _import("perth")
_chatterbox = _import("chatterbox")
logging.getLogger("chatterbox").setLevel(logging.ERROR)  # the analyser warns at every second token
chatterbox_version: str = _chatterbox.__version__
_real_watermarker = _perth.PerthImplicitWatermarker


def import_part(name: str) -> Any:
    """A module of the package, such as "tts_turbo"."""
    return _import(f"chatterbox.{name}")


def use_watermarker(*, is_on: bool) -> None:
    """Chooses what the package's classes build as their watermarker.

    resemble-perth 1.0.1 imports `pkg_resources`, which setuptools dropped in 81; it swallows the ImportError and
    leaves None, and Chatterbox then fails with "'NoneType' object is not callable".
    """
    if is_on and _real_watermarker is None:
        raise ChatterboxError(
            "The watermarker (resemble-perth) found no pkg_resources. Run: pip install 'setuptools>=77.0.3,<81'; "
            "or switch the watermark off with --watermark false."
        )
    _perth.PerthImplicitWatermarker = _real_watermarker if is_on else _perth.DummyWatermarker
