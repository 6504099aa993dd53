"""The observer that counts."""

import re
from pathlib import Path

import pytest
from fakes import chat_card, speech_card
from prometheus_client.metrics import MetricWrapperBase

from router.counting import Counts, Distributions
from router.health import HostState, ProviderState
from router.metrics import MAX_NAMES, OTHER, Metrics
from router.outcomes import Outcome
from router.ports import Record

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"


def _record(**fields: object) -> Record:
    record = Record("id", "chat", 10.0)
    for name, value in {"model": "m", "provider": "p", "first_byte": 10.5, "finished": 12.0, **fields}.items():
        setattr(record, name, value)
    return record


def _finish(metrics: Metrics, record: Record) -> None:
    metrics.request_started(record)
    metrics.request_finished(record)


def _value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_a_request_is_counted_by_how_it_ended() -> None:
    """With its times."""
    metrics = Metrics()
    _finish(metrics, _record(upstream_wait_s=0.4))
    labels = {"endpoint": "chat", "model": "m", "provider": "p", "outcome": "ok"}
    assert 1 == _value(metrics, "router_requests_total", **labels)
    sums = [
        _value(metrics, f"router_{name}_sum", endpoint="chat")
        for name in ("request_duration_seconds", "time_to_first_byte_seconds", "overhead_seconds")
    ]
    assert [2.0, 0.5, pytest.approx(0.1)] == sums


def test_what_is_in_flight_goes_up_and_down() -> None:
    """Per endpoint."""
    metrics = Metrics()
    record = _record()
    metrics.request_started(record)
    during = _value(metrics, "router_inflight_requests", endpoint="chat")
    metrics.request_finished(record)
    assert (1, 0) == (during, _value(metrics, "router_inflight_requests", endpoint="chat"))


def test_a_request_that_reached_no_provider_has_no_model_of_the_clients() -> None:
    """What clients may invent would be a label each."""
    metrics = Metrics()
    _finish(metrics, _record(provider="", model="x" * 50, outcome=Outcome.CALLER_NOT_FOUND))
    labels = {"endpoint": "chat", "model": OTHER, "provider": "none", "outcome": "caller_not_found"}
    assert 1 == _value(metrics, "router_requests_total", **labels)
    assert None is _value(metrics, "router_time_to_first_byte_seconds_count", endpoint="chat")


def test_names_are_bounded() -> None:
    """Beyond MAX_NAMES, one label for all; known ones keep theirs."""
    metrics = Metrics()
    for index in range(MAX_NAMES + 5):
        _finish(metrics, _record(model=f"m{index}"))
    _finish(metrics, _record(model="m0"))
    shared = {"endpoint": "chat", "provider": "p", "outcome": "ok"}
    assert (5, 2, None) == tuple(
        _value(metrics, "router_requests_total", model=model, **shared) for model in (OTHER, "m0", f"m{MAX_NAMES}")
    )


def test_speech_has_its_histograms() -> None:
    """Generation time, audio, their ratio, the voice."""
    metrics = Metrics()
    _finish(metrics, _record(endpoint="speech", audio_s=4.0, generation_s=1.0, voice="fable", cache="bypass"))
    labels = {"model": "m", "provider": "p"}
    sums = [
        _value(metrics, f"router_tts_{name}_sum", **labels)
        for name in ("generation_seconds", "audio_seconds", "realtime_factor")
    ]
    assert [1.0, 4.0, 0.25] == sums
    assert 1 == _value(metrics, "router_voice_requests_total", voice="fable")
    assert 1 == _value(metrics, "router_cache_requests_total", result="bypass")


@pytest.mark.parametrize(
    "fields", [{"audio_s": 1.0, "outcome": Outcome.CALLER_GONE}, {"audio_s": None}], ids=["abandoned", "none"]
)
def test_only_spoken_answers_count_as_speech(fields: dict[str, object]) -> None:
    """An abandoned one has no figures."""
    metrics = Metrics()
    _finish(metrics, _record(endpoint="speech", voice="fable", **fields))
    assert None is _value(metrics, "router_voice_requests_total", voice="fable")


