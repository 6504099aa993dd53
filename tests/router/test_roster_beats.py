"""The roster: what heartbeats change, who is told of a doubt, and what each model's own state means."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from fakes import chat_card
from rosters import GONE, UP, A, B, C, RosterHouse, telling
from running import run

from router.circuits import Verdict
from router.domain import Model, Route
from router.errors import ConnectionLost, DialRefused, DialTimeout, HostLost, Rejected, Silent
from router.health import HostSign, HostState, ProviderSign, ProviderState
from router.ports import Probe

P = ProviderState
DOWN = replace(UP, provider=ProviderSign.FAULT)


@pytest.mark.parametrize("sign", [ProviderSign.READY, ProviderSign.COLD, ProviderSign.YIELDED])
def test_the_first_beat_brings_machine_and_provider_back(sign: ProviderSign) -> None:
    """At once, to the state that it tells; its neighbour on the machine comes back by its own probes."""
    house = RosterHouse().all_up()
    house.look("a", GONE, GONE)
    house.roster.note_beat("a", replace(UP, provider=sign), is_first=True)
    standing = house.roster.standing("a")
    assert (HostState.REACHABLE, sign.value.replace("ready", "up")) == (standing.host_state, standing.state)
    assert P.DOWN is house.roster.standing("b").state


def test_a_beat_closes_the_hard_circuit() -> None:
    """No trial inference is needed."""
    house = RosterHouse(chat_card("a")).all_up()
    house.fail(A, DialRefused("refused"))
    assert Verdict.OPEN is house.verdict()
    house.roster.note_beat("a", UP)
    assert (Verdict.CLOSED, P.UP) == (house.verdict(), house.roster.standing("a").state)


def test_a_first_beat_makes_failed_models_due_for_a_trial() -> None:
    """It may be another process; one trial at a time all the same. Later beats do not."""
    house = RosterHouse(chat_card("a")).all_up()
    house.fail(A, Silent("x"), 3)
    house.roster.note_beat("a", UP)
    later = house.verdict()
    house.roster.note_beat("a", UP, is_first=True)
    assert (Verdict.OPEN, Verdict.TRIAL) == (later, house.verdict())


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [("loading", "up", Verdict.TRIAL), ("cold", "up", Verdict.TRIAL), ("up", "up", Verdict.OPEN)],
)
def test_a_model_that_was_loaded_anew_is_due_for_a_trial(before: str, after: str, expected: Verdict) -> None:
    """What had failed was the model that is gone."""
    house = RosterHouse(chat_card("a"))
    house.roster.note_beat("a", telling(Model("m", before)))
    house.fail(A, Rejected("500", upstream_status=500), 3)
    house.roster.note_beat("a", telling(Model("m", after)))
    assert expected is house.verdict()


def test_while_the_heart_beats_a_connection_that_broke_is_the_models_failure_only() -> None:
    """Three in a row open its circuit; a dial that is refused is a hard fault all the same."""
    house = RosterHouse(chat_card("a"))
    house.roster.note_beat("a", UP)
    house.fail(A, ConnectionLost("reset"), 3)
    soft = (house.roster.standing("a").state, house.verdict())
    house.fail(A, DialRefused("refused"))
    assert ((P.UP, Verdict.OPEN), P.DOWN) == (soft, house.roster.standing("a").state)


def test_whoever_listens_is_told_of_beats_as_often_as_of_probes() -> None:
    """Once a second."""
    heard: list[str] = []
    house = RosterHouse(chat_card("a"))
    house.roster._on_probe = heard.append
    for _ in range(40):
        house.roster.note_beat("a", UP)
        house.clock.advance(0.25)
    assert 10 == len(heard)


def test_a_heart_that_stopped_interrupts_also_who_is_down_by_a_fault() -> None:
    """Somebody's dial may have met the fault first."""

    async def main() -> list[str]:
        house, lost = RosterHouse().all_up(), list[str]()
        house.roster.note_beat("a", UP)
        async with house.roster.lease(A, lambda fault: lost.append(fault.message)):
            house.fail(A, DialTimeout("silent"))
            house.roster.note_stopped("a", Probe(HostSign.ANSWERED, ProviderSign.MUTE, "mute"))
        return lost

    assert ["its heartbeat stopped: mute"] == run(main())


