"""What the roster keeps of each host and provider: states, circuits, the gate, leases, measurements.

Plain bookkeeping. What follows from a sign is decided in `health.py` and `circuits.py`, and told by the roster.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from router import circuits
from router.circuits import CLOSED, Circuit, Verdict
from router.domain import Model, ProviderCard, Voice
from router.errors import HostLost, Overdue, Rejected, Silent, UpstreamFault
from router.gate import NO_HURRY, Gate
from router.health import HostState, ProviderHealth, ProviderState
from router.pace import Pace

MAX_CIRCUITS: Final = 256  # per provider; the oldest is forgotten
FLEETING_S: Final = 10.0  # whoever left less long ago may well be back soon
HARD: Final = "\0hard"  # stands for the provider's own circuit where a model's name stands for its
_UP: Final = ProviderState.UP
_LOADS_FIRST: Final = frozenset({ProviderState.COLD, ProviderState.LOADING})
_LEFT: Final = frozenset({ProviderState.DOWN, ProviderState.DRAINING})
_MODEL_STATES: Final = {str(state): state for state in (_UP, *_LOADS_FIRST)}  # the others are the whole node's


class Losable(Protocol):
    """Somebody in flight with `model`, who wants to know when the machine or the server is lost, and when that is
    to be feared."""

    @property
    def model(self) -> str: ...
    @property
    def on_lost(self) -> Callable[[HostLost], None]: ...
    def doubt(self) -> None: ...


class HostTally:
    """A machine: its state and how many requests are in flight there."""

    def __init__(self) -> None:
        self.state = HostState.REACHABLE
        self.is_busy = asyncio.Event()
        self._in_flight = 0

    def came(self) -> None:
        self._in_flight += 1
        if self._in_flight == 1:
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
        self.is_line_stale = False  # what the provider told of its line counts a request of ours that has ended
        self.pace = Pace()
        self.tells_models = False  # the states of `models` are of this moment
        self.is_beating = False
        self.seen_at = 0.0

    def circuit_for(self, model: str | None) -> Circuit:
        """The one that says more: while the provider is down its own, else the model's."""
        if self.hard is not CLOSED and not self.health.state.is_available:
            return self.hard
        return self.soft.get(model, CLOSED) if model is not None else CLOSED

    def state_for(self, model: str | None) -> ProviderState:
        """The provider's state; where it tells them apart, the model's while the provider takes requests."""
        state = self.health.state
        if not self.tells_models or model is None or not state.is_available:
            return state
        known = self.models.get(model)
        return _MODEL_STATES.get(known.state or "", state) if known is not None else state

    def is_at_ease(self, model: str) -> bool:
        """Up, no circuit remembers a failure of the model, nobody waits: what nearly every request finds."""
        return (
            self.health.state is _UP
            and self.hard is CLOSED
            and model not in self.soft
            and not self.queued
            and not self.gate.is_full
            and not (self.tells_models and self.state_for(model) is not _UP)
        )

    def remember(self, model: str, circuit: Circuit) -> None:
        """The model's circuit from now on. Bounded, since a client may name any model of a provider."""
        self.soft[model] = circuit
        if len(self.soft) > MAX_CIRCUITS:
            del self.soft[next(iter(self.soft))]

    def suffer(self, model: str, fault: UpstreamFault, now: float, jitter: float) -> None:
        """What a failure of the model, while its server is there, makes of its circuit."""
        before = self.soft.get(model, CLOSED)
        match fault:
            case Rejected() if fault.retry_after_s is not None and fault.upstream_status in {429, 503}:
                after = circuits.after_retry_after(before, now, fault.retry_after_s)
            case Overdue():
                after = circuits.after_overdue(before, now, jitter)
            case Silent() if {self.health.state, self.state_for(model)} & _LOADS_FIRST:
                return
            case _:
                after = circuits.after_failure(before, now, jitter, longest_s=self._longest_back_off_s(fault))
        self.remember(model, after)

    def _longest_back_off_s(self, fault: UpstreamFault) -> float:
        if self.is_beating:
            return circuits.BEATING_BACK_OFF_S
        is_quick = isinstance(fault, Rejected) and fault.upstream_status >= 500 and not self.card.is_billed
        return circuits.QUICK_BACK_OFF_S if is_quick else circuits.LONGEST_BACK_OFF_S

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

    def take_models(self, models: Sequence[Model], *, tells_states: bool) -> tuple[bool, frozenset[str]]:
        """What it reports now. Whether that is another list than before, which it is not for every second of a
        load, and whose state has changed."""
        before, self.models = self.models, {model.id: model for model in models}
        is_new = [*before] != [*self.models] or any(before[each.id].clones is not each.clones for each in models)
        self.tells_models = tells_states
        if not tells_states:
            return is_new, frozenset()
        self.pace.hear(self.models)
        known = [each for each in models if each.id in before]
        return is_new, frozenset(each.id for each in known if before[each.id].state != each.state)

    def begin_anew(self, now: float, models: frozenset[str] | None = None) -> None:
        """Another process answers, or the states of `models` changed: what had failed and is up may be tried at
        once."""
        for model, circuit in self.soft.items():
            if models is None or (model in models and self.models[model].state == _UP):
                self.soft[model] = circuits.due(circuit, now)

    def is_fleeting(self, model: str, now: float) -> bool:
        """Whether waiting may help: it has just left, loads, or is due for a trial soon."""
        if self.health.state in _LEFT:
            return now - self.health.since < FLEETING_S
        if self.state_for(model) is ProviderState.LOADING:
            return True
        return self.health.state.is_available and 0 < self.circuit_for(model).opens_in_s(now) < FLEETING_S

    def left(self) -> None:
        """A request of ours has ended: the provider's line is no longer what it told last."""
        self.queued, self.is_line_stale = 0, True

    def load_s(self, model: str | None) -> float | None:
        """Seconds until the model is loaded; 0 when it is, None when nobody knows."""
        if self.state_for(model) not in _LOADS_FIRST:
            return 0.0
        known = self.models.get(model) if self.tells_models and model is not None else None
        return known.eta_s if known is not None else self.eta_s

    def wait_s(self, model: str | None, urgency: float = NO_HURRY) -> float:
        """Seconds until a request that comes now would have its turn: what waits at our gate and goes first, at
        the pace that was measured; and what the node says of its own line, where others wait too."""
        limit, inside = self.card.concurrency, self.gate.inside
        ahead = max(0, inside + self.gate.waiting_before(urgency) - limit + 1) if limit is not None else 0
        known = self.models.get(model) if self.tells_models and model is not None else None
        if known is None or known.wait_s is None or self.is_line_stale:
            ahead = max(ahead, self.queued - inside)  # what others have queued there
            return ahead * (self.pace.service_s or 0.0) / (limit or 1)
        return max(known.wait_s, ahead * (self.pace.service_s or 0.0) / (limit or 1))

    def predicted_s(self, model: str | None = None, audio_s: float = 0.0, urgency: float = 0.0) -> float:
        """Seconds until a request that comes now would have its first output: the load, the queue, and of speech
        the time to speak `audio_s`, because a segment is whole or nothing. What is unknown counts as 0."""
        speaking_s = audio_s * (self.pace.rtf(model) or 0.0) if audio_s else 0.0
        return (self.load_s(model) or 0.0) + self.wait_s(model, urgency) + speaking_s

    def expected_s(self, model: str, audio_s: float) -> float | None:
        """The same, but None while anything of it is unknown, and behind all who wait: it may be overtaken."""
        load_s, rtf, service_s = self.load_s(model), self.pace.rtf(model), self.pace.service_s
        speaking_s = audio_s * rtf if rtf is not None else service_s
        if load_s is None or speaking_s is None:
            return None
        return load_s + self.wait_s(model) + speaking_s

    def up_leases(self) -> list[Losable]:
        """Those whose model is up as far as is known."""
        return [lease for lease in self.leases if self.state_for(lease.model) is _UP]

    def doubt(self, leases: list[Losable] | None = None) -> None:
        """Tell `leases`, or everybody in flight here, that it may be over soon."""
        for lease in tuple(self.leases) if leases is None else leases:
            lease.doubt()

    def interrupt(self, fault: HostLost) -> None:
        """Tell everybody in flight here that it is over."""
        for lease in tuple(self.leases):
            lease.on_lost(fault)
