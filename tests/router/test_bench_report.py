"""The benchmark's page: its tables, and that a figure which is missing is told and never shown as 0."""

import json
from collections.abc import Sequence
from dataclasses import replace

from bench.cases import CASES, WIDE, case_named
from bench.contenders import Contender
from bench.machine import Machine
from bench.paired import Figures
from bench.plan import Plan
from bench.report import as_json, as_markdown, tables
from bench.rounds import Outcome
from bench.samples import Sample
from bench.tables import case_table, headline, memory_table
from bench.verdicts import Verdict

MACHINE = Machine("2026-01-01 00:00 UTC", "a CPU", 2, 8.0, "Linux 6", "abc1234", 0.5, {"Python": "CPython 3.11"})
DIRECT = Sample(1, "json-1", "direct", 1, 1000, None, 20.0, 50.0, 40_000.0, 0.95)
NGINX = Sample(1, "json-1", "nginx", 1, 1000, 10.0, 30.0, 80.0, 9_000.0, 0.5, 0.01, 12.0)
ROUTER = Sample(1, "json-1", "router", 1, 1000, 40.0, 60.0, 150.0, 3_000.0, 0.4, 0.02, 80.0)
THEM = (
    Contender("direct", 1),
    Contender("router", 2, 20, setup="as shipped"),
    Contender("nginx", 3, 30, skips={"large-4": "it is | too large"}, setup="one worker"),
    Contender("litellm", 4, 40, is_slow=True),
)


def _rounds(count: int, *samples: Sample) -> list[Sample]:
    """So many rounds, each a little slower than the one before."""
    return [
        replace(sample, round=n + 1, cpu_us=sample.cpu_us + n if sample.cpu_us is not None else None)
        for n in range(count)
        for sample in samples
    ]


def _cells(samples: Sequence[Sample], case: str = "json-1") -> list[list[str]]:
    """The rows below the head."""
    return _rows(case_table(case_named(case), Figures(samples), THEM))


def _rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in row[1:-1].split("|")] for row in table.splitlines()[2:]]


def test_a_case_has_a_row_for_each_contender() -> None:
    """Medians; in brackets the ratio's bounds; the router is last."""
    assert [
        ["no gateway", "", "", "20.0", "50.0", "at least 40000", ""],
        ["nginx", "12.0", "3.50 [3.14, 4.00]", "30.0", "80.0", "9000", "1%"],
        ["**router**", "42.0", "", "60.0", "150", "3000", "2%"],
    ] == _cells(_rounds(5, ROUTER, DIRECT, NGINX))


def test_every_row_has_the_heads_columns() -> None:
    """A table that is torn is shown as text: a reason with a bar in it, too."""
    samples = [replace(sample, case="large-4") for sample in (DIRECT, ROUTER)]
    lines = case_table(case_named("large-4"), Figures(samples), THEM).splitlines()
    assert {lines[0].count("|")} == {line.count("|") for line in lines}
    assert any("not measured: it is / too large" in line for line in lines)


def test_few_rounds_have_no_bounds() -> None:
    """Four say nothing with 95 %."""
    assert "3.61" == _cells(_rounds(4, DIRECT, NGINX, ROUTER))[1][2]


def test_a_contender_without_a_cpu_account_is_told() -> None:
    """Neither its cost nor its ratio is known; its latency is."""
    lost = replace(NGINX, cpu_us=None, waited_share=None)
    assert ["nginx", "not known", "not known", "30.0", "80.0", "9000", "not known"] == _cells([lost, ROUTER])[0]


def test_a_contender_that_failed_is_told_with_its_reason() -> None:
    """Its figures stay empty, its row does not."""
    lost = Sample(1, "json-1", "nginx", 1, failed="it has ended")
    assert ["nginx (failed in 1 of 1: it has ended)", "", "", "", "", "", ""] == _cells([lost, ROUTER])[0]


def test_fewer_streams_are_told() -> None:
    """And streams that a gateway leaves open behind clients who have gone."""
    slow = replace(NGINX, case="paced-100", contender="litellm", connections=20, left_open=17)
    expected = "litellm (20 streams) (left 17 upstream streams open behind clients who had gone)"
    assert expected == _cells([slow], "paced-100")[0][0]


