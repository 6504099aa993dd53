"""The bench on tiny random weights: made, measured, taken away."""

from pathlib import Path

import msgspec
import pytest

from tts_node.__main__ import main
from tts_node.bench.report import Report


def test_turbo_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every stage has its time, and the cached voice is not computed again."""
    out = tmp_path / "turbo.json"
    flags = [
        "--text",
        "Good evening.",
        "--random-weights",
        "tiny",
        "--rounds",
        "1",
        "--no-switches",
        "--threads",
        "1",
        "--device",
        "cpu",
    ]
    status = main(["bench", "--engine", "chatterbox-turbo", *flags, "-o", str(out)])
    assert 0 == status, capsys.readouterr().err
    (figures,) = msgspec.json.decode(out.read_bytes(), type=Report).engines
    assert {"t3", "flow", "vocoder", "watermark"} == set(figures.stages)
    assert ["conditioning cache"] == [ratio.switch for ratio in figures.ratios]
    assert figures.ratios[0].ratio > 1
