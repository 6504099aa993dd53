"""The bench: its arithmetic as a table, its report, and a real run of the engine that every machine has."""

import json
from pathlib import Path

import msgspec
import pytest

from tts_node.__main__ import main
from tts_node.bench.benchmark import BenchmarkError, Ratio, Setup, Trial, ratio_of, stages_of, switches_of
from tts_node.bench.report import Machine, Report, as_json, as_markdown
from tts_node.domain import EngineConfig
from tts_node.engines import REGISTRY
from tts_node.engines.measured import PREFIX, Cost, cost_of


def trial(audio_s: float, generation_s: float, **stages: float) -> Trial:
    """One utterance that took so long."""
    return Trial(audio_s, generation_s, generation_s, Cost(stages, 100.0, 200.0), is_retried=False)


def test_a_ratio_is_the_median_of_pairs() -> None:
    """Without over with: 2 means that the switch halves the time. One disturbed pair does not show."""
    pairs = [(trial(2, 2), trial(2, 4)), (trial(2, 2), trial(2, 4)), (trial(2, 2), trial(2, 40))]
    assert Ratio("int8", 1.0, 2.0, 2.0, 3) == ratio_of("int8", pairs)


def test_no_pair_is_no_ratio() -> None:
    """Rather than a division by nothing."""
    with pytest.raises(BenchmarkError, match="more rounds"):
        ratio_of("int8", [])


def test_stages_are_told_per_second_of_audio() -> None:
    """One that did not run counts as nothing."""
    trials = [trial(2, 3, t3=2.0, flow=1.0), trial(4, 5, t3=4.0), trial(1, 1, t3=1.0, flow=0.2)]
    assert {"t3": 1.0, "flow": 0.2} == stages_of(trials)


def test_costs_travel_in_notes() -> None:
    """Among others."""
    cost = Cost({"t3": 1.5}, None, 20.0)
    assert cost == cost_of(("something else", PREFIX + msgspec.json.encode(cost).decode()))


@pytest.mark.parametrize(
    ("engine", "device", "expected"),
    [
        ("espeak", "cpu", set()),
        (
            "chatterbox-turbo",
            "cuda:0",
            {"threads that sleep while they wait", "more threads than one", "the watermark"},
        ),
        (
            "chatterbox",
            "cpu",
            {
                "int8",
                "threads that sleep while they wait",
                "more threads than one",
                "the watermark",
                "no attention outputs",
            },
        ),
    ],
)
def test_switches_fit_engine_and_device(engine: str, device: str, expected: set[str]) -> None:
    """int8 is for CPUs; only the original asks for attention and does not look."""
    setup = Setup(EngineConfig(model=engine, device=device))
    found = switches_of(REGISTRY[engine], setup)
    assert expected == set(found)
    assert setup not in found.values()


def test_espeak_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A real child, both reports, the table on the terminal."""
    out = tmp_path / "reports" / "node.json"
    assert 0 == main(["bench", "--engine", "espeak", "--rounds", "2", "--out", str(out)])
    report = msgspec.json.decode(out.read_bytes(), type=Report)
    (figures,) = report.engines
    assert ("espeak", [], 2) == (figures.engine, figures.ratios, report.machine.rounds)
    assert 0 < figures.realtime_factor < 1
    assert capsys.readouterr().out.strip() == as_markdown(report).strip()
    assert json.loads(as_json(report)) == json.loads(out.read_text())


def test_what_is_not_there_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """With the command that brings it, and status 1."""
    flags = ["--weights-dir", str(tmp_path), "--rounds", "1"]
    assert 1 == main(["bench", "--engine", "chatterbox-nano", *flags])
    assert "tts-node setup" in capsys.readouterr().err


def test_a_report_names_what_it_does_not_know() -> None:
    """A dash, and no table of ratios without ratios."""
    machine = Machine("a processor", 2, "a system", {}, "real", "Hi.", 1, None)
    text = as_markdown(Report(machine, []))
    assert "load average" not in text
    assert "ratio |" not in text
