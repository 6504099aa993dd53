"""The benchmark's run: who takes part in what, in which order, and that nobody's failure ends it."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import contenders, rounds
from bench.cases import CASES, SPEECH, WIDE, Case, Kind, case_named
from bench.contenders import Contender, LineUp
from bench.house import House
from bench.paired import Figures
from bench.plan import Plan, does_take, rotated
from bench.samples import Sample, SampleFailed
from bench.servers import Cores, Server
from bench.targets import TARGETS, Target

QUICK = Contender("nginx", 1, os.getpid())
SLOW = Contender("litellm", 1, os.getpid(), is_slow=True)
DIRECT = Contender("direct", 1)


def _house(directory: Path) -> House:
    return House(Cores(0, 1, 1), Server(1, os.getpid(), directory), "key", directory)


def test_everybody_is_first_once() -> None:
    """Who comes after whom must not matter."""
    assert ["abc", "bca", "cab", "abc"] == ["".join(rotated("abc", n)) for n in range(1, 5)]  # type: ignore[arg-type]


def test_slow_contenders_take_less() -> None:
    """Fewer cases, fewer streams."""
    taken = {case.name for case in CASES if does_take(SLOW, case)}
    assert {"json-32", "burst-32", "paced-100", "audio-8", "start"} == taken
    paced = case_named("paced-100").for_contender("litellm", is_slow=True)
    assert paced is not None
    assert 20 == paced.connections


def test_what_a_contender_cannot_carry_is_left_out() -> None:
    """So is memory where there is no gateway, and the large site's case for all but the router."""
    skipping = Contender("nginx", 1, 1, skips={"json-1": "why"})
    assert not does_take(skipping, case_named("json-1"))
    assert [False, False, True] == [
        does_take(DIRECT, case_named(name)) for name in ("start", "idle-1000", "json-1")
    ]
    wide = Contender(WIDE, 1, 1)
    assert ["wide-32"] == [case.name for case in CASES if does_take(wide, case)]
    assert [False, True] == [does_take(each, case_named("wide-32")) for each in (QUICK, Contender("router", 1, 1))]


def test_audio_goes_where_a_gateway_takes_it() -> None:
    """LiteLLM would read an embedding's answer."""
    audio = case_named("audio-8").for_contender("litellm", is_slow=True)
    assert audio is not None
    assert SPEECH == audio.path


def test_who_has_few_cases_takes_them_with_the_whole_load() -> None:
    """The same as the slow ones, and it starts in each round."""
    few = Contender("portkey", 1, os.getpid(), has_few_cases=True)
    slow = {case.name for case in CASES if does_take(SLOW, case)}
    assert slow == {case.name for case in CASES if does_take(few, case)}
    paced = case_named("paced-100").for_contender("portkey", is_slow=False)
    assert paced is not None
    assert 100 == paced.connections
    assert Plan(5, 1.5).does_take(few, case_named("start"), 2)


def test_who_only_shows_the_limit_does_so_once() -> None:
    """Where the router is held against it, in each round."""
    plan, second = Plan(5, 1.5), 2
    taken = {case.name for case in CASES if plan.does_take(QUICK, case, second)}
    everything = {case.name for case in CASES if plan.does_take(QUICK, case, 1)}
    assert {"prompt-32", "large-4", "embeddings-8", "idle-1000"} == everything - taken


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: f"{target.case}: {target.must}")
def test_whoever_a_target_needs_takes_part_in_every_round(target: Target) -> None:
    """A bound needs five."""
    figures = _Asked()
    target.held(figures)
    once = {name for name in figures.asked if name in case_named(target.case).once}
    assert (True, set()) == (bool(figures.asked), once)


class _Asked(Figures):
    """Figures that remember of whom they were asked; all are alike."""

    def __init__(self) -> None:
        super().__init__(())
        self.asked: set[str] = set()

    def of(self, case: str, contender: str) -> list[Sample]:
        self.asked.add(contender)
        known = dict.fromkeys(("cpu_us", "p50_us", "p99_us", "per_s", "resident_mb", "stream_kb"), 1.0)
        return [Sample(1, case, contender, 1, 1, **known)]  # type: ignore[arg-type]


