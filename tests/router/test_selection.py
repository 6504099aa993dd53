"""The order of candidates and every reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.domain import Route
from router.health import HostState, ProviderState
from router.selection import Candidate, Standing, order

P = ProviderState
H = HostState


def _standing(
    state: ProviderState = P.UP, host: HostState = H.REACHABLE, detail: str = "", busy: int = 0
) -> Standing:
    return Standing(host, state, detail, busy)


def _order(**places: tuple[int, Standing]) -> list[Candidate]:
    routes = [Route(name, "m", tier) for name, (tier, _) in places.items()]
    return order(routes, {name: standing for name, (_, standing) in places.items()})


def _names(candidates: list[Candidate]) -> list[str]:
    return [("" if c.is_eligible else "not ") + c.route.provider for c in candidates]


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
        ({"a": (2, _standing(P.DOWN)), "b": (1, _standing(P.DOWN))}, ["b", "a"]),
        ({"a": (1, _standing(P.YIELDED)), "b": (2, _standing(P.DOWN))}, ["b", "not a"]),
        ({"a": (1, _standing(P.YIELDED)), "b": (2, _standing(P.DRAINING))}, ["not a", "not b"]),
        ({"a": (1, _standing(P.YIELDED, H.UNREACHABLE))}, ["not a"]),
        ({"a": (1, _standing(host=H.UNREACHABLE))}, ["a"]),
        ({}, []),
    ],
)
def test_order(places: dict[str, tuple[int, Standing]], expected: list[str]) -> None:
    """Tiers first, then readiness, then load; what is down only when nothing else is; a yielded node never."""
    assert expected == _names(_order(**places))


@pytest.mark.parametrize(
    ("standing", "reason"),
    [
        (_standing(), "tier 1, up"),
        (_standing(busy=3), "tier 1, up, 3 in flight"),
        (_standing(P.COLD, detail="no model loaded"), "tier 1, cold (no model loaded)"),
        (_standing(P.UNKNOWN, detail="not probed yet"), "tier 1, unknown (not probed yet)"),
        (_standing(P.DOWN, detail="refused"), "last resort: down (refused)"),
        (_standing(P.UP, H.UNREACHABLE, "silent"), "last resort: its machine is unreachable (silent)"),
        (_standing(P.YIELDED, detail="a game has the GPU"), "yielded (a game has the GPU)"),
        (_standing(P.DRAINING), "draining"),
    ],
)
def test_every_candidate_has_a_reason(standing: Standing, reason: str) -> None:
    """For the operator, and for the 503."""
    assert [reason] == [c.reason for c in _order(a=(1, standing))]


_standings = st.builds(
    Standing, st.sampled_from(HostState), st.sampled_from(ProviderState), st.just("d"), st.integers(0, 3)
)


@given(st.lists(st.tuples(st.integers(0, 3), _standings), max_size=6))
def test_invariants_of_the_order(places: list[tuple[int, Standing]]) -> None:
    """Nobody is lost, nobody comes twice, and nobody unavailable is tried while somebody available is left."""
    routes = [Route(f"p{index}", "m", tier) for index, (tier, _) in enumerate(places)]
    standings = {f"p{index}": standing for index, (_, standing) in enumerate(places)}
    candidates = order(routes, standings)
    assert sorted(c.route.provider for c in candidates) == sorted(standings)
    eligible = [c.route for c in candidates if c.is_eligible]
    assert [c.is_eligible for c in candidates] == sorted((c.is_eligible for c in candidates), reverse=True)
    assert [r.tier for r in eligible] == sorted(r.tier for r in eligible)
    assert all(standings[r.provider].may_be_tried for r in eligible)
    if any(s.is_available for s in standings.values()):
        assert all(standings[r.provider].is_available for r in eligible)
    elif any(s.may_be_tried for s in standings.values()):
        assert eligible


def test_two_routes_to_one_provider_are_two_candidates() -> None:
    """Two models of one server may serve one name."""
    routes = [Route("a", "big", 1), Route("a", "small", 2)]
    assert ["big", "small"] == [c.route.model for c in order(routes, {"a": _standing()})]