def test_audio_of_no_length_has_no_ratio() -> None:
    """Nothing is divided by zero."""
    metrics = Metrics()
    _finish(metrics, _record(endpoint="speech", audio_s=0.0, generation_s=1.0, voice="fable"))
    assert None is _value(metrics, "router_tts_realtime_factor_count", model="m", provider="p")


def test_attempts_failovers_tokens_and_lag() -> None:
    """Each has its counter."""
    metrics = Metrics()
    metrics.attempt_finished("p", "provider_timeout")
    metrics.failed_over("chat", "p", "q", "provider_timeout")
    metrics.loop_lagged(0.01)
    _finish(metrics, _record(tokens_in=7, tokens_out=11))
    assert [1, 1, 7, 11, 1] == [
        _value(metrics, "router_upstream_attempts_total", provider="p", outcome="provider_timeout"),
        _value(
            metrics,
            "router_failovers_total",
            endpoint="chat",
            from_provider="p",
            to_provider="q",
            reason="provider_timeout",
        ),
        _value(metrics, "router_chat_tokens_total", direction="input"),
        _value(metrics, "router_chat_tokens_total", direction="output"),
        _value(metrics, "router_event_loop_lag_seconds_count"),
    ]


def test_what_is_charged_is_summed_up() -> None:
    """By provider; a chat has no characters, and without prices there is no cost."""
    metrics = Metrics()
    for charge in [("p", 0.25, 100), ("p", 0.5, 0), ("q", 0.0, 7)]:
        metrics.charged(*charge)
    assert [0.75, 100, None, 7] == [
        _value(metrics, f"router_{name}_total", provider=provider)
        for provider in ("p", "q")
        for name in ("cost", "billed_characters")
    ]


def test_a_provider_and_a_host_are_in_one_state_each() -> None:
    """1 for it, 0 for the others."""
    metrics = Metrics()
    metrics.provider_changed(chat_card("p"), ProviderState.UP, "")
    metrics.provider_changed(chat_card("p"), ProviderState.DOWN, "")
    metrics.host_changed("h", HostState.SUSPECT)
    providers = {
        state: _value(metrics, "router_provider_state", provider="p", state=state) for state in ProviderState
    }
    hosts = {state: _value(metrics, "router_host_state", host="h", state=state) for state in HostState}
    assert {state: float(state is ProviderState.DOWN) for state in ProviderState} == providers
    assert {state: float(state is HostState.SUSPECT) for state in HostState} == hosts


def test_the_exposition_has_everything_and_no_two_share_a_registry() -> None:
    """Several routers may live in one process."""
    one, other = Metrics(), Metrics()
    one.provider_changed(speech_card("only-one"), ProviderState.UP, "")
    assert (True, False) == (b"only-one" in one.exposition(), b"only-one" in other.exposition())


def test_every_metric_is_documented_with_its_labels_and_nothing_else_is() -> None:
    """docs/metrics.md is what an operator reads."""
    exposed = {}
    for collector in list(Metrics().registry._collector_to_names):
        assert isinstance(collector, MetricWrapperBase | Counts | Distributions)
        family = next(iter(collector.collect()))
        name = f"{family.name}_total" if family.type == "counter" else family.name
        exposed[name] = (family.type, ", ".join(collector._labelnames))
    rows = re.findall(r"^\| `(router_\w+)` \| (\w+)(?:: ([\w, ]+))? \|", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    assert exposed == {name: (kind, labels) for name, kind, labels in rows}


def test_every_outcome_is_documented() -> None:
    """The vocabulary is closed."""
    text = DOCUMENT.read_text(encoding="utf-8")
    assert [] == [word for word in Outcome if f"`{word}`" not in text]
