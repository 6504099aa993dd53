"""The benchmark's figures: what wrk says, what a gateway used, and what may be concluded from rounds."""

import json
import math
import os
import random
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from bench import accounts
from bench.accounts import Account
from bench.contenders import Contender
from bench.house import House
from bench.ratios import Estimate, difference, estimate, percentile, ratio
from bench.samples import SampleFailed
from bench.servers import CannotMeasure, Cores, Server
from bench.wrk import Load, _output, said

SEEN = {"requests": 1000, "duration_us": 2_000_000, "bytes": 7, "errors": 0, "p50_us": 400, "p99_us": 900}
HOUSE = House(Cores(0, 1, 1), Server(1, os.getpid(), Path()), "key", Path())


def _printed(**changed: int) -> str:
    """What wrk prints: its own lines, then the script's."""
    return f"Running 2s test @ http://127.0.0.1:1\n  1 threads and 1 connections\n{json.dumps(SEEN | changed)}\n"


def test_what_wrk_says_is_read() -> None:
    """Requests over wrk's own clock, which runs a little longer than it was told to."""
    assert Load(500.0, 400, 900, 0.5, 2.0) == said(_printed(), 0.5)


def test_a_load_is_ended_in_order_when_its_time_is_over() -> None:
    """Half seconds too, which wrk's own option does not know."""
    script = "trap 'echo in order; exit 0' INT; while :; do sleep 0.05; done"
    assert "in order\n" == _output(("sh", "-c", script), 0.5)


def test_a_load_that_ends_by_itself_is_not_waited_for() -> None:
    """And says why."""
    with pytest.raises(SampleFailed, match="wrk failed: nobody there"):
        _output(("sh", "-c", "echo nobody there; exit 1"), 600.0)


@pytest.mark.parametrize(
    ("output", "reason", "errors"),
    [
        (_printed(errors=3), "3 of 1000 requests ended badly", 3),
        (_printed(requests=0), "no request was answered", 0),
        ("", "can be read", 0),
        ("unable to connect to 127.0.0.1:1\n", "unable to connect", 0),
    ],
    ids=["an error", "no request", "nothing", "no figures"],
)
def test_load_that_failed_gives_no_figures(output: str, reason: str, errors: int) -> None:
    """And says why, and how many it were."""
    with pytest.raises(SampleFailed, match=reason) as caught:
        said(output, 0.5)
    assert errors == caught.value.errors


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ([3.0], Estimate(3.0, None, None)),
        ([4.0, 1.0, 3.0, 2.0], Estimate(2.5, None, None)),
        ([5.0, 1.0, 4.0, 2.0, 3.0], Estimate(3.0, 1.0, 5.0)),
        ([8.0, 1.0, 7.0, 2.0, 6.0, 3.0, 5.0, 4.0], Estimate(4.5, 2.0, 7.0)),
        ([float(n) for n in range(20)], Estimate(9.5, 5.0, 14.0)),
    ],
    ids=["1", "4", "5", "8", "20"],
)
def test_a_median_has_bounds_where_there_are_rounds_enough(figures: list[float], expected: Estimate) -> None:
    """The sign test's tables: from five rounds on; the second of eight, the sixth of twenty."""
    assert expected == estimate(figures)


@pytest.mark.parametrize("rounds", range(5, 13))
def test_a_bound_errs_in_one_of_twenty_at_most(rounds: int) -> None:
    """Counted over every way in which the rounds can fall on either side of the true median, each as likely."""
    below = sum(
        (high := estimate([-1.0 if is_below else 1.0 for is_below in sides]).high) is not None and high < 0
        for sides in product((True, False), repeat=rounds)
    )
    assert below / 2**rounds <= 0.05


def test_rounds_are_compared_with_their_own_peers() -> None:
    """A machine that grows slower from round to round changes no ratio and no difference."""
    ours, theirs = [20.0, 40.0, 80.0, 160.0, 320.0], [10.0, 20.0, 40.0, 80.0, 160.0]
    assert Estimate(2.0, 2.0, 2.0) == ratio(ours, theirs)
    assert Estimate(7.0, 7.0, 7.0) == difference([peer + 7.0 for peer in theirs], theirs)


def test_rounds_that_lack_a_peer_are_not_compared() -> None:
    """Pairs would be of different rounds."""
    for compare in (ratio, difference):
        with pytest.raises(ValueError, match="zip"):
            compare([1.0, 2.0], [1.0])


@pytest.mark.parametrize(("percent", "expected"), [(0, 1), (1, 1), (50, 50), (99, 99), (99.5, 100), (100, 100)])
def test_a_percentile_is_one_of_the_figures(percent: float, expected: int) -> None:
    """By nearest rank, whatever the order."""
    figures = [float(n) for n in range(1, 101)]
    random.Random(1).shuffle(figures)
    assert expected == percentile(figures, percent)


def test_an_account_is_of_what_lies_between() -> None:
    """Divided by what was done meanwhile."""
    used = Account(3.0, 1.0).since(Account(1.0, 0.5))
    assert Account(2.0, 0.5) == used
    assert (20_000.0, 0.2) == (used.cpu_us_per(100), used.waited_share)


@pytest.mark.parametrize(
    ("used", "units", "cpu_us", "waited_share"),
    [
        (Account(0.0, 0.0), 100, None, None),
        (Account(2.0, None), 100, 20_000.0, None),
        (Account(2.0, 0.0), 0, None, 0.0),
    ],
    ids=["nothing used", "no word of waiting", "nothing done"],
)
def test_a_figure_that_is_missing_stays_missing(
    used: Account, units: int, cpu_us: float | None, waited_share: float | None
) -> None:
    """Who answered has used some time: a nought is a broken account, not a quick gateway."""
    assert (cpu_us, waited_share) == (used.cpu_us_per(units), used.waited_share)


def test_waiting_is_unknown_when_either_end_is() -> None:
    """Half an account is none."""
    whole, half = Account(2.0, 1.0), Account(1.0, None)
    assert [None, None] == [whole.since(half).waited_s, half.since(whole).waited_s]


def test_the_account_of_a_process_is_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """This one has used some; where the kernel keeps no schedstat, the waiting is unknown."""
    account = Account.of(os.getpid())
    assert account.cpu_s > 0
    assert account.waited_s is None or math.isfinite(account.waited_s)
    monkeypatch.setattr(accounts, "waited_s", lambda _: None)
    assert None is Account.of(os.getpid()).waited_s


def test_a_gateway_that_has_ended_is_told_and_not_measured() -> None:
    """It would seem to cost nothing."""
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as ended:
        pass
    for look in (HOUSE.account, HOUSE.resident_mb, HOUSE.drain):
        with pytest.raises(SampleFailed, match="cannot be read; has it ended"):
            look(Contender("router", 1, ended.pid))


def test_no_gateway_has_no_account() -> None:
    """A direct connection."""
    direct = Contender("direct", 1)
    assert (None, None) == (HOUSE.account(direct), HOUSE.resident_mb(direct))


def test_nothing_can_be_measured_without_the_upstream() -> None:
    """Every sample would fail, each after a long wait; so the run ends. (Nobody listens on port 1.)"""
    with pytest.raises(CannotMeasure, match="upstream does not answer any more"):
        HOUSE.counts()
