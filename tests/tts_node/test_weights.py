"""Which files a model needs, and where they are looked for."""

import os
import sys
from pathlib import Path

import pytest

from tts_node.install.weights import WEIGHTS, default_cache_dir, default_weights_dir, missing
from tts_node.settings import read_settings


def put(folder: Path, *names: str) -> None:
    """Files with something in them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"x")


@pytest.mark.parametrize("model", WEIGHTS)
def test_a_complete_folder_lacks_nothing(tmp_path: Path, model: str) -> None:
    """The required files suffice; the extras may be absent."""
    put(tmp_path, *WEIGHTS[model].required)
    assert () == missing(model, tmp_path)


@pytest.mark.parametrize("model", WEIGHTS)
def test_every_required_file_counts(tmp_path: Path, model: str) -> None:
    """Without any one of them the model is not there."""
    put(tmp_path, *WEIGHTS[model].required)
    for name in WEIGHTS[model].required:
        (tmp_path / name).unlink()
        assert (name,) == missing(model, tmp_path)
        put(tmp_path, name)


def test_an_empty_file_is_no_file(tmp_path: Path) -> None:
    """What a full disk leaves; a folder of that name is none either."""
    put(tmp_path, *WEIGHTS["chatterbox"].required)
    (tmp_path / "conds.pt").write_bytes(b"")
    (tmp_path / "tokenizer.json").unlink()
    (tmp_path / "tokenizer.json").mkdir()
    assert ("conds.pt", "tokenizer.json") == missing("chatterbox", tmp_path)


def test_a_folder_that_is_not_there_lacks_all(tmp_path: Path) -> None:
    """No error, all names."""
    assert WEIGHTS["chatterbox-turbo"].required == missing("chatterbox-turbo", tmp_path / "none")


def test_an_engine_without_weights_lacks_none(tmp_path: Path) -> None:
    """espeak-ng."""
    assert () == missing("espeak", tmp_path)


def test_no_file_is_named_twice() -> None:
    """A download would fetch it twice."""
    for weights in WEIGHTS.values():
        assert len(weights.files) == len(set(weights.files))


def test_default_folders_are_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By the platform's custom, and never the folder where the node was started."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert default_weights_dir().is_absolute()
    assert default_cache_dir().is_absolute()
    if sys.platform == "linux":
        assert tmp_path / "data" / "tts-node" / "weights" == default_weights_dir()
        assert tmp_path / "cache" / "tts-node" == default_cache_dir()


def test_a_home_is_understood_in_settings() -> None:
    """~ and relative folders become absolute ones: the child may run elsewhere."""
    settings = read_settings({"weights_dir": "~/models", "cache_dir": "cache"}, {})
    assert Path("~/models").expanduser() == settings.weights_dir
    assert Path(os.getcwd()) / "cache" == settings.cache_dir
