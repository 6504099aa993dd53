"""The benchmark's page: its table, and that a figure which is missing is told and never shown as 0."""

import json
from collections.abc import Sequence
from dataclasses import replace

from bench.cases import CASES
from bench.machine import Machine
from bench.report import as_json, as_markdown, table
from bench.rounds import Plan, Sample, _line

MACHINE = Machine("2026-01-01 00:00 UTC", "a CPU", 2, 8.0, "Linux 6", "abc1234", 0.5, {"Python": "CPython 3.11"})
DIRECT = Sample(1, "json-1", "direct", 1000, None, 20.0, 50.0, 40_000.0, 0.95, None, None)
NGINX = Sample(1, "json-1", "nginx", 1000, 10.0, 30.0, 80.0, 9_000.0, 0.5, 0.01, 12.0)
ROUTER = Sample(1, "json-1", "router", 1000, 40.0, 60.0, 150.0, 3_000.0, 0.4, 0.02, 80.0)


def _rounds(count: int, *samples: Sample) -> list[Sample]:
    """So many rounds, each a little slower than the one before."""
    return [
        replace(
            sample,
            round=n + 1,
            cpu_us=sample.cpu_us + n if sample.cpu_us is not None else None,
            p50_us=sample.p50_us + n,
        )
        for n in range(count)
        for sample in samples
    ]


def _cells(samples: Sequence[Sample]) -> list[list[str]]:
    """The rows below the head."""
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table(samples).splitlines()[2:]]


def test_a_case_has_a_row_for_each_contender() -> None:
    """Medians; in brackets their bounds; added is what the direct connection has less."""
    rows = _cells(_rounds(5, DIRECT, NGINX, ROUTER))
    assert [
        ["JSON, 1 connection, per request", "none", "", "", "(p50 22)", "(p99 50)", "at least 40000", ""],
        ["", "nginx", "12.0", "1", "10 [10, 10]", "30 [30, 30]", "9000", "1%"],
        ["", "**router**", "42.0", "3.5 [3.1, 4.0]", "40 [40, 40]", "100 [100, 100]", "3000", "2%"],
    ] == rows


def test_every_row_has_the_heads_columns() -> None:
    """A table that is torn is shown as text."""
    lines = table(_rounds(5, DIRECT, NGINX, ROUTER)).splitlines()
    assert {lines[0].count("|")} == {line.count("|") for line in lines}


def test_few_rounds_have_no_bounds() -> None:
    """Four say nothing with 95 %."""
    assert ["41.5", "3.6", "40", "100"] == _cells(_rounds(4, DIRECT, NGINX, ROUTER))[2][2:6]


def test_cases_stand_in_their_own_order_and_only_if_measured() -> None:
    """Whatever the order of the samples."""
    paced = [replace(sample, case="paced-100") for sample in (DIRECT, NGINX, ROUTER)]
    titles = [row[0] for row in _cells([*paced, DIRECT, NGINX, ROUTER]) if row[0]]
    cases = {case.name: case for case in CASES}
    expected = [
        f"{cases[name].title}, per {unit}" for name, unit in (("json-1", "request"), ("paced-100", "event"))
    ]
    assert expected == titles


def test_a_contender_without_a_cpu_account_is_told() -> None:
    """Neither its cost nor its ratio is known; its latency is."""
    lost = replace(ROUTER, cpu_us=None, waited_share=None)
    assert ["not known", "not known", "40", "100", "3000", "not known"] == _cells([DIRECT, NGINX, lost])[2][2:]


def test_a_ratio_to_a_peer_without_a_cpu_account_is_told() -> None:
    """One that is missing in one round is missing: the medians would be of different rounds."""
    samples = _rounds(5, DIRECT, NGINX, ROUTER)
    samples[7] = replace(samples[7], cpu_us=None)
    _, nginx, router = _cells(samples)
    assert (["not known", "1"], ["42.0", "not known"]) == (nginx[2:4], router[2:4])


def test_memory_that_was_not_seen_is_told() -> None:
    """The most of those that were."""
    page = as_markdown(Plan(1, 2), MACHINE, [DIRECT, NGINX, replace(ROUTER, resident_mb=None)], 0)
    assert "the most seen between cases: nginx 12 MB, router not known." in page


def test_progress_shows_no_figure_that_is_missing() -> None:
    """A direct connection costs no gateway anything, which is not the same as nothing."""
    assert ("CPU" in _line(ROUTER, 5), "CPU" in _line(DIRECT, 5)) == (True, False)
    assert _line(DIRECT, 5).endswith("waited    -")


def test_the_page_says_how_and_where() -> None:
    """Rounds, seconds, core, machine, revision."""
    page = as_markdown(Plan(5, 2), MACHINE, [DIRECT, NGINX, ROUTER], 0)
    for said in (
        "core 0",
        "5 rounds",
        "2 s a sample after 1 s",
        "a CPU, 2 cores",
        "revision abc1234",
        "CPython 3.11",
    ):
        assert said in page


def test_the_raw_figures_are_whole() -> None:
    """Everything, rounded; what is missing is null."""
    document = json.loads(as_json(Plan(5, 2), MACHINE, [DIRECT, replace(ROUTER, cpu_us=40.123456)]))
    direct, router = document["samples"]
    assert (None, None, 40.123) == (direct["cpu_us"], direct["waited_share"], router["cpu_us"])
    assert {"rounds": 5, "sample_s": 2, "warm_up_s": 1} == document["plan"]
    assert "abc1234" == document["machine"]["revision"]


def test_every_case_asks_for_its_own_model() -> None:
    """The mock upstream finds it at a fixed place, without parsing."""
    for case in CASES:
        assert case.body.startswith(b'{"model":"%b"' % case.model.encode())
        assert json.loads(case.body).get("stream", False) is (case.model in {"bench-burst", "bench-paced"})
