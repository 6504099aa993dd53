"""Load times outlive the node; their file is never worth a fault."""

from pathlib import Path

import pytest

from tts_node.life.load_times import LoadTimes


def test_the_last_load_is_remembered(tmp_path: Path) -> None:
    """By model and device, over a restart."""
    folder = tmp_path / "cache"
    LoadTimes(folder).put("chatterbox", "cuda", 12.3456)
    again = LoadTimes(folder)
    assert (12.346, None) == (again.of("chatterbox", "cuda"), again.of("chatterbox", "cpu"))
    assert ["load_times.json"] == [path.name for path in folder.iterdir()]


def test_a_broken_file_is_ignored(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """And replaced with the next load."""
    (tmp_path / "load_times.json").write_text("[1")
    times = LoadTimes(tmp_path)
    assert times.of("chatterbox", "cuda") is None
    assert "is ignored" in caplog.text
    times.put("chatterbox", "cuda", 5.0)
    assert 5.0 == LoadTimes(tmp_path).of("chatterbox", "cuda")


def test_a_folder_that_cannot_be_written_costs_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A line in the log; the figure is known until the end."""
    (tmp_path / "file").touch()
    times = LoadTimes(tmp_path / "file")
    times.put("chatterbox", "cuda", 5.0)
    assert 5.0 == times.of("chatterbox", "cuda")
    assert "not kept" in caplog.text
