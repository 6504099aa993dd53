"""What the figures say of what the router must show, with made-up samples."""

from dataclasses import replace

import pytest

from bench.paired import Figures
from bench.ratios import Estimate
from bench.samples import Sample
from bench.targets import TARGETS, Target
from bench.verdicts import NOT_MEASURED, Verdict, shown, verdicts

ROUNDS = 5


def _samples(case: str, contender: str, rounds: int = ROUNDS, **figures: float) -> list[Sample]:
    return [
        replace(Sample(round_, case, contender, 32, units=1000), **figures)  # type: ignore[arg-type]
        for round_ in range(1, rounds + 1)
    ]


def _target(case: str, must: str, title: str = "") -> Target:
    (one,) = (each for each in TARGETS if each.case == case and each.must == must and title in each.title)
    return one


def _verdict(samples: list[Sample], case: str, must: str, title: str = "") -> Verdict:
    (one,) = verdicts(Figures(samples), (_target(case, must, title),))
    return one


def test_who_costs_less_in_every_round_beats() -> None:
    """The upper bound of the paired ratio is below 1."""
    samples = _samples("json-32", "router", cpu_us=60.0) + _samples("json-32", "vllm-router", cpu_us=75.0)
    verdict = _verdict(samples, "json-32", "beat vllm-router")
    assert ("0.80 [0.80, 0.80]", "met", True) == (verdict.measured, verdict.outcome, verdict.is_met)


def test_one_lost_round_of_five_is_not_beaten() -> None:
    """Five rounds give the highest as the bound."""
    samples = _samples("json-32", "router", cpu_us=60.0) + _samples("json-32", "vllm-router", cpu_us=75.0)
    samples[2] = replace(samples[2], cpu_us=90.0)
    verdict = _verdict(samples, "json-32", "beat vllm-router")
    assert ("not shown: the bound is 1.20", False) == (verdict.outcome, verdict.is_met)


def test_who_costs_more_misses_by_how_much() -> None:
    """Of the median."""
    samples = _samples("json-32", "router", cpu_us=90.0) + _samples("json-32", "vllm-router", cpu_us=75.0)
    verdict = _verdict(samples, "json-32", "beat vllm-router")
    assert ("missed by 20%", False) == (verdict.outcome, verdict.is_met)


def test_few_rounds_beat_nobody() -> None:
    """Four say nothing with 95 %."""
    samples = _samples("json-32", "router", 4, cpu_us=60.0) + _samples("json-32", "vllm-router", 4, cpu_us=75.0)
    verdict = _verdict(samples, "json-32", "beat vllm-router")
    assert ("0.80", "not shown: too few rounds for a bound") == (verdict.measured, verdict.outcome)


@pytest.mark.parametrize(
    ("cpu_us", "outcome"),
    [
        ([100.0] * 5, "met"),
        ([110.0] * 5, "met"),
        ([100.0, 100.0, 100.0, 100.0, 120.0], "met by the median, not by the bound"),
        ([132.0] * 5, "missed by 1.10 (20%)"),
    ],
    ids=["below", "at it", "the bound beyond", "beyond"],
)
def test_a_limit_is_held_by_the_median(cpu_us: list[float], outcome: str) -> None:
    """Where the bound is beyond it, that is told."""
    ours = [replace(s, cpu_us=us) for s, us in zip(_samples("json-32", "router"), cpu_us, strict=True)]
    verdict = _verdict(ours + _samples("json-32", "nginx", cpu_us=20.0), "json-32", "≤ 5.5 times nginx")
    assert outcome == verdict.outcome


def test_a_least_is_held_from_above() -> None:
    """LiteLLM over the router, not the router over LiteLLM."""
    samples = _samples("json-32", "router", cpu_us=80.0) + _samples("json-32", "litellm", cpu_us=11_600.0)
    verdict = _verdict(samples, "json-32", "LiteLLM ≥ 150 times the router")
    assert ("145 [145, 145]", "missed by 5.00 (3%)") == (verdict.measured, verdict.outcome)


def test_the_best_proxy_is_found_among_those_measured() -> None:
    """Neither no gateway at all nor the router itself; and it is named."""
    samples = [
        *_samples("audio-8", "direct", per_s=12_000.0),
        *_samples("audio-8", "nginx", per_s=10_000.0),
        *_samples("audio-8", "haproxy", per_s=8_000.0),
        *_samples("audio-8", "router", per_s=7_000.0),
    ]
    verdict = _verdict(samples, "audio-8", "≥ 0.6 times the best proxy")
    assert ("≥ 0.6 times the best proxy (nginx)", "0.70 [0.70, 0.70]", "met") == (
        verdict.must,
        verdict.measured,
        verdict.outcome,
    )


