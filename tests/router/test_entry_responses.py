"""Stored responses at the door: a conversation goes on where it began, and nowhere else."""

import json
from typing import Any

import pytest
from entries import BOSS, DESK, KEYS
from fakes import FakeForward, chat_card, whole
from houses import FakeHouse
from running import run

from router.errors import ConnectionLost, DialRefused
from router.ports import Header


def _responding(*provider: str, settings: dict[str, Any] | None = None) -> FakeHouse:
    """Providers that mint `resp_<name>`."""
    made = []
    for index, name in enumerate(provider):
        body = b'{"id":"resp_%b"}' % name.encode()
        made.append(FakeForward(chat_card(name, tier=index), whole(body)))
    house = FakeHouse(*made, settings=settings)
    for name in provider:
        house.report(name, "m")
    return house


async def _respond(house: FakeHouse, *headers: Header, **fields: object) -> tuple[int, str | None]:
    answer = await house.ask("POST", "/v1/responses", json.dumps({"model": "m", **fields}).encode(), headers)
    code = answer.json["error"]["code"] if answer.status >= 400 else None
    return answer.status, code or answer.get("x-router-provider")


def test_a_conversation_goes_on_where_it_began() -> None:
    """Also when another provider is preferred by then."""

    async def main() -> list[tuple[int, str | None]]:
        house = _responding("a", "b")
        house.roster.drain("a")
        first = await _respond(house)
        house.roster.resume("a")
        return [first, await _respond(house), await _respond(house, previous_response_id="resp_b")]

    assert [(200, "b"), (200, "a"), (200, "b")] == run(main())


@pytest.mark.parametrize(
    ("fields", "is_once"), [({}, False), ({"store": True}, True), ({"background": True}, True)]
)
def test_what_may_not_be_repeated_goes_over_a_fresh_connection(fields: dict[str, object], is_once: bool) -> None:
    """On a reused one it could have to be sent again unanswered."""

    async def main() -> list[bool]:
        house = _responding("a")
        await _respond(house, **fields)
        provider = house.upstream("a")
        return [sent.is_once for sent in provider.sent]

    assert [is_once] == run(main())


def test_a_conversation_whose_provider_is_away_is_not_begun_anew_elsewhere() -> None:
    """Nobody else remembers it."""

    async def main() -> tuple[tuple[int, str | None], list[Any]]:
        house = _responding("a", "b")
        await _respond(house)
        house.roster.drain("a")
        answer = await _respond(house, previous_response_id="resp_a")
        provider = house.upstream("b")
        return answer, provider.sent

    assert ((503, "no_provider_available"), []) == run(main())


def test_a_response_that_nobody_minted_is_a_400() -> None:
    """And so is one of another client's."""

    async def main() -> list[tuple[int, str | None]]:
        house = _responding("a", settings=KEYS)
        await _respond(house, BOSS)
        return [
            await _respond(house, BOSS, previous_response_id="resp_x"),
            await _respond(house, DESK, previous_response_id="resp_a"),
            await _respond(house, BOSS, previous_response_id="resp_a"),
        ]

    missing = (400, "previous_response_not_found")
    assert [missing, missing, (200, "a")] == run(main())


def test_a_response_kept_by_a_provider_without_the_model_is_a_400() -> None:
    """It says where it is."""

    async def main() -> tuple[int, str | None]:
        house = _responding("a", "b")
        house.report("b", "m", "n")
        await _respond(house)
        return await _respond(house, model="n", previous_response_id="resp_a")

    assert (400, "response_elsewhere") == run(main())


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, (200, "b")),
        ({"store": False}, (200, "b")),
        ({"store": True}, (503, "no_provider_available")),
        ({"background": True}, (503, "no_provider_available")),
    ],
)
def test_what_a_provider_was_to_keep_is_not_repeated_elsewhere(
    fields: dict[str, object], expected: tuple[int, str]
) -> None:
    """It may be kept there already; a dial that failed may go on."""

    async def main() -> list[tuple[int, str | None]]:
        outcomes = []
        for fault in (ConnectionLost("reset"), DialRefused("refused")):
            house = _responding("a", "b")
            provider = house.forwarder._providers["a"]
            assert isinstance(provider, FakeForward)
            provider._scripts = [[fault]] if isinstance(fault, ConnectionLost) else [fault]
            outcomes.append(await _respond(house, **fields))
        return outcomes

    assert [expected, (200, "b")] == run(main())
