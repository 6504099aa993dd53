"""Which providers to try, in which order, and why not the others. Pure: it decides and must not log.

Tiers express preference, so they come first, unless the wait is too long: a route whose first output is predicted
to take more than `max_wait_s` is served by the next tier meanwhile. So is, where the answer has to keep up with
its own playback, a route that speaks more slowly than one listens. Within a tier, the least predicted time wins,
then the readier, then the less busy.

A provider is *available* when it is healthy, its circuit lets a request through (a trial counts) and its queue has
room. When nothing is available, one request tries what is down and whose back-off has elapsed: a probe may be a
second old. A yielded or draining node is never tried.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from router.circuits import Verdict
from router.domain import Route
from router.health import HostState, ProviderState

DEFAULT_MAX_WAIT_S: Final = 2.0
KEEPS_UP_RTF: Final = 0.95  # generation time ÷ audio duration up to which speech stays ahead of its listener
_UP: Final = ProviderState.UP
_UNREACHABLE: Final = HostState.UNREACHABLE
_OPEN: Final = Verdict.OPEN
_READINESS: Final = {
    ProviderState.UP: 0,
    ProviderState.UNKNOWN: 0,
    ProviderState.LOADING: 1,
    ProviderState.COLD: 2,
}


class Need(msgspec.Struct, frozen=True, gc=False):
    """What is to be done: `audio_s` seconds of speech (0: anything else, or unknown), which would better begin to
    come within `max_wait_s`. `keeps_up`: more follows, and somebody listens meanwhile. `urgency`: see `Gate`."""

    max_wait_s: float = DEFAULT_MAX_WAIT_S
    audio_s: float = 0.0
    keeps_up: bool = False
    urgency: float = 0.0


ANYTHING: Final = Need()


class Standing(msgspec.Struct, frozen=True, gc=False):
    """What is known of one route's provider at the moment of a decision. `predicted_s`: until its first output;
    `retry_in_s`: until its circuit lets a trial through; `queued`: what it says that it works on or holds, also of
    others; `rtf`: its real-time factor with the route's model, None while unknown."""

    host_state: HostState
    state: ProviderState
    detail: str = ""
    in_flight: int = 0
    is_queue_full: bool = False
    predicted_s: float = 0.0
    verdict: Verdict = Verdict.CLOSED
    retry_in_s: float = 0.0
    queued: int = 0
    rtf: float | None = None

    @property
    def is_healthy(self) -> bool:
        """The machine answers and the server takes requests."""
        # `up` first and by identity: hashing an enum's member, as a set does, costs more than all the rest.
        return (self.state is _UP or self.state.is_available) and self.host_state is not _UNREACHABLE

    @property
    def is_available(self) -> bool:
        """A request may be sent there now."""
        return self.is_healthy and self.verdict is not _OPEN and not self.is_queue_full

    @property
    def is_idle(self) -> bool:
        """It could begin at once: up on a machine beyond doubt, and with nothing to do."""
        is_free = not self.in_flight and not self.queued
        return is_free and self.is_available and self.state is _UP and self.host_state is HostState.REACHABLE

    @property
    def is_slower_than_playback(self) -> bool:
        """Whoever listens to it has to wait in between."""
        return self.rtf is not None and self.rtf > KEEPS_UP_RTF

    @property
    def may_be_tried(self) -> bool:
        """A request may be sent there when there is no better way."""
        is_willing = self.state not in {ProviderState.YIELDED, ProviderState.DRAINING}
        return is_willing and not self.is_healthy and self.verdict is not Verdict.OPEN

    @property
    def why(self) -> str:
        """The state in words."""
        if self.host_state is HostState.UNREACHABLE:
            return f"its machine is unreachable ({self.detail})"
        if not self.state.is_available:
            return f"{self.state} ({self.detail})" if self.detail else str(self.state)
        if self.verdict is Verdict.OPEN:
            told = f" ({self.detail})" if self.detail else ""
            return f"failed too often; next trial in {self.retry_in_s:.1f} s{told}"
        if self.is_queue_full:
            return f"busy: {self.in_flight} requests in flight and its queue is full"
        return f"{self.state} ({self.detail})" if self.detail else str(self.state)


class Candidate(msgspec.Struct, frozen=True):
    """A route in its place in the order, and what put it there. `is_late`: passed over for its wait; `is_slow`:
    because it could not keep up."""

    route: Route
    standing: Standing
    is_eligible: bool
    is_late: bool = False
    is_last_resort: bool = False
    is_slow: bool = False

    @property
    def reason(self) -> str:
        """Why it has this place, in words; made only for who reads it."""
        standing = self.standing
        if self.is_last_resort:
            return f"last resort: {standing.why}"
        if not self.is_eligible:
            return standing.why
        parts = [f"tier {self.route.tier}", standing.why]
        if standing.in_flight:
            parts.append(f"{standing.in_flight} in flight")
        if standing.predicted_s >= 0.05:
            parts.append(f"first output in about {standing.predicted_s:.1f} s")
        if self.is_late:
            parts.append("over max_wait_s")
        if standing.is_slower_than_playback:
            parts.append(f"slower than playback (takes {standing.rtf:.2f} s for a second of speech)")
        if self.is_slow:
            parts.append("so behind those that keep up")
        if standing.verdict is Verdict.TRIAL:
            parts.append("a trial after failures")
        return ", ".join(parts)


def order(
    routes: Sequence[Route],
    standings: Mapping[Route, Standing],
    need: Need = ANYTHING,
) -> list[Candidate]:
    """All `routes`, the eligible ones first in the order in which to try them, each with its reason."""
    available = [route for route in routes if standings[route].is_available]
    if available:
        if len(available) > 1:
            available.sort(key=lambda route: _rank(route, standings[route], need))
        chosen = [
            Candidate(
                route,
                standing,
                True,
                is_late=standing.predicted_s > need.max_wait_s,
                is_slow=need.keeps_up and standing.is_slower_than_playback,
            )
            for route in available
            for standing in (standings[route],)
        ]
    else:
        trials = sorted((r for r in routes if standings[r].may_be_tried), key=lambda route: route.tier)
        chosen = [Candidate(route, standings[route], True, is_last_resort=True) for route in trials[:1]]
    if len(chosen) == len(routes):
        return chosen
    taken = {candidate.route for candidate in chosen}
    return chosen + [Candidate(route, standings[route], False) for route in routes if route not in taken]


def _rank(route: Route, standing: Standing, need: Need) -> tuple[bool, bool, float, float, int, int]:
    is_late = standing.predicted_s > need.max_wait_s
    is_slow = need.keeps_up and standing.is_slower_than_playback
    # Who is late competes by time, who is not by tier.
    first, second = (standing.predicted_s, route.tier) if is_late else (route.tier, standing.predicted_s)
    return (is_late, is_slow, first, second, _READINESS[standing.state], standing.in_flight)
