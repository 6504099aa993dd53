"""The roster: what signs and faults do to providers and hosts, and who may serve."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from fakes import chat_card, speech_card
from rosters import GONE, UP, A, B, RosterHouse, lease
from running import run

from router.domain import Modality, Model, ProviderCard, Voice
from router.errors import (
    ConnectionLost,
    DialRefused,
    DialTimeout,
    HostLost,
    Malformed,
    NotSent,
    Overloaded,
    Rejected,
    Silent,
    UpstreamFault,
)
from router.health import HostSign, HostState, ProviderSign, ProviderState
from router.ports import Probe


def test_everybody_begins_unknown_on_a_reachable_host() -> None:
    """And the observer is told, so that the metrics have a line from the start."""
    house = RosterHouse()
    roster, observer = house.roster, house.observer
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
        (HostLost("gone"), ProviderState.UP, HostState.REACHABLE),
        (Overloaded("full"), ProviderState.UP, HostState.REACHABLE),
        (UpstreamFault("late"), ProviderState.UP, HostState.REACHABLE),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_what_a_failed_attempt_shows(fault: UpstreamFault, state: ProviderState, host: HostState) -> None:
    """Hard faults count at once, soft ones do not; only silence at the dial speaks against the machine."""
    roster = RosterHouse().roster
    roster.note_probe("a", UP)
    roster.note_fault(A, fault)
    standing = roster.standing("a")
    assert (state, host) == (standing.state, standing.host_state)


def test_a_silent_dial_counts_against_everybody_on_the_machine() -> None:
    """Two misses, whoever made them; what is on other machines is untouched."""
    house = RosterHouse()
    roster, observer = house.roster, house.observer
    for name in "abc":
        roster.note_probe(name, UP)
    roster.note_fault(A, DialTimeout("silent"))
    before = [roster.standing(name).is_available for name in "abc"]
    roster.note_fault(B, DialTimeout("silent"))
    assert ([False, True, True], HostState.UNREACHABLE, True) == (
        before,
        roster.standing("a").host_state,
        roster.standing("c").is_available,
    )
    assert [("pc", HostState.SUSPECT), ("pc", HostState.UNREACHABLE)] == observer.hosts[2:]


def test_two_answers_bring_a_machine_and_its_provider_back() -> None:
    """No trial inference is needed."""
    roster = RosterHouse().roster
    for _ in range(2):
        roster.note_fault(A, DialTimeout("silent"))
    available = []
    for _ in range(2):
        roster.note_probe("a", UP)
        available.append(roster.standing("a").is_available)
    assert ([False, True], HostState.REACHABLE) == (available, roster.standing("a").host_state)


def test_the_observer_is_told_of_changes_only() -> None:
    """A probe a second must not be a line a second."""
    house = RosterHouse()
    roster, observer = house.roster, house.observer
    for _ in range(3):
        roster.note_probe("a", UP)
    assert [("a", ProviderState.UP, "")] == observer.providers[3:]


def test_reports_outlive_a_fault_and_are_replaced_by_newer_ones() -> None:
    """A model does not become unknown because its server is down; None says nothing new."""
    roster = RosterHouse().roster
    one, two, voice = Model("one"), Model("two"), Voice("v", "V")
    roster.note_probe("a", Probe(HostSign.ANSWERED, ProviderSign.READY, "", (one, two), (voice,)))
    roster.note_probe("a", Probe(HostSign.SILENT, ProviderSign.FAULT, "gone"))
    assert ({"one": one, "two": two}, (voice,)) == (roster.models_of("a"), roster.voices_of("a"))
    roster.note_probe("a", Probe(HostSign.ANSWERED, ProviderSign.READY, "", (two,), ()))
    assert ({"two": two}, ()) == (roster.models_of("a"), roster.voices_of("a"))


def test_a_drained_provider_gets_nothing_new_until_it_is_resumed() -> None:
    """Whatever it says of itself; what is in flight finishes."""

    async def main() -> list[tuple[ProviderState, str, bool]]:
        house = RosterHouse().all_up()
        seen = []
        async with lease(house):
            for step in (house.roster.drain, lambda _: house.all_up(), house.roster.resume):
                step("a")
                standing = house.roster.standing("a")
                seen.append((standing.state, standing.detail, house.roster.order([A])[0].is_eligible))
        return seen

    drained = (ProviderState.DRAINING, "drained by an administrator", False)
    assert [drained, drained, (ProviderState.UP, "", True)] == run(main())


def test_who_is_drained_is_kept_where_a_reload_finds_it() -> None:
    """The set belongs to the house, not to one configuration."""
    kept: set[str] = set()
    RosterHouse(drained=kept).roster.drain("a")
    again = RosterHouse(drained=kept).all_up()
    assert ({"a"}, ProviderState.DRAINING) == (kept, again.roster.standing("a").state)


def test_observers_are_told_whether_chat_and_speech_can_be_served() -> None:
    """From the start, and at every change; the demo does not count."""
    demo = ProviderCard("demo", "demo", "demo", frozenset({Modality.CHAT}), is_demo=True)
    house = RosterHouse(chat_card("a"), speech_card("s"), demo)
    told = house.observer.modalities
    chat, speech = Modality.CHAT, Modality.SPEECH
    assert {(chat, True), (speech, True)} == set(told)
    steps: list[Callable[[], object]] = [
        lambda: house.roster.note_probe("a", replace(UP, provider=ProviderSign.FAULT)),
        lambda: house.roster.drain("s"),
        lambda: house.look("a", UP, UP),
        lambda: house.roster.resume("s"),
        lambda: house.look("s", GONE, GONE),
    ]
    seen = []
    for step in steps:
        told.clear()
        step()
        seen.append(dict(told))
    assert [
        {chat: False, speech: True},
        {chat: False, speech: False},
        {chat: True, speech: False},
        {chat: True, speech: True},
        {chat: True, speech: False},
    ] == seen
    assert [True, False] == [house.roster.can_serve(modality) for modality in (chat, speech)]


def test_when_a_machine_is_lost_its_providers_are_down() -> None:
    """Each comes back by two good probes of its own, like after any fault."""
    house = RosterHouse().all_up()
    house.look("a", GONE, GONE)
    before = [house.roster.standing(name).state for name in "abc"]
    house.look("a", UP, UP)
    assert [ProviderState.DOWN, ProviderState.DOWN, ProviderState.UP] == before
    assert [ProviderState.UP, ProviderState.DOWN] == [house.roster.standing(name).state for name in "ab"]
