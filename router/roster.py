"""The providers as they stand now: the one owner of health, reports and in-flight counts.

Probes and attempts tell it what they saw; it moves the states by `health.py`'s tables and tells the observer.
Reading it is always fine; only its own methods change it.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence

from router.domain import Model, ProviderCard, Route, Voice
from router.errors import ConnectionLost, DialRefused, DialTimeout, NotSent, UpstreamFault
from router.health import (
    HostSign,
    HostState,
    ProviderHealth,
    ProviderSign,
    next_host,
    next_provider,
)
from router.ports import Monotonic, Observer, Probe
from router.selection import Candidate, Standing, order


class Roster:
    """State per host and provider."""

    def __init__(self, cards: Mapping[str, ProviderCard], observer: Observer, clock: Monotonic) -> None:
        self.cards = cards
        self._observer = observer
        self._clock = clock
        self._hosts = {card.host: HostState.REACHABLE for card in cards.values()}
        now = clock()
        self._health = {name: ProviderHealth(since=now) for name in cards}
        self._models: dict[str, Mapping[str, Model]] = {name: {} for name in cards}
        self._voices: dict[str, tuple[Voice, ...]] = dict.fromkeys(cards, ())
        self._in_flight = dict.fromkeys(cards, 0)
        for name, health in self._health.items():
            observer.provider_changed(cards[name], health.state, health.detail)
        for name, state in self._hosts.items():
            observer.host_changed(name, state)

    def __repr__(self) -> str:
        return f"<Roster {', '.join(f'{name}={health.state}' for name, health in self._health.items())}>"

    # what is known

    def standing(self, provider: str) -> Standing:
        health = self._health[provider]
        host_state = self._hosts[self.cards[provider].host]
        return Standing(host_state, health.state, health.detail, self._in_flight[provider])

    def order(self, routes: Sequence[Route]) -> list[Candidate]:
        """`selection.order` on the state as it is now."""
        return order(routes, {route.provider: self.standing(route.provider) for route in routes})

    def models_of(self, provider: str) -> Mapping[str, Model]:
        """What the provider last reported, also while it is down: a model does not become unknown by that."""
        return self._models[provider]

    def voices_of(self, provider: str) -> tuple[Voice, ...]:
        return self._voices[provider]

    def host_state(self, host: str) -> HostState:
        return self._hosts[host]

    # what happens

    @contextlib.contextmanager
    def in_flight(self, provider: str) -> Iterator[None]:
        """Counts a request to `provider` for as long as it lasts."""
        self._in_flight[provider] += 1
        try:
            yield
        finally:
            self._in_flight[provider] -= 1

    def note_probe(self, provider: str, probe: Probe) -> None:
        """Take in what a probe showed."""
        if probe.models is not None:
            self._models[provider] = {model.id: model for model in probe.models}
        if probe.voices is not None:
            self._voices[provider] = probe.voices
        self._sign(provider, probe.host, probe.provider, probe.detail)

    def note_fault(self, provider: str, fault: UpstreamFault) -> None:
        """Take in what a failed attempt showed. Hard faults (dial, DNS, TLS, reset) count at once; slowness,
        rejections and bad answers do not: the probes tell whether the server is still there."""
        match fault:
            case DialTimeout():
                self._sign(provider, HostSign.SILENT, ProviderSign.FAULT, fault.message)
            case DialRefused() | ConnectionLost():
                self._sign(provider, HostSign.ANSWERED, ProviderSign.FAULT, fault.message)
            case NotSent():
                self._sign(provider, None, ProviderSign.FAULT, fault.message)

    def _sign(self, provider: str, host_sign: HostSign | None, sign: ProviderSign, detail: str) -> None:
        if host_sign is not None:
            host = self.cards[provider].host
            before, after = self._hosts[host], next_host(self._hosts[host], host_sign)
            self._hosts[host] = after
            if after is not before:
                self._observer.host_changed(host, after)
        was = self._health[provider]
        now = next_provider(was, sign, detail, self._clock())
        self._health[provider] = now
        if now.state is not was.state:
            self._observer.provider_changed(self.cards[provider], now.state, now.detail)
