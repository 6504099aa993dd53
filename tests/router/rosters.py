"""A roster of three providers on two machines, with its clock and its observer, and what is told to it."""

import contextlib
from collections.abc import Callable
from typing import Any

from fakes import ManualClock, RecordingObserver, chat_card

from router.circuits import Verdict
from router.domain import Model, ProviderCard, Route
from router.errors import HostLost, UpstreamFault
from router.health import HostSign, ProviderSign
from router.ports import Probe
from router.roster import Roster

UP = Probe(HostSign.ANSWERED, ProviderSign.READY)
GONE = Probe(HostSign.SILENT, None, "no answer to a dial")
A, B, C = Route("a", "m", 1), Route("b", "m", 1), Route("c", "m", 1)


def telling(*models: Model, sign: ProviderSign = ProviderSign.READY, **more: Any) -> Probe:
    """What a node says of itself and of each of its models."""
    return Probe(HostSign.ANSWERED, sign, models=models, tells_models=True, **more)


class RosterHouse:
    """A roster of `a` and `b` on the machine `pc` and `c` on `nas`, its clock and its observer."""

    def __init__(self, *cards: ProviderCard, drained: set[str] | None = None) -> None:
        self.clock = ManualClock()
        self.observer = RecordingObserver()
        usual = [chat_card("a", host="pc"), chat_card("b", host="pc"), chat_card("c", host="nas")]
        self.cards = {card.id: card for card in cards or usual}
        self.roster = Roster(self.cards, self.observer, self.clock, jitter=lambda: 0.0, drained=drained)

    def all_up(self) -> "RosterHouse":
        for name in self.cards:
            self.roster.note_probe(name, UP)
        return self

    def look(self, name: str, *probes: Probe) -> None:
        for probe in probes:
            self.roster.note_probe(name, probe)

    def fail(self, route: Route, fault: UpstreamFault, times: int = 1) -> None:
        for _ in range(times):
            self.roster.note_fault(route, fault)

    def verdict(self, route: Route = A) -> Verdict:
        return self.roster.standing(route.provider, route.model).verdict


def nobody(_: HostLost) -> None:
    raise AssertionError("nobody was to be told")


def lease(
    house: RosterHouse, route: Route = A, on_lost: Callable[[HostLost], None] = nobody
) -> contextlib.AbstractAsyncContextManager[None]:
    return house.roster.lease(route, on_lost)