@pytest.mark.parametrize(
    ("case", "must", "title", "figure"),
    [
        ("json-32", "beat vllm-router", "", "cpu_us"),
        ("burst-32", "half of vllm-router", "", "cpu_us"),
        ("first-256", "beat vllm-router", "p50", "p50_us"),
        ("first-256", "beat vllm-router", "p99", "p99_us"),
    ],
)
def test_a_router_of_two_policies_is_held_by_its_better_one(case: str, must: str, title: str, figure: str) -> None:
    """In each case anew, and it is told which one that is."""
    both = [
        *_samples(case, "router", ROUNDS, **{figure: 30.0}),
        *_samples(case, "vllm-router", ROUNDS, **{figure: 100.0}),
        *_samples(case, "vllm-router-rr", ROUNDS, **{figure: 60.0}),
    ]
    verdict = _verdict(both, case, must, title)
    assert (f"{must} (vllm-router-rr)", "0.50 [0.50, 0.50]") == (verdict.must, verdict.measured)
    alone = [sample for sample in both if sample.contender != "vllm-router-rr"]
    assert f"{must} (vllm-router)" == _verdict(alone, case, must, title).must


def test_the_better_rust_router_is_the_quicker_one() -> None:
    """By its median."""
    samples = [
        *_samples("json-256", "sglang-router", p99_us=40_000.0),
        *_samples("json-256", "vllm-router", p99_us=20_000.0),
        *_samples("json-256", "router", p99_us=29_000.0),
    ]
    verdict = _verdict(samples, "json-256", "≤ 1.5 times the better Rust router")
    assert ("≤ 1.5 times the better Rust router (vllm-router)", "met") == (verdict.must, verdict.outcome)


def test_added_time_is_a_difference() -> None:
    """Over the direct connection for paced events, over nginx at one connection."""
    paced = _samples("paced-100", "direct", p50_us=50.0) + _samples("paced-100", "router", p50_us=150.0)
    single = _samples("json-1", "nginx", p50_us=100.0) + _samples("json-1", "router", p50_us=290.0)
    seen = [_verdict(paced, "paced-100", "≤ 1 ms"), _verdict(single, "json-1", "≤ 150 µs")]
    assert ["100 [100, 100] µs", "190 [190, 190] µs"] == [verdict.measured for verdict in seen]
    assert ["met", "missed by 40.0 µs (27%)"] == [verdict.outcome for verdict in seen]


def test_errors_are_counted_over_all_rounds() -> None:
    """In failed samples too, which give no other figure."""
    samples = _samples("json-256", "router", p99_us=1.0)
    samples[1] = Sample(2, "json-256", "router", 256, errors=3, failed="3 of 1000 requests ended badly")
    verdict = _verdict(samples, "json-256", "0")
    assert ("3", "missed by 3; 1 of its 5 samples failed") == (verdict.measured, verdict.outcome)
    assert _verdict(_samples("json-256", "router", p99_us=1.0), "json-256", "0").is_met


def test_a_failed_sample_of_the_router_is_never_hidden() -> None:
    """The others' median would be good."""
    samples = _samples("json-32", "router", cpu_us=60.0) + _samples("json-32", "nginx", cpu_us=20.0)
    samples[0] = replace(samples[0], cpu_us=None, failed="it does not come to rest")
    verdict = _verdict(samples, "json-32", "≤ 5.5 times nginx")
    assert ("3.00 (4 of 5 rounds)", "missed: 1 of its 5 samples failed", False) == (
        verdict.measured,
        verdict.outcome,
        verdict.is_met,
    )


def test_a_peer_that_failed_once_is_compared_in_the_other_rounds() -> None:
    """Which is told, and never with another round's figure."""
    peers = _samples("json-32", "nginx", cpu_us=20.0)
    peers[4] = replace(peers[4], cpu_us=None, failed="gone")
    verdict = _verdict(_samples("json-32", "router", cpu_us=60.0) + peers, "json-32", "≤ 5.5 times nginx")
    assert ("3.00 (4 of 5 rounds)", "met") == (verdict.measured, verdict.outcome)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: f"{target.case}: {target.must}")
def test_without_samples_nothing_is_met(target: Target) -> None:
    """Not even that there were no errors."""
    (verdict,) = verdicts(Figures([]), (target,))
    assert (NOT_MEASURED, "", False) == (verdict.outcome, verdict.measured, verdict.is_met)


def test_a_contender_that_is_missing_is_told() -> None:
    """What needs nobody else is still judged."""
    figures = Figures(_samples("paced-100", "router", cpu_us=25.0, p50_us=100.0))
    outcomes = {
        (verdict.title, verdict.must): verdict.outcome
        for verdict in verdicts(figures)
        if verdict.title.startswith("paced")
    }
    assert {
        ("paced SSE, added delay per event, p50", "≤ 1 ms"): NOT_MEASURED,
        ("paced SSE, CPU per event", "≤ 30 µs"): "met",
        ("paced SSE, CPU per event", "stretch: ≤ 17 µs"): "missed by 8.00 µs (47%)",
    } == outcomes


@pytest.mark.parametrize(
    ("estimate", "expected"),
    [
        (Estimate(0.8049, 0.7, 0.95), "0.80 [0.70, 0.95] MB"),
        (Estimate(12.34, None, None), "12.3 MB"),
        (Estimate(1234.5, 1200.0, 1300.0), "1234 [1200, 1300] MB"),
        (Estimate(0.0, None, None), "0 MB"),
    ],
    ids=["small", "no bounds", "large", "nothing"],
)
def test_figures_are_shown_with_three_digits(estimate: Estimate, expected: str) -> None:
    """And bounds where there are some."""
    assert expected == shown(estimate, "MB")
