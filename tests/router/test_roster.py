"""The roster: what signs and faults do to providers and hosts, and who is told."""

import pytest
from fakes import ManualClock, RecordingObserver, chat_card

from router.domain import Model, Route, Voice
from router.errors import (
    ConnectionLost,
    DialRefused,
    DialTimeout,
    Malformed,
    NotSent,
    Rejected,
    Silent,
    UpstreamFault,
)
from router.health import HostSign, HostState, ProviderSign, ProviderState
from router.ports import Probe
from router.roster import Roster

UP = Probe(HostSign.ANSWERED, ProviderSign.READY)


def _roster() -> tuple[Roster, RecordingObserver]:
    observer = RecordingObserver()
    cards = {"a": chat_card("a", host="pc"), "b": chat_card("b", host="pc"), "c": chat_card("c", host="nas")}
    roster = Roster(cards, observer, ManualClock())
    return roster, observer


def test_everybody_begins_unknown_on_a_reachable_host() -> None:
    """And the observer is told, so that the metrics have a line from the start."""
    roster, observer = _roster()
    assert [(name, ProviderState.UNKNOWN, "not probed yet") for name in "abc"] == observer.providers
    assert {("pc", HostState.REACHABLE), ("nas", HostState.REACHABLE)} == set(observer.hosts)
    assert "<Roster a=unknown, b=unknown, c=unknown>" == repr(roster)


@pytest.mark.parametrize(
    ("fault", "state", "host"),
    [
        (DialTimeout("silent"), ProviderState.DOWN, HostState.SUSPECT),
        (DialRefused("refused"), ProviderState.DOWN, HostState.REACHABLE),
        (ConnectionLost("reset"), ProviderState.DOWN, HostState.REACHABLE),
        (NotSent("no name"), ProviderState.DOWN, HostState.REACHABLE),
        (Silent("slow"), ProviderState.UP, HostState.REACHABLE),
        (Malformed("noise"), ProviderState.UP, HostState.REACHABLE),
        (Rejected("busy", upstream_status=429), ProviderState.UP, HostState.REACHABLE),
        (UpstreamFault("late"), ProviderState.UP, HostState.REACHABLE),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_what_a_failed_attempt_shows(fault: UpstreamFault, state: ProviderState, host: HostState) -> None:
    """Hard faults count at once, soft ones do not; only silence at the dial speaks against the machine."""
    roster, _ = _roster()
    roster.note_probe("a", UP)
    roster.note_fault("a", fault)
    assert (state, host) == (roster.standing("a").state, roster.host_state("pc"))


def test_a_silent_dial_counts_against_everybody_on_the_machine() -> None:
    """Two misses, whoever made them; what is on other machines is untouched."""
    roster, observer = _roster()
    for name in "abc":
        roster.note_probe(name, UP)
    roster.note_fault("a", DialTimeout("silent"))
    before = [roster.standing(name).is_available for name in "abc"]
    roster.note_fault("b", DialTimeout("silent"))
    assert ([False, True, True], HostState.UNREACHABLE, True) == (
        before,
        roster.host_state("pc"),
        roster.standing("c").is_available,
    )
    assert [("pc", HostState.SUSPECT), ("pc", HostState.UNREACHABLE)] == observer.hosts[2:]


def test_two_answers_bring_a_machine_and_its_provider_back() -> None:
    """No trial inference is needed."""
    roster, _ = _roster()
    for _ in range(2):
        roster.note_fault("a", DialTimeout("silent"))
    available = []
    for _ in range(2):
        roster.note_probe("a", UP)
        available.append(roster.standing("a").is_available)
    assert ([False, True], HostState.REACHABLE) == (available, roster.host_state("pc"))


def test_the_observer_is_told_of_changes_only() -> None:
    """A probe a second must not be a line a second."""
    roster, observer = _roster()
    for _ in range(3):
        roster.note_probe("a", UP)
    assert [("a", ProviderState.UP, "")] == observer.providers[3:]


def test_reports_outlive_a_fault_and_are_replaced_by_newer_ones() -> None:
    """A model does not become unknown because its server is down; None says nothing new."""
    roster, _ = _roster()
    one, two, voice = Model("one"), Model("two"), Voice("v", "V")
    roster.note_probe("a", Probe(HostSign.ANSWERED, ProviderSign.READY, "", (one, two), (voice,)))
    roster.note_probe("a", Probe(HostSign.SILENT, ProviderSign.FAULT, "gone"))
    assert ({"one": one, "two": two}, (voice,)) == (roster.models_of("a"), roster.voices_of("a"))
    roster.note_probe("a", Probe(HostSign.ANSWERED, ProviderSign.READY, "", (two,), ()))
    assert ({"two": two}, ()) == (roster.models_of("a"), roster.voices_of("a"))


def test_in_flight_is_counted_also_when_it_fails() -> None:
    """Whatever ends a request."""
    roster, _ = _roster()
    during = []

    def fail() -> None:
        with roster.in_flight("a"), roster.in_flight("a"):
            during.append(roster.standing("a").in_flight)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert ([2], 0) == (during, roster.standing("a").in_flight)


def test_order_is_the_selections_on_the_state_as_it_is() -> None:
    """The busier comes later."""
    roster, _ = _roster()
    routes = [Route("a", "m", 1), Route("c", "m", 1)]
    with roster.in_flight("a"):
        assert ["c", "a"] == [candidate.route.provider for candidate in roster.order(routes)]
    assert ["a", "c"] == [candidate.route.provider for candidate in roster.order(routes)]
