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
from bench.contenders import Contender, LineUp, Upstream
from bench.house import Cores, House
from bench.plan import Plan, does_take, rotated
from bench.samples import Sample, SampleFailed

QUICK = Contender("nginx", 1, os.getpid())
SLOW = Contender("litellm", 1, os.getpid(), is_slow=True)
DIRECT = Contender("direct", 1)


def _house(directory: Path) -> House:
    return House(Cores(0, 1, 1), Upstream(1, os.getpid()), "key", directory)


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


def test_a_whole_run_lasts_forty_minutes_at_most() -> None:
    """With everybody there is, in five rounds."""
    slow = ("portkey", "litellm", "plain", "seed")
    them = [DIRECT, *(Contender(name, 1, 1, is_slow=name in slow) for name in contenders.NAMES)]
    assert 10 < Plan(5, 2).expected_s(them) / 60 < 40


@contextlib.contextmanager
def _everyone(*them: Contender) -> Iterator[LineUp]:
    yield LineUp(them, {"haproxy": "it is missing"})


def test_a_failed_sample_is_recorded_and_the_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its reason; the others' samples are taken."""

    def take(house: House, number: int, case: Case, contender: Contender, duration_s: int) -> Sample:
        if contender is QUICK:
            raise SampleFailed("3 of 7\nrequests ended badly", 3)
        return Sample(number, case.name, contender.name, case.connections)

    monkeypatch.setitem(rounds._LOADED, Kind.CLOSED, take)
    monkeypatch.setattr(contenders, "everyone", lambda *_: _everyone(QUICK))
    told: list[str] = []
    run = rounds._Run(Plan(2, 1, (case_named("json-1"),)), _house(tmp_path), told.append)
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

    def take(house: House, number: int, case: Case, contender: Contender, duration_s: int) -> Sample:
        taken.append(contender.name)
        return Sample(number, case.name, contender.name, case.connections)

    monkeypatch.setitem(rounds._LOADED, Kind.CLOSED, take)
    monkeypatch.setattr(contenders, "everyone", lambda *_: _everyone(dead))
    run = rounds._Run(Plan(3, 1, (case_named("json-1"),)), _house(tmp_path), lambda _: None)
    run.all_loaded()
    run.all_fresh()
    assert ["direct", "nginx", "direct", "direct"] == taken
    assert "ended during json-1 in round 1" == run.outcome.missing["nginx"]


def test_slow_contenders_start_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others in each round; all of them afresh."""
    started: list[str] = []

    def everyone(*given: object) -> contextlib.AbstractContextManager[LineUp]:
        only = given[-1]
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
    assert ["nginx", "litellm", "nginx"] == started
