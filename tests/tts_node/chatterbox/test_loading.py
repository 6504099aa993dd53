"""What is told when a model cannot be loaded: which file, and which command mends it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from spoken import FACTORIES, MODELS
from tts_node.domain import EngineConfig
from tts_node.engines import REGISTRY
from tts_node.engines.chatterbox import device, package, rows
from tts_node.engines.chatterbox.errors import ChatterboxError, OutOfMemory

torch = package.torch


def load(model: str, folder: Path | None, **config: object) -> None:
    """As the child does."""
    wish = EngineConfig(model=model, weights=str(folder) if folder else None, threads=1, **config)  # type: ignore[arg-type]
    FACTORIES[model](wish).load()


@pytest.mark.parametrize("model", MODELS)
def test_a_missing_folder_names_the_download(model: str, tmp_path: Path) -> None:
    """And no folder at all likewise."""
    for folder in (tmp_path / "nowhere", None):
        with pytest.raises(ChatterboxError, match=f"tts-node download {model}"):
            load(model, folder)


@pytest.mark.parametrize("model", MODELS)
def test_a_missing_file_is_named(model: str, weights: Path, tmp_path: Path) -> None:
    """The voice encoder is not there."""
    folder = shutil.copytree(weights / model, tmp_path / model)
    (gone,) = folder.glob("ve.*")
    gone.unlink()
    with pytest.raises(ChatterboxError, match=gone.name):
        load(model, folder)


@pytest.mark.parametrize("model", MODELS)
def test_a_damaged_file_is_told(model: str, weights: Path, tmp_path: Path) -> None:
    """Cut in half, as an interrupted copy leaves it; or full of something else."""
    folder = shutil.copytree(weights / model, tmp_path / model)
    (t3,) = folder.glob("t3_*")
    whole = t3.read_bytes()
    for damage in (whole[: len(whole) // 2], b"<html>404</html>" * 100):
        t3.write_bytes(damage)
        with pytest.raises(ChatterboxError, match=r"cannot be loaded .* tts-node download"):
            load(model, folder)


def test_weights_of_another_size_are_told(weights: Path, tmp_path: Path) -> None:
    """Without its marker a tiny checkpoint is no checkpoint: sizes do not fit."""
    folder = shutil.copytree(weights / "chatterbox-turbo", tmp_path / "turbo")
    (folder / "random_weights.json").unlink()
    (folder / "ve.safetensors").write_bytes(
        (weights / "chatterbox-turbo" / "t3_turbo_v1.safetensors").read_bytes()
    )
    with pytest.raises(ChatterboxError, match="of another version"):
        load("chatterbox-turbo", folder)


def choice_of(wanted: str) -> str:
    """The device, or the message without it."""
    try:
        return device.choose(wanted)
    except ChatterboxError as exc:
        return str(exc)


def test_devices() -> None:
    """With the CPU build of torch that `make test` installs there is no CUDA, and that is told with the remedy."""
    metal = torch.backends.mps.is_available()
    assert "cpu" == choice_of("cpu")
    assert ("mps" if metal else "cpu") == choice_of("auto")
    assert choice_of("cuda").endswith("Run: tts-node setup cuda.")
    assert choice_of("cuda:1").endswith("Run: tts-node setup cuda.")
    assert choice_of("mps").endswith("mps" if metal else "Use --device cpu.")
    assert device.memory_of("cpu") is None


def test_out_of_memory_is_told_as_such() -> None:
    """What torch raises on a CPU that cannot give so much; other faults pass."""
    with pytest.raises(OutOfMemory, match="not enough memory"), device.enough_memory("cpu"):
        torch.empty(2**50)
    with pytest.raises(ValueError, match="other"), device.enough_memory("cpu"):
        raise ValueError("other")


def test_without_pkg_resources_the_remedy_is_told(weights: Path) -> None:
    """setuptools 81 took it away; the package would say that None is not callable."""
    code = (
        "import sys; sys.modules['pkg_resources'] = None\n"
        "from tts_node.domain import EngineConfig\n"
        "from tts_node.engines.chatterbox.engine import turbo\n"
        "for watermark in (False, True):\n"
        f"    folder = {str(weights / 'chatterbox-turbo')!r}\n"
        "    turbo(EngineConfig(model='t', weights=folder, watermark=watermark)).load()\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert 1 == run.returncode
    assert "setuptools>=77.0.3,<81" in run.stderr.splitlines()[-1]


def test_the_rows_fit_the_package(engines: object) -> None:
    """Defaults and limits that the rows repeat are the package's own."""
    from chatterbox.mtl_tts import ChatterboxMultilingualTTS
    from chatterbox.tts import ChatterboxTTS
    from chatterbox.tts_turbo import ChatterboxTurboTTS

    for kind, row in (
        (ChatterboxTurboTTS, rows.TURBO),
        (ChatterboxTTS, rows.ORIGINAL),
        (ChatterboxMultilingualTTS, rows.MULTILINGUAL),
    ):
        names = kind.generate.__code__.co_varnames[: kind.generate.__code__.co_argcount]
        values = kind.generate.__defaults__
        defaults = dict(zip(names[-len(values) :], values, strict=True))
        assert {name: option.default for name, option in row.options.items()} == {
            name: defaults[name] for name in row.options
        }
        assert row.cloning
        longest = max(kind.ENC_COND_LEN / 16_000, kind.DEC_COND_LEN / 24_000)
        assert longest == row.cloning.best_s


def test_installed_models_are_offered(engines: object) -> None:
    """0.1.7 has no Nano; the row knows without importing anything."""
    assert {
        "chatterbox-turbo": True,
        "chatterbox": True,
        "chatterbox-multilingual": True,
        "chatterbox-nano": False,
    } == {name: REGISTRY[name].is_installed for name in (*MODELS, "chatterbox-nano")}
