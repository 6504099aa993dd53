"""The health of hosts and providers as transition tables. Pure: signs and the time go in, states come out.

Everything that affects a state lives here; nothing here asks the time, opens a socket or logs.

A *host* is a machine. An unplugged machine black-holes, it does not refuse, so the sign that counts is silence:

    state        ANSWERED     SILENT
    reachable    reachable    suspect
    suspect      reachable    unreachable
    unreachable  suspect      unreachable

so two misses open the host's circuit and two answers close it. A refused connection is an answer. Where a node's
heartbeat is held, a beat that stays away (MISSED) makes the host suspect and no worse, because the silence of
three nodes is still one silence; what is touched upon it decides. A beat brings the host back at once.

A *provider* is a server on a host. Its own word (READY, COLD …) is believed at once, except out of `down`,
which takes two good signs in a row or the server's own heartbeat; a hard fault is believed at once, always;
slowness changes nothing, because language models are silent while they load or think. Only a tts-node, whose
health route never waits for the model, counts as hung when two requests to it in a row stay unanswered, or one
after its heartbeat has stopped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

RETURN_AFTER: Final = 2  # good probes in a row that bring a provider back
MUTE_AFTER: Final = 2  # unanswered health requests in a row after which a tts-node counts as hung


class HostState(StrEnum):
    """Whether a machine answers at all."""

    REACHABLE = "reachable"
    SUSPECT = "suspect"
    UNREACHABLE = "unreachable"


class HostSign(StrEnum):
    """What a look at a host showed."""

    ANSWERED = "answered"  # anything came back: a reply, a refusal, a reset
    SILENT = "silent"  # a dial or a health route met its deadline
    BEAT = "beat"  # the heartbeat of a node on it
    MISSED = "missed"  # that heartbeat is overdue


class ProviderState(StrEnum):
    """What a provider can do for a request that comes now."""

    UNKNOWN = "unknown"  # before the first probe only
    UP = "up"
    COLD = "cold"  # reachable, model not loaded; a request loads it
    LOADING = "loading"
    YIELDED = "yielded"  # a game has the GPU
    DRAINING = "draining"  # finishing what it has, taking nothing new
    DOWN = "down"

    @property
    def is_available(self) -> bool:
        """A request may be sent there. An unknown provider is given the benefit of the doubt."""
        return self not in _UNAVAILABLE


_UNAVAILABLE: Final = frozenset({ProviderState.YIELDED, ProviderState.DRAINING, ProviderState.DOWN})


class ProviderSign(StrEnum):
    """What a look at a provider, or an attempt to use it, showed."""

    READY = "ready"
    COLD = "cold"
    LOADING = "loading"
    YIELDED = "yielded"
    DRAINING = "draining"
    SLOW = "slow"  # connected, but no answer in time
    MUTE = "mute"  # the same of a server that always answers at once
    FAULT = "fault"  # hard: refused, reset, unreachable, not the protocol
    STOPPED = "stopped"  # its heartbeat fell silent, and so did it when it was touched


HOST_TABLE: Final[Mapping[tuple[HostState, HostSign], HostState]] = {
    (HostState.REACHABLE, HostSign.ANSWERED): HostState.REACHABLE,
    (HostState.REACHABLE, HostSign.SILENT): HostState.SUSPECT,
    (HostState.SUSPECT, HostSign.ANSWERED): HostState.REACHABLE,
    (HostState.SUSPECT, HostSign.SILENT): HostState.UNREACHABLE,
    (HostState.UNREACHABLE, HostSign.ANSWERED): HostState.SUSPECT,
    (HostState.UNREACHABLE, HostSign.SILENT): HostState.UNREACHABLE,
    (HostState.REACHABLE, HostSign.BEAT): HostState.REACHABLE,
    (HostState.SUSPECT, HostSign.BEAT): HostState.REACHABLE,
    (HostState.UNREACHABLE, HostSign.BEAT): HostState.REACHABLE,
    (HostState.REACHABLE, HostSign.MISSED): HostState.SUSPECT,
    (HostState.SUSPECT, HostSign.MISSED): HostState.SUSPECT,
    (HostState.UNREACHABLE, HostSign.MISSED): HostState.UNREACHABLE,
}

# Where a provider's own word leads. The other signs are not words of its own, see `next_provider`.
STATE_SAID: Final[Mapping[ProviderSign, ProviderState]] = {
    ProviderSign.READY: ProviderState.UP,
    ProviderSign.COLD: ProviderState.COLD,
    ProviderSign.LOADING: ProviderState.LOADING,
    ProviderSign.YIELDED: ProviderState.YIELDED,
    ProviderSign.DRAINING: ProviderState.DRAINING,
}


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """A provider's state, since when (monotonic seconds), and what was last seen."""

    state: ProviderState = ProviderState.UNKNOWN
    since: float = 0.0
    good_streak: int = 0
    mute_streak: int = 0
    detail: str = "not probed yet"


def next_host(state: HostState, sign: HostSign) -> HostState:
    """The host's next state."""
    return HOST_TABLE[state, sign]


def next_provider(
    health: ProviderHealth, sign: ProviderSign, detail: str, now: float, *, is_beat: bool = False
) -> ProviderHealth:
    """The provider's next health, told `sign` at `now`. `is_beat`: by its own heartbeat, which is no accident of
    timing: it brings the provider back at once, to the state that it tells."""
    if sign is ProviderSign.SLOW:
        return replace(health, good_streak=0, detail=detail)
    if sign is ProviderSign.MUTE and health.mute_streak + 1 < MUTE_AFTER:
        return replace(health, good_streak=0, mute_streak=health.mute_streak + 1, detail=detail)
    if sign in {ProviderSign.FAULT, ProviderSign.MUTE, ProviderSign.STOPPED}:
        return _moved(health, ProviderState.DOWN, 0, detail, now)
    streak = health.good_streak + 1
    is_returning = health.state is ProviderState.DOWN and not is_beat
    if is_returning and streak < RETURN_AFTER:
        return replace(health, good_streak=streak, mute_streak=0, detail=detail)
    return _moved(health, STATE_SAID[sign], streak, detail, now)


def _moved(health: ProviderHealth, state: ProviderState, streak: int, detail: str, now: float) -> ProviderHealth:
    since = health.since if state is health.state else now
    return ProviderHealth(state, since, min(streak, RETURN_AFTER), 0, detail)