def test_audio_is_told_by_the_megabyte() -> None:
    """200 KB an answer."""
    ours, nginx = replace(ROUTER, case="audio-8"), replace(NGINX, case="audio-8")
    rows = _cells([nginx, ours], "audio-8")
    assert [["1800", "50.0", "0.33"], ["600", "200", ""]] == [row[-3:] for row in rows]


def test_first_events_are_compared_by_latency() -> None:
    """There is no CPU figure."""
    waits = [replace(sample, case="first-256", connections=256, cpu_us=None) for sample in (DIRECT, NGINX, ROUTER)]
    rows = _cells(waits, "first-256")
    assert ["nginx", "30.0", "80.0", "2.00", "1.88", "1%"] == rows[1]


def test_memory_and_start_up_have_a_table() -> None:
    """The most under load leaves out the thousand streams, which have a column of their own."""
    samples = [
        Sample(1, "start", "router", 1, resident_mb=70.0, start_s=0.9),
        Sample(1, "idle-1000", "router", 1000, 1000, resident_mb=95.0, stream_kb=25.0),
        ROUTER,
        NGINX,
        Sample(1, "idle-1000", "nginx", 1000, failed="2 of 1000 streams began"),
    ]
    failed = "(failed in 1 of 1: 2 of 1000 streams began)"
    assert [
        ["nginx", "", "", failed, "12"],
        ["**router**", "0.90", "70.0", "25.0", "80"],
    ] == _rows(memory_table(Figures(samples), THEM))


def test_the_headline_marks_what_is_not_met() -> None:
    """A title is said once."""
    table = headline(
        [
            Verdict("JSON", "beat a", "0.80", "met", is_met=True),
            Verdict("JSON", "beat b", "1.10", "missed by 10%", is_met=False),
        ]
    )
    assert [["JSON", "beat a", "0.80", "met"], ["", "beat b", "1.10", "**missed by 10%**"]] == _rows(table)


def test_the_page_says_how_and_where() -> None:
    """Rounds, seconds, core, machine, revision, who took part and who did not."""
    outcome = Outcome(THEM, [DIRECT, NGINX, ROUTER], {"haproxy": "haproxy is missing"})
    page = as_markdown(Plan(5, 2), MACHINE, outcome, 0)
    for said in (
        "core 0",
        "5\nrounds",
        "2 s a sample after 0.5 s",
        "a CPU, 2 cores",
        "revision abc1234",
        "CPython 3.11",
        "- haproxy: haproxy is missing",
        "- **nginx**: one worker",
        "- litellm: too slow for JSON chat, 1 connection; ",
    ):
        assert said in page


def test_cases_stand_in_their_own_order_and_only_if_measured() -> None:
    """Whatever the order of the samples."""
    paced = [replace(sample, case="paced-100") for sample in (DIRECT, NGINX, ROUTER)]
    page = tables(Plan(1, 2), Outcome(THEM, [*paced, DIRECT, NGINX, ROUTER]))
    heads = [line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")]
    assert ["JSON chat, 1 connection", "Paced SSE, 100 streams of 20 events/s", "Start-up and memory"] == heads


def test_a_large_site_is_compared_with_a_small_one() -> None:
    """By CPU per request."""
    wide = [replace(ROUTER, case="wide-32"), replace(ROUTER, case="wide-32", contender=WIDE, cpu_us=42.0)]
    assert "25,000 models cost 1.05 times the CPU" in tables(Plan(1, 2), Outcome(THEM, wide))


def test_the_raw_figures_are_whole_and_a_line_each() -> None:
    """Everything, rounded; what is missing is left out."""
    text = as_json(Plan(5, 2), MACHINE, Outcome(THEM, [DIRECT, replace(ROUTER, cpu_us=40.123456)], {"x": "why"}))
    document = json.loads(text)
    direct, router = document["samples"]
    assert ("cpu_us" in direct, 40.123) == (False, router["cpu_us"])
    assert {"rounds": 5, "sample_s": 2, "warm_up_s": 0.5} == document["plan"]
    assert ("abc1234", {"x": "why"}) == (document["machine"]["revision"], document["missing"])
    assert 2 == sum('"case":' in line for line in text.splitlines())


def test_every_case_asks_for_its_own_model() -> None:
    """The mock upstream finds it at a fixed place, without parsing."""
    streamed = {"bench-burst", "bench-paced", "bench-first", "bench-idle"}
    for case in CASES:
        assert case.body.startswith(b'{"model":"%b"' % case.model.encode())
        assert json.loads(case.body).get("stream", False) is (case.model in streamed)