def test_a_whole_run_lasts_27_minutes_at_most() -> None:
    """With everybody there is, in five rounds."""
    slow, few = ("litellm", "seed"), ("portkey", "plain")
    them = [
        DIRECT,
        *(Contender(name, 1, 1, is_slow=name in slow, has_few_cases=name in few) for name in contenders.NAMES),
    ]
    assert 10 < Plan(5, 1.5).expected_s(them) / 60 < 27


@contextlib.contextmanager
def _everyone(*them: Contender) -> Iterator[LineUp]:
    yield LineUp(them, {"haproxy": "it is missing"})


def test_a_failed_sample_is_recorded_and_the_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its reason; the others' samples are taken."""

    def take(house: House, number: int, case: Case, contender: Contender, duration_s: float) -> Sample:
        if contender is QUICK:
            raise SampleFailed("3 of 7\nrequests ended badly", 3)
        return Sample(number, case.name, contender.name, case.connections)

    monkeypatch.setitem(rounds._LOADED, Kind.CLOSED, take)
    monkeypatch.setattr(contenders, "everyone", lambda *_: _everyone(QUICK))
    told: list[str] = []
    run = rounds._Run(Plan(2, 1, (case_named("json-32"),)), _house(tmp_path), told.append)
    run.all_loaded()
    run.all_fresh()
    seen = [(each.round, each.contender, each.failed, each.errors) for each in run.outcome.samples]
    reason = "3 of 7 requests ended badly"
    assert [
        (1, "direct", None, 0),
        (1, "nginx", reason, 3),
        (2, "nginx", reason, 3),
        (2, "direct", None, 0),
    ] == seen
    assert {"haproxy": "it is missing"} == run.outcome.missing
    assert any("about" in line and "min" in line for line in told)


def test_a_contender_that_ends_is_told_and_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its later samples would all say the same."""
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as ended:
        pass
    dead = Contender("nginx", 1, ended.pid)
    taken: list[str] = []

    def take(house: House, number: int, case: Case, contender: Contender, duration_s: float) -> Sample:
        taken.append(contender.name)
        return Sample(number, case.name, contender.name, case.connections)

    monkeypatch.setitem(rounds._LOADED, Kind.CLOSED, take)
    monkeypatch.setattr(contenders, "everyone", lambda *_: _everyone(dead))
    run = rounds._Run(Plan(3, 1, (case_named("json-32"),)), _house(tmp_path), lambda _: None)
    run.all_loaded()
    run.all_fresh()
    assert ["direct", "nginx", "direct", "direct"] == taken
    assert "ended during json-32 in round 1" == run.outcome.missing["nginx"]


def test_slow_contenders_start_for_their_loads_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And their start is a sample; the others start in each round, afresh."""
    started: list[str] = []

    def everyone(*given: object) -> contextlib.AbstractContextManager[LineUp]:
        only = given[-2]
        if not isinstance(only, frozenset):
            return _everyone(QUICK, SLOW)
        started.extend(only)
        return _everyone(QUICK if QUICK.name in only else SLOW)

    def take(house: House, number: int, case: Case, contender: Contender) -> Sample:
        return Sample(number, case.name, contender.name, case.connections, start_s=1.0)

    monkeypatch.setitem(rounds._FRESH, Kind.START, take)
    monkeypatch.setattr(contenders, "everyone", everyone)
    run = rounds._Run(Plan(2, 1, (case_named("start"),)), _house(tmp_path), lambda _: None)
    run.all_loaded()
    run.all_fresh()
    assert ["nginx", "nginx"] == started
    seen = [(each.round, each.contender) for each in run.outcome.samples]
    assert [(1, "litellm"), (1, "nginx"), (2, "nginx")] == seen


def test_the_router_runs_on_the_interpreter_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When all start and when each starts anew."""
    asked: list[object] = []

    def everyone(*given: object) -> contextlib.AbstractContextManager[LineUp]:
        asked.append(given[-1])
        return _everyone(QUICK)

    def take(house: House, number: int, case: Case, contender: Contender) -> Sample:
        return Sample(number, case.name, contender.name, case.connections, start_s=1.0)

    monkeypatch.setitem(rounds._FRESH, Kind.START, take)
    monkeypatch.setattr(contenders, "everyone", everyone)
    house = House(Cores(0, 1, 1), Server(1, os.getpid(), tmp_path), "key", tmp_path, "another")
    run = rounds._Run(Plan(1, 1, (case_named("start"),)), house, lambda _: None)
    run.all_loaded()
    run.all_fresh()
    assert ["another", "another"] == asked
