"""Forwarding where servers tell which of their models are loaded."""

import pytest
from fakes import FakeForward, chat_card, whole
from houses import FakeHouse
from running import run

from router.circuits import SOFT_FAILURES, Verdict
from router.domain import Model, Route
from router.errors import Silent
from router.health import ProviderSign

LOAD_S = 9.0


def house(**states: Model) -> FakeHouse:
    """`one` is preferred; each has the model m, in that state."""
    made = FakeHouse(
        FakeForward(chat_card("one"), whole(b'{"from":"one"}')),
        FakeForward(chat_card("two", tier=2), whole(b'{"from":"two"}')),
        FakeForward(chat_card("three"), whole(b'{"from":"three"}')),
    )
    for name, model in states.items():
        made.sign(name, ProviderSign.READY, models=(model,), tells_models=True)
    return made


def test_of_two_alike_the_one_whose_model_is_loaded_answers() -> None:
    """Though nobody knows how long the other would take."""
    at = house(one=Model("m", "cold"), three=Model("m", "up"))
    assert {"from": "three"} == run(at.chat()).json


def test_who_would_load_for_long_is_passed_over_and_loads_meanwhile() -> None:
    """So that it answers the next request."""
    at = house(one=Model("m", "cold", eta_s=LOAD_S), two=Model("m", "up"))
    assert {"from": "two"} == run(at.chat()).json
    assert (["m"], []) == (at.upstream("one").warmed, at.upstream("two").warmed)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (Model("m", "cold", eta_s=1.0), Model("m", "up")),
        (Model("m", "cold"), Model("m", "up")),
        (Model("m", "up"), Model("m", "cold", eta_s=LOAD_S)),
    ],
    ids=["quick", "unknown", "loaded"],
)
def test_the_preferred_one_answers_unless_that_is_known_to_take_long(one: Model, two: Model) -> None:
    """And nobody else is loaded for nothing."""
    at = house(one=one, two=two)
    assert {"from": "one"} == run(at.chat()).json
    assert [] == at.upstream("two").warmed


def test_what_loads_already_is_not_asked_to() -> None:
    """It is passed over all the same."""
    at = house(one=Model("m", "loading", eta_s=LOAD_S), two=Model("m", "up"))
    assert {"from": "two"} == run(at.chat()).json
    assert [] == at.upstream("one").warmed


@pytest.mark.parametrize(
    ("state", "verdict"), [("cold", Verdict.CLOSED), ("loading", Verdict.CLOSED), ("up", Verdict.OPEN)]
)
def test_silence_of_a_model_that_loads_is_no_failure(state: str, verdict: Verdict) -> None:
    """Its server is up all the while."""
    at, route = house(one=Model("m", state)), Route("one", "m", 1)
    for _ in range(SOFT_FAILURES):
        at.roster.note_fault(route, Silent("no byte within 120 s"))
    assert verdict is at.roster.standing("one", "m").verdict
