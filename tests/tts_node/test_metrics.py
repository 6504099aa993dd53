"""Every metric is documented, every label set is closed, and only one module knows Prometheus."""

import re
from pathlib import Path

import tts_node
from tts_node.domain import Memory, ModelState, Outcome, Speech
from tts_node.metrics import Metrics

PACKAGE = Path(tts_node.__file__).parent
README = (PACKAGE.parent / "README.md").read_text()


def samples(metrics: Metrics) -> dict[str, float]:
    """The exposition, parsed."""
    lines = (line for line in metrics.text().decode().splitlines() if not line.startswith("#"))
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_every_metric_is_documented() -> None:
    """The README has a row for each; and no row for one that does not exist."""
    text = Metrics(lambda _: 0).text().decode()
    exposed = {name for name in re.findall(r"^# TYPE (\S+)", text, re.MULTILINE) if not name.endswith("_created")}
    documented = set(re.findall(r"`(tts_node_\w+)", README))
    assert exposed == documented


def test_every_outcome_is_documented() -> None:
    """A closed vocabulary that nobody has to guess."""
    assert [] == [outcome for outcome in Outcome if f"`{outcome}`" not in README]


def test_what_is_observed_is_exposed() -> None:
    """Each call of the port moves its figure."""
    metrics = Metrics(lambda priority: 3 - priority, lambda: Memory(5, 6, 11))
    metrics.spoken("espeak", Speech(audio_duration_s=2.0, generation_time_s=0.5))
    metrics.first_audio("espeak", 0.1)
    metrics.answered(Outcome.OK, 0.6)
    metrics.loaded("espeak", 1.5)
    metrics.child_lost("crash")
    metrics.load_failed("espeak")
    metrics.evicted("espeak")
    metrics.retried("engine")
    found = samples(metrics)
    assert {
        'tts_node_requests_total{outcome="ok"}': 1,
        'tts_node_requests_total{outcome="node_busy"}': 0,
        "tts_node_request_duration_seconds_sum": 0.6,
        'tts_node_generation_seconds_sum{model="espeak"}': 0.5,
        'tts_node_audio_seconds_sum{model="espeak"}': 2,
        'tts_node_realtime_factor_sum{model="espeak"}': 0.25,
        'tts_node_time_to_first_audio_seconds_sum{model="espeak"}': 0.1,
        'tts_node_model_load_seconds_sum{model="espeak"}': 1.5,
        'tts_node_child_restarts_total{reason="crash"}': 1,
        'tts_node_child_restarts_total{reason="hang"}': 0,
        'tts_node_queue_depth{priority="interactive"}': 3,
        'tts_node_queue_depth{priority="batch"}': 2,
        'tts_node_vram_bytes{kind="used"}': 5,
        'tts_node_vram_bytes{kind="total"}': 11,
        'tts_node_load_failures_total{model="espeak"}': 1,
        'tts_node_evictions_total{model="espeak"}': 1,
        'tts_node_retries_total{reason="engine"}': 1,
    }.items() <= found.items()


def test_a_model_is_in_one_state() -> None:
    """The others are 0."""
    metrics = Metrics(lambda _: 0)
    for state in (ModelState.LOADING, ModelState.UP):
        metrics.state_changed("espeak", state)
    states = {name: value for name, value in samples(metrics).items() if "model_state" in name}
    assert len(ModelState) == len(states)
    assert ['tts_node_model_state{model="espeak",state="up"}'] == [name for name, value in states.items() if value]
