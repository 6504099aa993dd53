"""The providers as they stand now: the one owner of health, circuits, gates, reports and what is in flight.

Probes and attempts tell it what they saw; it moves the states by the tables of `health.py` and `circuits.py` and
tells the observer. Reading it is always fine; only its own methods change it. Whoever sends a request holds a
*lease*; when the machine or the server behind it is lost, its leases are interrupted at once, and told of a doubt
before that.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from router import circuits
from router.circuits import CLOSED
from router.domain import Modality, Model, ProviderCard, Route, Voice
from router.errors import (
    ConnectionLost,
    DialRefused,
    DialTimeout,
    HostLost,
    Implausible,
    Malformed,
    NotSent,
    Overloaded,
    Rejected,
    Silent,
    TlsRefused,
    Untranslated,
    UpstreamFault,
)
from router.health import (
    HostSign,
    HostState,
    ProviderHealth,
    ProviderSign,
    ProviderState,
    next_host,
    next_provider,
)
from router.lease import Lease
from router.ports import Monotonic, Observer, Probe
from router.selection import ANYTHING, DEFAULT_MAX_WAIT_S, Candidate, Need, Standing, order
from router.tally import HostTally, ProviderTally

_REACHABLE: Final = HostState.REACHABLE
_AT_EASE: Final = Standing(_REACHABLE, ProviderState.UP)
_BEATS_REPORTED_S: Final = 1.0  # `on_probe` hears of beats no more often than of probes


class Roster:
    """State per host, per provider and per model of a provider."""

    def __init__(
        self,
        cards: Mapping[str, ProviderCard],
        observer: Observer,
        clock: Monotonic,
        *,
        jitter: Callable[[], float] = random.random,
        drained: set[str] | None = None,
        on_probe: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`on_probe` is told the provider after every probe that has been taken in."""
        self.cards = cards
        self._observer = observer
        self._on_probe = on_probe
        self._clock = clock
        self._jitter = jitter
        self._drained = drained if drained is not None else set()
        self._hosts = {card.host: HostTally() for card in cards.values()}
        self.revision = 0  # of what providers report of their models
        self._changed = asyncio.Event()
        now = clock()
        self._tallies = {name: ProviderTally(card, ProviderHealth(since=now)) for name, card in cards.items()}
        self.announce()

    def __repr__(self) -> str:
        return f"<Roster {', '.join(f'{name}={tally.health.state}' for name, tally in self._tallies.items())}>"

    def announce(self) -> None:
        """Tell the observer every state, as at the beginning."""
        for tally in self._tallies.values():
            self._observer.provider_changed(tally.card, tally.health.state, tally.health.detail)
        for name, host in self._hosts.items():
            self._observer.host_changed(name, host.state)
        self._tell_modalities()

    # what is known

    def standing(
        self, provider: str, model: str | None = None, audio_s: float = 0.0, urgency: float = 0.0
    ) -> Standing:
        """How `provider` stands, for `model` when one is meant, to speak for `audio_s` seconds, so urgently."""
        tally, now = self._tallies[provider], self._clock()
        circuit = tally.circuit_for(model)
        is_drained = provider in self._drained
        return Standing(
            self._hosts[tally.card.host].state,
            ProviderState.DRAINING if is_drained else tally.state_for(model),
            "drained by an administrator" if is_drained else tally.health.detail,
            tally.gate.inside + tally.gate.waiting,
            tally.gate.is_closed_to(urgency),
            tally.predicted_s(model, audio_s, urgency),
            circuit.verdict(now),
            circuit.opens_in_s(now),
            tally.queued,
            tally.pace.rtf(model),
        )

    def order(self, routes: Sequence[Route], need: Need = ANYTHING) -> list[Candidate]:
        """`selection.order` on the state as it is now."""
        standings = {r: self.standing(r.provider, r.model, need.audio_s, need.urgency) for r in routes}
        return order(routes, standings, need)

    def is_idle_now(self, route: Route) -> bool:
        """Whether its provider could begin at once. What an order said a while ago may be over: others have seen
        it too. Whoever enters its lease without waiting in between is the only one."""
        return self.standing(route.provider, route.model).is_idle

    def expected_s(self, route: Route, audio_s: float) -> float | None:
        """How long an attempt to speak `audio_s` seconds that begins now should take: the load, the queue, the
        speaking; None while not all of it is known."""
        return self._tallies[route.provider].expected_s(route.model, audio_s)

    def is_fleeting(self, routes: Sequence[Route]) -> bool:
        """Whether waiting for one of `routes` may help: it has just left, loads, or is due for a trial soon."""
        now = self._clock()
        willing = [route for route in routes if route.provider not in self._drained]
        return any(self._tallies[route.provider].is_fleeting(route.model, now) for route in willing)

    def until_changed(self) -> Coroutine[object, object, object]:
        """Until the state of a provider, of one of its models or of a host is another than at this call, also when
        it is awaited later. A circuit that becomes due is no change: only time is."""
        return self._changed.wait()

    def candidates(self, routes: Sequence[Route], max_wait_s: float = DEFAULT_MAX_WAIT_S) -> Iterator[Candidate]:
        """The same order, one by one. Mostly it is plain who comes first, and mostly the first answers: the others
        are looked at when it has failed, as they stand by then."""
        favourite = self._plain_favourite(routes)
        if favourite is None:
            yield from self.order(routes, Need(max_wait_s))
            return
        yield Candidate(favourite, _AT_EASE, True)
        others = [route for route in routes if route is not favourite]
        for candidate in self.order(others, Need(max_wait_s)):
            # Somebody was available: a last resort is for when nobody is.
            yield (
                replace(candidate, is_eligible=False, is_last_resort=False)
                if candidate.is_last_resort
                else candidate
            )

    def _plain_favourite(self, routes: Sequence[Route]) -> Route | None:
        """The only route of the best tier, if nothing whatsoever speaks against it."""
        best = None
        for route in routes:
            if best is None or route.tier < best.tier:
                best, is_only = route, True
            elif route.tier == best.tier:
                is_only = False
        if best is None or not is_only or best.provider in self._drained:
            return None
        tally = self._tallies[best.provider]
        return best if tally.is_at_ease(best.model) and self._hosts[tally.card.host].state is _REACHABLE else None

    def is_beating(self, provider: str) -> bool:
        """Whether its heartbeat is held, so that nobody needs to ask how it is."""
        return self._tallies[provider].is_beating

    def down_for_s(self, provider: str) -> float | None:
        """Seconds since the provider went down; None when it is not."""
        health = self._tallies[provider].health
        return self._clock() - health.since if health.state is ProviderState.DOWN else None

    def models_of(self, provider: str) -> Mapping[str, Model]:
        """What the provider last reported, also while it is down: a model does not become unknown by that."""
        return self._tallies[provider].models

    def voices_of(self, provider: str) -> tuple[Voice, ...]:
        return self._tallies[provider].voices

    def can_serve(self, modality: Modality) -> bool:
        """Whether a provider other than the demo is available for `modality`."""
        return any(
            modality in card.modalities and not card.is_demo and self.standing(name).is_available
            for name, card in self.cards.items()
        )

    def hosts(self) -> list[str]:
        return list(self._hosts)

    async def until_busy(self, host: str) -> list[str]:
        """The providers on `host` with requests in flight, as soon as there are any."""
        await self._hosts[host].is_busy.wait()
        return [name for name, tally in self._tallies.items() if tally.card.host == host and tally.leases]

    # what happens

    def lease(
        self,
        route: Route,
        on_lost: Callable[[HostLost], None],
        on_doubt: Callable[[], None] | None = None,
        urgency: float = 0.0,
    ) -> Lease:
        """Be in flight at the route's provider: see `Lease`. `urgency`: how many seconds the listener still has to
        hear; the fewest go first where requests wait."""
        tally = self._tallies[route.provider]
        host = self._hosts[tally.card.host]
        return Lease(tally, host, route.model, on_lost, self._clock, self._is_healthy, on_doubt, urgency)

    def note_spoken(self, route: Route, audio_s: float, generation_s: float) -> None:
        """So much speech took so long: its real-time factor is learnt."""
        self._tallies[route.provider].pace.learn_rate(route.model, audio_s, generation_s)

    def note_success(self, route: Route) -> None:
        """A good answer: the circuits it passed are closed."""
        tally = self._tallies[route.provider]
        tally.soft.pop(route.model, None)
        tally.hard = CLOSED

    def note_probe(self, provider: str, probe: Probe) -> None:
        """Take in what a probe showed."""
        self._sign_host(self._tallies[provider].card.host, probe.host, probe.detail)
        self._note_provider(provider, probe)
        self._on_probe(provider)

    def note_touches(self, host: str, touches: Mapping[str, Probe]) -> None:
        """Take in one round of touches on `host`, by provider: one sign of the machine, however many it has."""
        answered = [probe for probe in touches.values() if probe.host is HostSign.ANSWERED]
        sign = HostSign.ANSWERED if answered else HostSign.SILENT
        self._sign_host(host, sign, next(iter(touches.values())).detail)
        for provider, probe in touches.items():
            self._note_provider(provider, probe)

    # what a heartbeat tells

    def note_beat(self, provider: str, probe: Probe, *, is_first: bool = False) -> None:
        """The node says how it is: it and its machine are back at once. `is_first`: after a silence, so it may be
        another process, and what had failed may be tried again."""
        tally, now = self._tallies[provider], self._clock()
        tally.is_beating = True
        self._sign_host(tally.card.host, HostSign.BEAT, probe.detail)
        if is_first:
            tally.begin_anew(now)
        self._note_provider(provider, probe, is_beat=True)
        tally.hard = CLOSED
        if is_first or now - tally.seen_at >= _BEATS_REPORTED_S:
            tally.seen_at = now
            self._on_probe(provider)

    def note_missed(self, provider: str, detail: str) -> None:
        """A beat is overdue: everybody in flight there is told of the doubt. What a touch shows decides."""
        tally = self._tallies[provider]
        self._sign_host(tally.card.host, HostSign.MISSED, detail)
        tally.doubt()

    def note_stopped(self, provider: str, probe: Probe) -> None:
        """The heartbeat has stopped, and upon it a touch met silence: of the machine, or of the server alone."""
        tally = self._tallies[provider]
        tally.is_beating = False
        self._sign_host(tally.card.host, probe.host, probe.detail)
        self._sign(provider, None, ProviderSign.STOPPED, probe.detail)
        if self._hosts[tally.card.host].state is not HostState.UNREACHABLE:  # else everybody there has been told
            tally.interrupt(HostLost(f"its heartbeat stopped: {probe.detail}"))

    def note_hung_up(self, provider: str, fault: str | None) -> None:
        """The heartbeat is held no more; `fault`: why, where that speaks against the provider."""
        self._tallies[provider].is_beating = False
        if fault is not None:
            self._sign(provider, HostSign.ANSWERED, ProviderSign.FAULT, fault)

    # what follows

    def _note_provider(self, provider: str, probe: Probe, *, is_beat: bool = False) -> None:
        if probe.provider is None:
            return
        tally = self._tallies[provider]
        were_up = tally.up_leases()
        if probe.models is not None:
            self._note_models(tally, probe)
        if probe.voices is not None:
            tally.voices = probe.voices
        if probe.provider in {ProviderSign.COLD, ProviderSign.LOADING}:
            tally.eta_s = probe.eta_s
        elif probe.provider is ProviderSign.READY:
            tally.eta_s = None
        tally.queued, tally.is_line_stale = probe.queued, False
        self._sign(provider, None, probe.provider, probe.detail, is_beat=is_beat)
        tally.doubt([lease for lease in were_up if tally.state_for(lease.model) is not ProviderState.UP])

    def _note_models(self, tally: ProviderTally, probe: Probe) -> None:
        is_new, changed = tally.take_models(probe.models or (), tells_states=probe.tells_models)
        self.revision += is_new
        if changed:
            tally.begin_anew(self._clock(), changed)
            self._tell_change()

    def note_fault(self, route: Route, fault: UpstreamFault, *, is_rival: bool = False) -> None:
        """Take in what a failed attempt showed. Hard faults (dial, DNS, TLS, reset) count at once, soft ones in
        rows of three; a provider that is loading, a full gate and a lost machine are nobody's soft failure, nor is
        audio that another text may explain. While its heart beats, a provider is not down because a connection
        broke; who else is in flight there is told of the doubt. `is_rival`: it was asked beside another, so its
        having no time is no reason to leave it alone."""
        provider = route.provider
        match fault:
            case Overloaded() | HostLost() | Implausible() | Untranslated():
                return
            case Rejected() if is_rival and fault.upstream_status in {429, 503}:
                return
            case ConnectionLost() if self.is_beating(provider):  # its heart knows better than one exchange
                self._soft(route, fault)
                self._tallies[provider].doubt()  # but what broke one may break the others, one by one
            case DialTimeout():
                self._hard(provider, HostSign.SILENT, fault)
            case DialRefused() | TlsRefused() | ConnectionLost():
                self._hard(provider, HostSign.ANSWERED, fault)
            case NotSent():
                self._hard(provider, None, fault)
            case Rejected() | Silent() | Malformed():
                self._soft(route, fault)

    def drain(self, provider: str) -> None:
        """Send nothing new to `provider`; what is in flight finishes."""
        self._drained.add(provider)
        self._tell_change()

    def resume(self, provider: str) -> None:
        """Undo `drain`."""
        self._drained.discard(provider)
        self._tell_change()

    def _is_healthy(self, provider: str) -> bool:
        return self.standing(provider).is_healthy

    def _hard(self, provider: str, host_sign: HostSign | None, fault: UpstreamFault) -> None:
        tally = self._tallies[provider]
        tally.hard = circuits.after_hard_fault(tally.hard, self._clock(), self._jitter())
        self._sign(provider, host_sign, ProviderSign.FAULT, fault.message)

    def _soft(self, route: Route, fault: UpstreamFault) -> None:
        self._tallies[route.provider].suffer(route.model, fault, self._clock(), self._jitter())

    def _sign(
        self,
        provider: str,
        host_sign: HostSign | None,
        sign: ProviderSign,
        detail: str,
        *,
        is_beat: bool = False,
    ) -> None:
        tally = self._tallies[provider]
        if host_sign is not None:
            self._sign_host(tally.card.host, host_sign, detail)
        was, were_up = tally.health, tally.up_leases()
        tally.health = next_provider(was, sign, detail, self._clock(), is_beat=is_beat)
        if tally.health.state is was.state:
            return
        if tally.health.state.is_available:
            tally.hard = CLOSED
        self._observer.provider_changed(tally.card, tally.health.state, detail)
        self._tell_change()
        tally.doubt([lease for lease in were_up if tally.state_for(lease.model) is not ProviderState.UP])
        if sign is ProviderSign.MUTE:
            tally.interrupt(HostLost(f"hung: {detail}"))

    def _sign_host(self, name: str, sign: HostSign, detail: str) -> None:
        host = self._hosts[name]
        before, host.state = host.state, next_host(host.state, sign)
        if host.state is before:
            return
        self._observer.host_changed(name, host.state)
        self._tell_change()
        there = {provider: tally for provider, tally in self._tallies.items() if tally.card.host == name}
        if host.state is HostState.SUSPECT and before is HostState.REACHABLE:
            for tally in there.values():
                tally.doubt()
        if host.state is HostState.UNREACHABLE:
            for provider, tally in there.items():
                tally.interrupt(HostLost(f"its machine fell silent: {detail}"))
                self._sign(provider, None, ProviderSign.FAULT, detail)

    def _tell_change(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
        self._tell_modalities()

    def _tell_modalities(self) -> None:
        for modality in {m for card in self.cards.values() if not card.is_demo for m in card.modalities}:
            self._observer.modality_changed(modality, is_available=self.can_serve(modality))
