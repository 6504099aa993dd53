"""`local-ai-router cache show` and `cache purge`."""

import json
from pathlib import Path

import pytest
from cached import entry_of, key_of

from router.__main__ import main
from router.config.settings import CacheSettings
from router.speech.cache.cache import folder_of


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One with two entries, which the configuration here means."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ROUTER_CONFIG", raising=False)
    path = tmp_path / "kept"
    _configure(path)
    for number in range(2):
        folder_of(CacheSettings(dir=str(path))).write(key_of(number), entry_of(number), None)
    return path


def _configure(path: Path, **more: object) -> None:
    Path("config").mkdir(exist_ok=True)
    text = json.dumps({"cache": {"dir": str(path), **more}})
    Path("config/providers.yaml").write_text(text, encoding="utf-8")


def test_show_tells_how_much_and_where(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And what bounds it."""
    assert 0 == main(["cache", "show"])
    _configure(folder, disk_mb=0, enabled=False)
    assert 0 == main(["cache", "show"])
    on, off = capsys.readouterr().out.splitlines()
    assert f"{folder}: 2 entries, 0.0 MiB of 1024 MiB" == on
    assert off.endswith("no more is kept (cache.disk_mb: 0); the cache is off (cache.enabled: false)")


def test_purge_empties_the_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Twice does no harm."""
    assert [0, 0] == [main(["cache", "purge"]), main(["cache", "purge"])]
    assert [f"{folder}: {count} entries deleted" for count in (2, 0)] == capsys.readouterr().out.splitlines()
    assert 0 == folder_of(CacheSettings(dir=str(folder))).measure().entries


def test_a_folder_that_cannot_be_emptied_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 1, and why."""
    (tmp_path / "file").touch()
    config = tmp_path / "test.yaml"
    config.write_text(json.dumps({"cache": {"dir": str(tmp_path / "file")}}), encoding="utf-8")
    assert 1 == main(["cache", "purge", "--config", str(config)])
    assert "cannot be emptied: Not a directory" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["show", "purge"])
def test_a_faulty_configuration_is_told(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is emptied by guess."""
    config = tmp_path / "test.yaml"
    config.write_text("cache: {dri: x}", encoding="utf-8")
    assert 2 == main(["cache", command, "--config", str(config)])
    assert "did you mean dir?" in capsys.readouterr().err


def test_help_says_what_a_running_router_does(capsys: pytest.CaptureFixture[str]) -> None:
    """It sees the purge by itself."""
    with pytest.raises(SystemExit):
        main(["cache", "purge", "--help"])
    assert "within a second" in " ".join(capsys.readouterr().out.split())
