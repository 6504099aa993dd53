"""The roster's predictions: how long until a segment would be spoken."""

import asyncio
import math
from collections.abc import Callable

import pytest
from fakes import chat_card
from rosters import UP, A, RosterHouse, lease, telling
from running import run

from router.domain import Model, Route
from router.health import HostSign, ProviderSign
from router.ports import Probe
from router.selection import Need


@pytest.mark.parametrize(
    ("model", "audio_s", "predicted_s", "expected_s"),
    [
        (Model("m", "up"), 10.0, 0.0, None),
        (Model("m", "up", rtf=0.5), 0.0, 0.0, 0.0),
        (Model("m", "up", rtf=0.5), 10.0, 5.0, 5.0),
        (Model("m", "up", rtf=0.5, wait_s=3.0), 10.0, 8.0, 8.0),
        (Model("m", "cold", rtf=0.5, eta_s=20.0), 10.0, 25.0, 25.0),
        (Model("m", "loading", rtf=0.5, eta_s=2.0, wait_s=1.0), 10.0, 8.0, 8.0),
        (Model("m", "cold", rtf=0.5), 10.0, 5.0, None),
        (Model("m", "up", rtf=0.5, eta_s=20.0), 10.0, 5.0, 5.0),
    ],
    ids=[
        "nothing known",
        "no speech",
        "speaking",
        "queue",
        "cold",
        "loading",
        "a load of unknown length",
        "an ETA of a loaded model",
    ],
)
def test_a_segment_takes_load_queue_and_speaking(
    model: Model, audio_s: float, predicted_s: float, expected_s: float | None
) -> None:
    """By the model's own figures. What is unknown counts as nothing, but nothing is overdue by it."""
    house = RosterHouse(chat_card("a"))
    house.roster.note_beat("a", telling(model, Model("other", "cold", eta_s=99.0, rtf=9.0), eta_s=88.0))
    assert predicted_s == pytest.approx(house.roster.standing("a", "m", audio_s).predicted_s)
    expected = house.roster.expected_s(A, audio_s)
    assert expected == (None if expected_s is None else pytest.approx(expected_s))


def test_without_a_rate_the_time_of_a_request_is_what_is_expected() -> None:
    """As it was measured here."""

    async def main() -> float | None:
        house = RosterHouse(chat_card("a")).all_up()
        async with lease(house):
            house.clock.advance(4)
        return house.roster.expected_s(A, 10)

    assert pytest.approx(4.0) == run(main())


def test_the_newest_rate_counts_whoever_measured_it() -> None:
    """What the node repeats is not news."""
    house = RosterHouse(chat_card("a"))
    seen = []
    steps: list[Callable[[], object]] = [
        lambda: house.roster.note_beat("a", telling(Model("m", "up", rtf=0.5))),
        lambda: house.roster.note_spoken(A, 10, 10),
        lambda: house.roster.note_beat("a", telling(Model("m", "up", rtf=0.5))),
        lambda: house.roster.note_beat("a", telling(Model("m", "up"))),
        lambda: house.roster.note_beat("a", telling(Model("m", "up", rtf=0.4))),
        lambda: house.roster.note_spoken(A, 0.1, 10),
    ]
    for step in steps:
        step()
        seen.append(house.roster.standing("a", "m").rtf)
    assert [pytest.approx(rtf) for rtf in (0.5, 0.65, 0.65, 0.65, 0.4, 0.4)] == seen


def test_rates_are_the_models_and_bounded_in_number() -> None:
    """A client may name any model of a provider."""
    house = RosterHouse(chat_card("a")).all_up()
    for number in range(1000):
        house.roster.note_spoken(Route("a", f"m{number}", 1), 10, number)
    assert (None, 99.9) == (house.roster.standing("a", "m0").rtf, house.roster.standing("a", "m999").rtf)
    assert 256 == len(house.roster._tallies["a"].pace._rtfs)


def test_the_next_tier_speaks_what_the_first_would_take_too_long_for() -> None:
    """A short sentence goes to the first all the same."""
    house = RosterHouse()
    house.roster.note_beat("a", telling(Model("m", "up", rtf=0.9)))
    house.roster.note_beat("c", telling(Model("m", "up", rtf=0.2)))
    routes = [Route("a", "m", 1), Route("c", "m", 3)]
    short, long = (house.roster.order(routes, Need(2.0, audio_s)) for audio_s in (2.0, 4.0))
    assert (["a", "c"], ["c", "a"]) == tuple([c.route.provider for c in each] for each in (short, long))


def test_who_is_idle_is_told_by_what_the_node_holds_for_others_too() -> None:
    """So that the idle one takes over."""
    house = RosterHouse()
    for name, queued in (("a", 0), ("c", 1)):
        house.look(name, Probe(HostSign.ANSWERED, ProviderSign.READY, queued=queued))
    assert [True, False] == [house.roster.standing(name, "m").is_idle for name in "ac"]
    assert UP.queued == 0


def test_whether_it_is_idle_now_is_not_what_it_was() -> None:
    """Of those who saw it idle, only the first finds it so."""

    async def main() -> list[bool]:
        house = RosterHouse(chat_card("a")).all_up()
        seen = [house.roster.is_idle_now(A)]
        async with lease(house):
            seen.append(house.roster.is_idle_now(A))
        return [*seen, house.roster.is_idle_now(A)]

    assert [True, False, True] == run(main())


def test_a_rate_that_nobody_has_is_not_learnt() -> None:
    """A node told how long it took."""
    house = RosterHouse(chat_card("a")).all_up()
    for generation_s in (1e300, float("inf"), float("nan"), -1.0):
        house.roster.note_spoken(A, 10, generation_s)
    assert house.roster.standing("a", "m").rtf is None


def test_those_who_wait_without_hurry_delay_nobody_who_has_nothing_to_hear() -> None:
    """In what is predicted, and in who is available at all; what is overdue counts them."""

    async def main() -> tuple[list[float], list[bool], float | None]:
        house = RosterHouse(chat_card("a", concurrency=1, queue_limit=2)).all_up()
        async with lease(house):
            house.clock.advance(4)
        async with lease(house):
            tasks = [asyncio.create_task(_in_no_hurry(house)) for _ in range(2)]
            await asyncio.sleep(0)
            needs = [Need(urgency=urgency) for urgency in (0.0, math.inf)]
            candidates = [house.roster.order([A], need)[0] for need in needs]
            expected_s = house.roster.expected_s(A, 0)
        await asyncio.gather(*tasks)
        standings = [candidate.standing for candidate in candidates]
        return [s.predicted_s for s in standings], [candidate.is_eligible for candidate in candidates], expected_s

    predicted, eligible, expected_s = run(main())
    assert [4.0, 12.0] == pytest.approx(predicted)
    assert [True, False] == eligible
    assert expected_s == pytest.approx(16.0)


async def _in_no_hurry(house: RosterHouse) -> None:
    async with house.roster.lease(A, lambda _: None, urgency=math.inf):
        pass
