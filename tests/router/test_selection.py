"""The order of candidates and every reason."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.circuits import Verdict
from router.domain import Route
from router.health import HostState, ProviderState
from router.selection import DEFAULT_MAX_WAIT_S, KEEPS_UP_RTF, Candidate, Need, Standing, order

P = ProviderState
H = HostState
V = Verdict


def _standing(
    state: ProviderState = P.UP, host: HostState = H.REACHABLE, detail: str = "", busy: int = 0, **more: Any
) -> Standing:
    return Standing(host, state, detail, busy, **more)


def _order(
    places: dict[str, tuple[int, Standing]], max_wait_s: float = DEFAULT_MAX_WAIT_S, *, keeps_up: bool = False
) -> list[Candidate]:
    standings = {Route(name, "m", tier): standing for name, (tier, standing) in places.items()}
    return order(list(standings), standings, Need(max_wait_s, keeps_up=keeps_up))


def _names(candidates: list[Candidate]) -> list[str]:
    return [("" if c.is_eligible else "not ") + c.route.provider for c in candidates]


OPEN = _standing(verdict=V.OPEN, retry_in_s=1.5)
TRIAL = _standing(verdict=V.TRIAL)
FULL = _standing(is_queue_full=True, busy=3)


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ({"a": (2, _standing()), "b": (1, _standing())}, ["b", "a"]),
        ({"a": (1, _standing()), "b": (1, _standing())}, ["a", "b"]),
        ({"a": (1, _standing(busy=2)), "b": (1, _standing(busy=1))}, ["b", "a"]),
        ({"a": (1, _standing(busy=9)), "b": (2, _standing())}, ["a", "b"]),
        (
            {"a": (1, _standing(P.COLD)), "b": (1, _standing(P.LOADING)), "c": (1, _standing(busy=9))},
            ["c", "b", "a"],
        ),
        ({"a": (1, _standing(P.COLD)), "b": (2, _standing())}, ["a", "b"]),
        ({"a": (1, _standing(busy=1)), "b": (1, _standing(P.UNKNOWN))}, ["b", "a"]),
        ({"a": (1, _standing(P.DOWN)), "b": (2, _standing())}, ["b", "not a"]),
        ({"a": (1, _standing(host=H.UNREACHABLE)), "b": (2, _standing())}, ["b", "not a"]),
        ({"a": (1, _standing(host=H.SUSPECT)), "b": (2, _standing())}, ["a", "b"]),
        (
            {"a": (1, _standing(P.YIELDED)), "b": (1, _standing(P.DRAINING)), "c": (2, _standing())},
            ["c", "not a", "not b"],
        ),
        ({"a": (2, _standing(P.DOWN)), "b": (1, _standing(P.DOWN))}, ["b", "not a"]),
        ({"a": (1, _standing(P.YIELDED)), "b": (2, _standing(P.DOWN))}, ["b", "not a"]),
        ({"a": (1, _standing(P.YIELDED)), "b": (2, _standing(P.DRAINING))}, ["not a", "not b"]),
        ({"a": (1, _standing(P.YIELDED, H.UNREACHABLE))}, ["not a"]),
        ({"a": (1, _standing(host=H.UNREACHABLE))}, ["a"]),
        ({}, []),
    ],
)
def test_order(places: dict[str, tuple[int, Standing]], expected: list[str]) -> None:
    """Tiers first, then readiness, then load; of what is down one, and only when nothing else is; a yielded
    node never."""
    assert expected == _names(_order(places))


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ({"a": (1, OPEN), "b": (2, _standing())}, ["b", "not a"]),
        ({"a": (1, TRIAL), "b": (2, _standing())}, ["a", "b"]),
        ({"a": (1, FULL), "b": (2, _standing())}, ["b", "not a"]),
        ({"a": (1, OPEN)}, ["not a"]),
        ({"a": (1, FULL)}, ["not a"]),
        ({"a": (1, OPEN), "b": (2, FULL)}, ["not a", "not b"]),
        ({"a": (1, OPEN), "b": (2, _standing(P.DOWN))}, ["b", "not a"]),
        ({"a": (1, _standing(P.DOWN, verdict=V.OPEN)), "b": (2, _standing(P.DOWN))}, ["b", "not a"]),
        ({"a": (1, _standing(P.DOWN, verdict=V.OPEN))}, ["not a"]),
        ({"a": (1, _standing(P.DOWN, verdict=V.TRIAL)), "b": (2, _standing(P.DOWN))}, ["a", "not b"]),
    ],
    ids=[
        "open",
        "trial",
        "queue full",
        "open alone",
        "full alone",
        "open and full",
        "down before open",
        "the down one that is due",
        "down and open",
        "one trial of what is down",
    ],
)
def test_circuits_and_queues_keep_requests_away(
    places: dict[str, tuple[int, Standing]], expected: list[str]
) -> None:
    """An open circuit or a full queue is not available; when nothing is, one of what is down is tried."""
    assert expected == _names(_order(places))


@pytest.mark.parametrize(
    ("places", "max_wait_s", "expected"),
    [
        ({"a": (1, _standing(predicted_s=2.0)), "b": (2, _standing())}, 2.0, ["a", "b"]),
        ({"a": (1, _standing(predicted_s=2.1)), "b": (2, _standing())}, 2.0, ["b", "a"]),
        ({"a": (1, _standing(predicted_s=2.1)), "b": (2, _standing())}, 5.0, ["a", "b"]),
        ({"a": (1, _standing(predicted_s=9)), "b": (2, _standing(predicted_s=5))}, 2.0, ["b", "a"]),
        ({"a": (1, _standing(predicted_s=5)), "b": (2, _standing(predicted_s=5))}, 2.0, ["a", "b"]),
        ({"a": (1, _standing(predicted_s=1.5)), "b": (1, _standing(predicted_s=1.0, busy=9))}, 2.0, ["b", "a"]),
        ({"a": (1, _standing(P.COLD, predicted_s=0.5)), "b": (1, _standing(predicted_s=1))}, 2.0, ["a", "b"]),
        ({"a": (1, _standing(predicted_s=9)), "b": (2, FULL)}, 2.0, ["a", "not b"]),
    ],
    ids=[
        "just in time",
        "late steps behind",
        "a longer wait is allowed",
        "of the late the soonest",
        "of the equally late the tier",
        "within a tier the soonest",
        "time before readiness",
        "late is better than none",
    ],
)
def test_who_takes_too_long_steps_behind(
    places: dict[str, tuple[int, Standing]], max_wait_s: float, expected: list[str]
) -> None:
    """A tier expresses preference up to `max_wait_s`; beyond it, time counts."""
    assert expected == _names(_order(places, max_wait_s))


SLOW, QUICK = _standing(rtf=1.4), _standing(rtf=0.3)


@pytest.mark.parametrize(
    ("places", "keeps_up", "expected"),
    [
        ({"a": (1, SLOW), "b": (2, QUICK)}, True, ["b", "a"]),
        ({"a": (1, SLOW), "b": (2, QUICK)}, False, ["a", "b"]),
        ({"a": (1, _standing(rtf=KEEPS_UP_RTF)), "b": (2, QUICK)}, True, ["a", "b"]),
        ({"a": (1, _standing()), "b": (2, QUICK)}, True, ["a", "b"]),
        ({"a": (2, SLOW), "b": (1, SLOW)}, True, ["b", "a"]),
        ({"a": (1, _standing(rtf=0.3, predicted_s=9)), "b": (2, SLOW)}, True, ["b", "a"]),
        ({"a": (1, SLOW), "b": (2, _standing(P.DOWN, rtf=0.3))}, True, ["a", "not b"]),
    ],
    ids=[
        "who keeps up first",
        "a short text",
        "just quick enough",
        "unknown counts as quick",
        "of the slow the tier",
        "slow is better than late",
        "slow is better than none",
    ],
)
def test_who_cannot_keep_up_steps_behind(
    places: dict[str, tuple[int, Standing]], keeps_up: bool, expected: list[str]
) -> None:
    """Where somebody listens while it is spoken; and the reason says so."""
    candidates = _order(places, keeps_up=keeps_up)
    assert expected == _names(candidates)
    said = {c.route.provider for c in candidates if "behind those that keep up" in c.reason}
    assert {c.route.provider for c in candidates if c.is_slow} == said


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        (_standing(), True),
        (_standing(busy=1), False),
        (_standing(queued=1), False),
        (_standing(P.COLD), False),
        (_standing(host=H.SUSPECT), False),
        (OPEN, False),
    ],
)
def test_who_is_idle(standing: Standing, expected: bool) -> None:
    """Up, beyond doubt, and with nothing to do: who could take over a segment at once."""
    assert expected is standing.is_idle


def test_who_is_late_is_marked_so_that_it_is_warmed() -> None:
    """Only those that could serve."""
    late_s = DEFAULT_MAX_WAIT_S + 1
    places = {
        "a": (1, _standing(predicted_s=late_s)),
        "b": (2, _standing()),
        "c": (1, _standing(P.DOWN, predicted_s=late_s)),
    }
    candidates = _order(places)
    assert {"a": True, "b": False, "c": False} == {c.route.provider: c.is_late for c in candidates}


@pytest.mark.parametrize(
    ("standing", "reason"),
    [
        (_standing(), "tier 1, up"),
        (_standing(busy=3), "tier 1, up, 3 in flight"),
        (_standing(P.COLD, detail="no model loaded"), "tier 1, cold (no model loaded)"),
        (_standing(P.UNKNOWN, detail="not probed yet"), "tier 1, unknown (not probed yet)"),
        (_standing(predicted_s=0.04), "tier 1, up"),
        (_standing(predicted_s=1.26, busy=2), "tier 1, up, 2 in flight, first output in about 1.3 s"),
        (_standing(rtf=0.4), "tier 1, up"),
        (_standing(rtf=1.4), "tier 1, up, slower than playback (takes 1.40 s for a second of speech)"),
        (_standing(P.COLD, predicted_s=9), "tier 1, cold, first output in about 9.0 s, over max_wait_s"),
        (TRIAL, "tier 1, up, a trial after failures"),
        (_standing(P.DOWN, detail="refused"), "last resort: down (refused)"),
        (_standing(P.UP, H.UNREACHABLE, "silent"), "last resort: its machine is unreachable (silent)"),
        (_standing(P.YIELDED, detail="a game has the GPU"), "yielded (a game has the GPU)"),
        (_standing(P.DRAINING), "draining"),
        (_standing(detail="d", verdict=V.OPEN, retry_in_s=1.5), "failed too often; next trial in 1.5 s (d)"),
        (FULL, "busy: 3 requests in flight and its queue is full"),
        (_standing(P.DOWN, detail="refused", verdict=V.OPEN), "down (refused)"),
    ],
)
def test_every_candidate_has_a_reason(standing: Standing, reason: str) -> None:
    """For the operator, and for the 503."""
    assert [reason] == [c.reason for c in _order({"a": (1, standing)})]


_standings = st.builds(
    Standing,
    st.sampled_from(HostState),
    st.sampled_from(ProviderState),
    st.just("d"),
    st.integers(0, 3),
    st.booleans(),
    st.floats(0, 10),
    st.sampled_from(Verdict),
    st.floats(0, 10),
    st.integers(0, 2),
    st.none() | st.floats(0, 2),
)


@given(st.lists(st.tuples(st.integers(0, 3), _standings), max_size=6), st.floats(0.1, 10), st.booleans())
def test_invariants_of_the_order(places: list[tuple[int, Standing]], max_wait_s: float, keeps_up: bool) -> None:
    """Nobody is lost, nobody comes twice, nobody unavailable is tried while somebody available is left, and
    whoever is in time is tried by tier before whoever is not, whoever keeps up before whoever does not."""
    standings = {Route(f"p{index}", "m", tier): standing for index, (tier, standing) in enumerate(places)}
    candidates = order(list(standings), standings, Need(max_wait_s, keeps_up=keeps_up))
    assert sorted(c.route.provider for c in candidates) == sorted(route.provider for route in standings)
    eligible = [c.route for c in candidates if c.is_eligible]
    assert [c.is_eligible for c in candidates] == sorted((c.is_eligible for c in candidates), reverse=True)
    is_late = [standings[r].predicted_s > max_wait_s for r in eligible]
    if any(s.is_available for s in standings.values()):
        assert {r for r, s in standings.items() if s.is_available} == set(eligible)
        assert is_late == sorted(is_late)
        assert is_late == [c.is_late for c in candidates if c.is_eligible]
        in_time = [
            (keeps_up and standings[r].is_slower_than_playback, r.tier)
            for r, late in zip(eligible, is_late, strict=True)
            if not late
        ]
        assert in_time == sorted(in_time)
    else:
        can_be_tried = [r for r, s in standings.items() if s.may_be_tried]
        assert min(len(can_be_tried), 1) == len(eligible)
        assert [r.tier for r in eligible] == [r.tier for r in sorted(can_be_tried, key=lambda r: r.tier)[:1]]


def test_two_routes_to_one_provider_are_two_candidates() -> None:
    """Two models of one server may serve one name, and fail apart."""
    big, small = Route("a", "big", 1), Route("a", "small", 2)
    assert ["big", "small"] == [c.route.model for c in order([big, small], {big: _standing(), small: _standing()})]
    apart = order([big, small], {big: OPEN, small: _standing()})
    assert [("small", True), ("big", False)] == [(c.route.model, c.is_eligible) for c in apart]
