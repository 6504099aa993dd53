"""Which providers to try, in which order, and why not the others. Pure: it decides and must not log.

Tiers express preference, so they come first; within a tier, a provider that is up comes before one that must
load, and the less busy before the busier. When nothing is available, what is down is tried all the same, last
of all: a probe may be a second old. A yielded or draining node is never tried.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from router.domain import Route
from router.health import HostState, ProviderState

_READINESS: Final = {
    ProviderState.UP: 0,
    ProviderState.UNKNOWN: 0,
    ProviderState.LOADING: 1,
    ProviderState.COLD: 2,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one provider at the moment of a decision."""

    host_state: HostState
    state: ProviderState
    detail: str = ""
    in_flight: int = 0

    @property
    def is_available(self) -> bool:
        """A request may be sent there now."""
        return self.state.is_available and self.host_state is not HostState.UNREACHABLE

    @property
    def may_be_tried(self) -> bool:
        """A request may be sent there when there is no better way."""
        return self.state not in {ProviderState.YIELDED, ProviderState.DRAINING}

    @property
    def why(self) -> str:
        """The state in words."""
        if self.host_state is HostState.UNREACHABLE:
            return f"its machine is unreachable ({self.detail})"
        return f"{self.state} ({self.detail})" if self.detail else str(self.state)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A route in its place in the order, and the reason for that place."""

    route: Route
    is_eligible: bool
    reason: str


def order(routes: Sequence[Route], standings: Mapping[str, Standing]) -> list[Candidate]:
    """All `routes`, the eligible ones first in the order in which to try them, each with its reason."""
    available = [r for r in routes if standings[r.provider].is_available]
    if available:
        available.sort(key=lambda route: _rank(route, standings[route.provider]))
        chosen = [Candidate(r, True, _why_here(r, standings[r.provider])) for r in available]
    else:
        trials = sorted((r for r in routes if standings[r.provider].may_be_tried), key=lambda r: r.tier)
        chosen = [Candidate(r, True, f"last resort: {standings[r.provider].why}") for r in trials]
    taken = {id(candidate.route) for candidate in chosen}
    rest = [Candidate(r, False, standings[r.provider].why) for r in routes if id(r) not in taken]
    return chosen + rest


def _rank(route: Route, standing: Standing) -> tuple[int, int, int]:
    return (route.tier, _READINESS[standing.state], standing.in_flight)


def _why_here(route: Route, standing: Standing) -> str:
    busy = f", {standing.in_flight} in flight" if standing.in_flight else ""
    return f"tier {route.tier}, {standing.why}{busy}"