COLD = replace(UP, provider=ProviderSign.COLD)


def _breaks_while_it_beats(house: RosterHouse) -> None:
    house.roster.note_beat("a", UP)
    house.fail(A, ConnectionLost("reset", had_bytes=True))


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (lambda house: house.look("a", GONE), ["a", "b"]),
        (lambda house: house.roster.note_missed("a", "late"), ["a", "b"]),
        (lambda house: house.look("a", replace(UP, provider=ProviderSign.YIELDED)), ["a"]),
        (lambda house: house.look("a", replace(UP, provider=ProviderSign.DRAINING)), ["a"]),
        (lambda house: house.look("a", replace(UP, provider=ProviderSign.LOADING)), ["a"]),
        (lambda house: house.look("a", replace(UP, provider=ProviderSign.FAULT)), ["a"]),
        (lambda house: house.look("a", COLD, UP, COLD, GONE, GONE), ["a", "b"]),
        (lambda house: house.look("a", replace(UP, provider=ProviderSign.SLOW)), []),
        (lambda house: house.look("a", UP), []),
        (lambda house: house.roster.drain("a"), []),
        (lambda house: house.look("c", GONE), ["c"]),
        (lambda house: _breaks_while_it_beats(house), ["a"]),
    ],
    ids=[
        "suspect machine",
        "missed beat",
        "yielded",
        "draining",
        "loading anew",
        "fault",
        "at most once",
        "slow",
        "up",
        "drained by an administrator",
        "another machine",
        "another's connection broke",
    ],
)
def test_who_is_in_flight_is_told_of_a_doubt(step: Callable[[RosterHouse], object], told: list[str]) -> None:
    """At most once, and before it is lost."""

    async def main() -> list[str]:
        house, doubts = RosterHouse().all_up(), list[str]()

        def lost(_: HostLost) -> None:
            assert doubts

        async with (
            house.roster.lease(A, lost, lambda: doubts.append("a")),
            house.roster.lease(B, lost, lambda: doubts.append("b")),
            house.roster.lease(C, lost, lambda: doubts.append("c")),
        ):
            step(house)
        house.look("a", GONE, GONE)
        return sorted(doubts)

    assert told == run(main())


def test_a_doubt_of_one_model_is_none_of_another() -> None:
    """A node's default engine may be unloaded while another speaks."""

    async def main() -> list[str]:
        house, doubts = RosterHouse(chat_card("a")), list[str]()
        both = telling(Model("big", "up"), Model("small", "up"))
        house.roster.note_beat("a", both)
        async with (
            house.roster.lease(Route("a", "big", 1), lambda _: None, lambda: doubts.append("big")),
            house.roster.lease(Route("a", "small", 1), lambda _: None, lambda: doubts.append("small")),
        ):
            house.roster.note_beat(
                "a", telling(Model("big", "cold"), Model("small", "up"), sign=ProviderSign.COLD)
            )
        return doubts

    assert ["big"] == run(main())


@pytest.mark.parametrize(
    ("sign", "model", "expected"),
    [
        (ProviderSign.READY, "big", P.LOADING),
        (ProviderSign.READY, "small", P.UP),
        (ProviderSign.COLD, "small", P.UP),
        (ProviderSign.COLD, "unknown", P.COLD),
        (ProviderSign.YIELDED, "small", P.YIELDED),
        (ProviderSign.FAULT, "small", P.DOWN),
    ],
)
def test_a_routes_state_is_its_models(sign: ProviderSign, model: str, expected: ProviderState) -> None:
    """Where the node tells, and while it takes requests at all."""
    house = RosterHouse(chat_card("a"))
    house.roster.note_probe("a", telling(Model("big", "loading"), Model("small", "up"), sign=sign))
    assert expected is house.roster.standing("a", model).state


