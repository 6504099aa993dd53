"""What the roster keeps of each host and provider: states, circuits, the gate, leases, measurements.

Plain bookkeeping. What follows from a sign is decided in `health.py` and `circuits.py`, and told by the roster.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from router import circuits
from router.circuits import CLOSED, Circuit, Verdict
from router.domain import Model, ProviderCard, Voice
from router.errors import HostLost
from router.gate import Gate
from router.health import HostState, ProviderHealth, ProviderState

_SERVICE_WEIGHT: Final = 0.2  # of the newest measurement in the moving average
MAX_CIRCUITS: Final = 256  # per provider; the oldest is forgotten
HARD: Final = "\0hard"  # stands for the provider's own circuit where a model's name stands for its
_UP: Final = ProviderState.UP
_LOADS_FIRST: Final = frozenset({ProviderState.COLD, ProviderState.LOADING})


class Losable(Protocol):
    """Somebody in flight, who wants to know when the machine or the server is lost."""

    @property
    def on_lost(self) -> Callable[[HostLost], None]: ...


class HostTally:
    """A machine: its state and how many requests are in flight there."""

    def __init__(self) -> None:
        self.state = HostState.REACHABLE
        self.is_busy = asyncio.Event()
        self._in_flight = 0

    def came(self) -> None:
        self._in_flight += 1
        self.is_busy.set()

    def went(self) -> None:
        self._in_flight -= 1
        if not self._in_flight:
            self.is_busy.clear()


class ProviderTally:
    """What the roster keeps of one provider."""

    def __init__(self, card: ProviderCard, health: ProviderHealth) -> None:
        self.card = card
        self.health = health
        self.hard = CLOSED
        self.soft: dict[str, Circuit] = {}
        self.gate = Gate(card.concurrency, queue_limit=card.queue_limit, queue_wait_s=card.queue_wait_s)
        self.leases: set[Losable] = set()
        self.models: Mapping[str, Model] = {name: Model(name) for name in card.known_models}
        self.voices: tuple[Voice, ...] = ()
        self.eta_s: float | None = None
        self.queued = 0
        self._service_s: float | None = None

    def circuit_for(self, model: str | None) -> Circuit:
        """The one that says more: while the provider is down its own, else the model's."""
        if self.hard is not CLOSED and not self.health.state.is_available:
            return self.hard
        return self.soft.get(model, CLOSED) if model is not None else CLOSED

    def is_at_ease(self, model: str) -> bool:
        """Up, no circuit remembers a failure of the model, nobody waits: what nearly every request finds."""
        return (
            self.health.state is _UP
            and self.hard is CLOSED
            and model not in self.soft
            and not self.queued
            and not self.gate.is_full
        )

    def remember(self, model: str, circuit: Circuit) -> None:
        """The model's circuit from now on. Bounded, since a client may name any model of a provider."""
        self.soft[model] = circuit
        if len(self.soft) > MAX_CIRCUITS:
            del self.soft[next(iter(self.soft))]

    def begin_trial(self, model: str, now: float) -> str | None:
        """Claim the model's trial if its circuit asks for one; the model's name if it was claimed."""
        circuit = self.circuit_for(model)
        if circuit.verdict(now) is not Verdict.TRIAL:
            return None
        if circuit is self.hard:
            self.hard = circuits.on_trial(circuit)
            return HARD
        self.remember(model, circuits.on_trial(circuit))
        return model

    def end_trial(self, model: str) -> None:
        """The trial is over; unless its outcome was told, the next request may be one."""
        if model == HARD:
            if self.hard.is_on_trial:
                self.hard = circuits.trial_abandoned(self.hard)
            return
        circuit = self.soft.get(model)
        if circuit is not None and circuit.is_on_trial:
            self.remember(model, circuits.trial_abandoned(circuit))

    def learn(self, service_s: float) -> None:
        """Remember how long a request takes here."""
        known = self._service_s
        self._service_s = service_s if known is None else known + _SERVICE_WEIGHT * (service_s - known)

    def predicted_s(self) -> float:
        """Seconds until a request that comes now would have its first output: the load, then the queue."""
        load_s = self.eta_s or 0.0 if self.health.state in _LOADS_FIRST else 0.0
        limit = self.card.concurrency
        ahead = max(0, self.gate.inside + self.gate.waiting - limit + 1) if limit is not None else 0
        ahead = max(ahead, self.queued - self.gate.inside)  # what others have queued there
        return load_s + max(0, ahead) * (self._service_s or 0.0) / (limit or 1)

    def interrupt(self, fault: HostLost) -> None:
        """Tell everybody in flight here that it is over."""
        for lease in tuple(self.leases):
            lease.on_lost(fault)