def test_the_states_of_a_list_that_was_read_once_are_not_of_this_moment() -> None:
    """An older node tells only its own."""
    house = RosterHouse(chat_card("a"))
    house.roster.note_probe("a", replace(UP, models=(Model("m", "cold"),)))
    assert P.UP is house.roster.standing("a", "m").state


def test_a_model_that_is_not_up_is_no_plain_favourite() -> None:
    """Its wait is weighed, though its provider is up."""
    house = RosterHouse()
    house.roster.note_probe("a", telling(Model("m", "cold", eta_s=30.0), Model("n", "up")))
    house.roster.note_probe("b", UP)
    late, in_time = Route("a", "m", 1), Route("b", "m", 2)
    assert ["b", "a"] == [candidate.route.provider for candidate in house.roster.candidates([late, in_time])]


def test_reports_that_differ_only_in_what_passes_are_no_new_ones() -> None:
    """The catalogue reads the lists anew by their revision; a load tells another ETA four times a second."""
    house = RosterHouse(chat_card("a"))
    revisions = []
    for models in (
        [Model("m", "loading", eta_s=9.0)],
        [Model("m", "loading", eta_s=8.75, rtf=0.4, wait_s=1.0)],
        [Model("m", "up", clones=True)],
        [Model("m", "up", clones=True), Model("n", "cold")],
    ):
        house.roster.note_beat("a", telling(*models))
        revisions.append(house.roster.revision)
    assert [1, 1, 2, 3] == revisions


def test_every_change_wakes_who_waits_for_one() -> None:
    """Also one that happens between the call and the waiting; what is told again is none."""

    async def main() -> list[bool]:
        house = RosterHouse().all_up()
        house.roster.note_beat("a", telling(Model("m", "up")))
        seen = []
        steps: list[Callable[[], object]] = [
            lambda: house.roster.note_beat("a", telling(Model("m", "up", eta_s=1.0))),
            lambda: house.roster.note_beat("a", telling(Model("m", "loading"))),
            lambda: house.look("a", replace(UP, provider=ProviderSign.YIELDED)),
            lambda: house.roster.note_missed("a", "late"),
            lambda: house.roster.drain("c"),
            lambda: house.roster.resume("c"),
        ]
        for step in steps:
            waiting = asyncio.ensure_future(house.roster.until_changed())
            step()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            seen.append(waiting.done())
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        return seen

    assert [False, True, True, True, True, True] == run(main())


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (lambda house: house.look("a", UP), [False, False]),
        (lambda house: house.look("a", replace(UP, provider=ProviderSign.FAULT)), [True, False]),
        (lambda house: house.look("a", GONE, GONE), [True, False]),
        (lambda house: house.look("a", replace(UP, provider=ProviderSign.DRAINING)), [True, False]),
        (lambda house: house.look("a", replace(UP, provider=ProviderSign.YIELDED)), [False, False]),
        (lambda house: house.look("a", replace(UP, provider=ProviderSign.LOADING)), [True, True]),
        (lambda house: house.look("a", telling(Model("m", "loading"))), [True, True]),
        (lambda house: house.fail(A, Silent("x"), 3), [True, False]),
        (lambda house: house.fail(A, Rejected("x", upstream_status=429, retry_after_s=60.0)), [False, False]),
        (lambda house: [house.roster.drain("a"), house.look("a", DOWN)], [False, False]),
    ],
    ids=[
        "up",
        "just gone",
        "unplugged",
        "goodbye",
        "yielded",
        "loading",
        "model loading",
        "failed too often",
        "leave me alone for a minute",
        "drained by an administrator",
    ],
)
def test_whether_waiting_may_help(step: Callable[[RosterHouse], object], expected: list[bool]) -> None:
    """Now, and eleven seconds later."""
    house = RosterHouse().all_up()
    step(house)
    seen = []
    for _ in range(2):
        seen.append(house.roster.is_fleeting([A]))
        house.clock.advance(11)
    assert expected == seen
