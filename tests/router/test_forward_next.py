"""Forwarding: what goes to the next candidate, what does not, and what is said when none is left."""

import asyncio

import pytest
from fakes import JSON, SECRET, FakeForward, Step, chat_card, head, whole
from forwarding import SSE, two
from houses import FakeHouse
from running import run, until

from router.circuits import FIRST_BACK_OFF_S, SOFT_FAILURES
from router.errors import (
    ConnectionLost,
    DialRefused,
    DialTimeout,
    Malformed,
    NotSent,
    UpstreamFault,
)
from router.health import ProviderSign, ProviderState


@pytest.mark.parametrize(
    ("steps", "reason", "one_is"),
    [
        (DialRefused("refused"), "provider_refused", ProviderState.DOWN),
        (DialTimeout("silent"), "provider_dial_timeout", ProviderState.DOWN),
        (NotSent("no name"), "provider_unreachable", ProviderState.DOWN),
        ([ConnectionLost("gone")], "provider_connection_lost", ProviderState.DOWN),
        (
            [head(200, JSON), ConnectionLost("gone", had_bytes=True)],
            "provider_connection_lost",
            ProviderState.DOWN,
        ),
        (
            [*whole(b"0123456789")[:1], b"half", ConnectionLost("gone")],
            "provider_connection_lost",
            ProviderState.DOWN,
        ),
        ([Malformed("no HTTP")], "provider_malformed", ProviderState.UP),
        ([asyncio.Event()], "provider_timeout", ProviderState.UP),
        ([head(200, SSE), asyncio.Event()], "provider_timeout", ProviderState.UP),
        ([*whole(b"0123456789")[:1], b"half", asyncio.Event()], "provider_timeout", ProviderState.UP),
        (whole(b"{}", status=401), "provider_rejected", ProviderState.UP),
        (whole(b"{}", status=402), "provider_rejected", ProviderState.UP),
        (whole(b"{}", status=403), "provider_rejected", ProviderState.UP),
        (whole(b"{}", status=404), "provider_rejected", ProviderState.UP),
        (whole(b"{}", status=408), "provider_rejected", ProviderState.UP),
        (whole(b"{}", status=429), "provider_rejected", ProviderState.UP),
        (whole(b"{}", status=500), "provider_rejected", ProviderState.UP),
        (whole(b"oh no", status=503), "provider_rejected", ProviderState.UP),
        (whole(b"x" * 100_000, status=500), "provider_rejected", ProviderState.UP),
        ([head(500), ConnectionLost("gone", had_bytes=True)], "provider_rejected", ProviderState.UP),
    ],
    ids=[
        "refused",
        "dial timeout",
        "no address",
        "lost before the head",
        "lost after the head",
        "short answer lost in the middle",
        "malformed",
        "silent before the head",
        "silent after the head",
        "short answer stalls",
        "401",
        "402",
        "403",
        "404",
        "408",
        "429",
        "500",
        "503",
        "500 with a long page",
        "500 whose page is cut",
    ],
)
def test_a_fault_before_the_first_byte_goes_to_the_next(
    steps: list[Step] | UpstreamFault, reason: str, one_is: ProviderState
) -> None:
    """The client notices nothing but the headers; hard faults count against the provider at once, soft do not."""
    house = two(steps)
    answer = run(house.chat())
    assert (200, b'{"from":"two"}', True) == (answer.status, answer.body, answer.is_complete)
    assert ("two", "2", "m") == tuple(answer.get(f"x-router-{name}") for name in ("provider", "attempts", "model"))
    assert [("one", reason), ("two", "ok")] == house.observer.attempts
    assert [("chat", "one", "two", reason)] == house.observer.failovers
    assert one_is is house.roster.standing("one").state
    assert 0 == house.roster.standing("one").in_flight


@pytest.mark.parametrize("status", [400, 413, 422, 415, 409])
def test_the_clients_fault_is_passed_as_it_is(status: int) -> None:
    """Another provider would say the same, so nobody else is asked."""
    house = two(whole(b'{"error":"yours"}', status=status))
    answer = run(house.chat())
    assert (status, b'{"error":"yours"}', "1") == (answer.status, answer.body, answer.get("x-router-attempts"))
    assert [] == house.upstream("two").sent
    assert "ok" == house.observer.finished[0].outcome


def test_nothing_can_serve_has_one_line_per_provider() -> None:
    """A 503 tells for each provider why not, and when to come back."""
    house = FakeHouse(
        FakeForward(
            chat_card("busy"), whole(b'{"error":{"message":"too many"}}', (b"Retry-After", b"7"), status=429)
        ),
        FakeForward(chat_card("lost"), [ConnectionLost("h:1 closed the connection")]),
        FakeForward(chat_card("game"), whole(b"{}")),
    )
    for name in ("busy", "lost", "game"):
        house.report(name, "m")
    house.sign("game", ProviderSign.YIELDED, "a game has the GPU")
    answer = run(house.chat())
    assert (503, "no_provider", "7") == (answer.status, answer.get("x-router-error"), answer.get("retry-after"))
    assert [
        "No provider can serve the model 'm' right now.",
        "- busy: answered with status 429: too many",
        "- lost: h:1 closed the connection",
        "- game: yielded (a game has the GPU)",
    ] == answer.json["error"]["message"].splitlines()
    assert ("server_error", None, "no_provider_available") == tuple(
        answer.json["error"][key] for key in ("type", "param", "code")
    )
    assert "provider_none" == house.observer.finished[0].outcome
    assert [] == house.upstream("game").sent


@pytest.mark.parametrize(
    ("first", "second", "status", "code", "retry_after"),
    [
        ((404, None), (404, None), 404, "model_not_found", None),
        ((429, b"9"), (429, b"5"), 429, None, "5"),
        ((429, None), (429, None), 429, None, "1"),
        ((429, b"9"), (404, None), 503, "no_provider_available", "9"),
        ((500, b"9"), (503, b"4"), 503, "no_provider_available", "4"),
        ((401, None), (402, None), 503, "no_provider_available", "1"),
    ],
)
def test_what_every_candidate_agrees_on_is_the_answer(
    first: tuple[int, bytes | None],
    second: tuple[int, bytes | None],
    status: int,
    code: str | None,
    retry_after: str | None,
) -> None:
    """All say 404: there is no such model. All are busy: 429. Anything else: 503; the soonest return counts."""

    def rejected(upstream_status: int, wait: bytes | None) -> list[Step]:
        return whole(b"{}", *([(b"Retry-After", wait)] if wait else []), status=upstream_status)

    answer = run(two(rejected(*first), second=rejected(*second)).chat())
    assert (status, retry_after) == (answer.status, answer.get("retry-after"))
    if code is not None:
        assert code == answer.json["error"]["code"]
    message = answer.json["error"]["message"]
    assert ("- one: " in message, "- two: " in message) == (True, True)


def test_what_is_down_is_tried_when_nothing_else_is_left() -> None:
    """A probe may be a second old; a last try costs nobody anything."""
    house = FakeHouse(FakeForward(chat_card("one"), whole(b'{"back":1}')))
    house.report("one", "m")
    house.sign("one", ProviderSign.FAULT, "refused")
    assert b'{"back":1}' == run(house.chat()).body


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (DialRefused("refused"), "two"),
        (DialTimeout("silent"), "two"),
        ([ConnectionLost("reset")], "two"),
        (whole(b"{}", status=500), "two"),
        (whole(b"{}", status=429), "two"),
        ([asyncio.Event()], None),
        ([head(200, SSE), asyncio.Event()], None),
        ([Malformed("noise")], None),
    ],
    ids=["refused", "dial timeout", "reset", "500", "429", "silent", "silent after the head", "malformed"],
)
def test_what_may_have_been_paid_for_is_not_repeated(
    steps: list[Step] | UpstreamFault, expected: str | None
) -> None:
    """A provider that bills: what was not sent, or was refused in so many words, goes on; silence does not."""
    house = two(steps, is_billed=True)
    answer = run(house.chat())
    assert (200 if expected else 503, expected or "one") == (answer.status, answer.get("x-router-provider"))
    assert bool(expected) is bool(house.upstream("two").sent)
    assert ["one", "two"][: len(house.observer.attempts)] == [name for name, _ in house.observer.attempts]


def test_who_is_full_is_passed_over_and_not_blamed() -> None:
    """One at once, nobody may wait: the second goes to the next provider."""

    async def main() -> tuple[str | None, str | None]:
        go_on = asyncio.Event()
        house = two([head(200, JSON), go_on, b"{}"], deadline_s=60, concurrency=1, queue_limit=0)
        first = asyncio.ensure_future(house.chat())
        await until(lambda: bool(house.upstream("one").exchanges))
        second = await house.chat()
        go_on.set()
        answers = (await first).get("x-router-provider"), second.get("x-router-provider")
        third = await house.chat()
        assert ("one", []) == (third.get("x-router-provider"), house.observer.failovers)
        return answers

    assert ("one", "two") == run(main())


def test_who_waits_too_long_for_a_place_goes_to_the_next() -> None:
    """Nothing was sent, so nothing is repeated, and no circuit opens."""

    async def main() -> list[tuple[str, str]]:
        go_on = asyncio.Event()
        house = two([head(200, JSON), go_on, b"{}"], deadline_s=60, concurrency=1, queue_wait_s=0.01)
        first = asyncio.ensure_future(house.chat())
        await until(lambda: bool(house.upstream("one").exchanges))
        for _ in range(SOFT_FAILURES):
            assert "two" == (await house.chat()).get("x-router-provider")
        go_on.set()
        await first
        assert house.roster.standing("one", "m").is_available
        return house.observer.attempts

    assert [("one", "provider_full"), ("two", "ok")] * SOFT_FAILURES + [("one", "ok")] == run(main())


def test_after_three_failures_in_a_row_a_model_is_left_alone_until_its_trial() -> None:
    """Then one inference finds out."""

    async def main() -> list[str | None]:
        house = two(*[whole(b"{}", status=500)] * SOFT_FAILURES, whole(b"{}"))
        told = [(await house.chat()).get("x-router-attempts") for _ in range(SOFT_FAILURES + 1)]
        house.clock.advance(FIRST_BACK_OFF_S)
        told += [(await house.chat()).get("x-router-provider") for _ in range(2)]
        return told

    assert ["2", "2", "2", "1", "one", "one"] == run(main())


def test_a_reply_closes_the_circuits_row() -> None:
    """Two failures, a success, two failures: never three in a row."""
    bad, good = whole(b"{}", status=500), whole(b"{}")

    async def main() -> bool:
        house = two(bad, bad, good, bad, bad)
        for _ in range(5):
            await house.chat()
        return house.roster.standing("one", "m").is_available

    assert run(main())


def test_whose_model_loads_too_long_serves_after_the_next_tier() -> None:
    """A chat model has two seconds unless its configuration says otherwise."""

    async def main() -> list[str | None]:
        house = two(whole(b"{}"))
        served = []
        for eta_s in (1.9, 2.1):
            house.sign("one", ProviderSign.COLD, eta_s=eta_s)
            served.append((await house.chat()).get("x-router-provider"))
        return served

    assert ["one", "two"] == run(main())


def test_the_routers_key_at_a_provider_reaches_no_client() -> None:
    """Some servers repeat in their errors what they were asked with."""
    said = b'{"error":{"message":"Incorrect API key: %b"}}' % SECRET.encode()
    house = two(whole(said, status=401), second=whole(said, status=500))
    answer = run(house.chat())
    assert [
        "No provider can serve the model 'm' right now.",
        "- one: refuses our key (status 401); check its api_key",
        "- two: answered with status 500: Incorrect API key: [key]",
    ] == answer.json["error"]["message"].splitlines()


def test_a_route_that_a_server_lacks_says_nothing_of_its_chats() -> None:
    """Its 404s there, however many, do not keep its model from chatting."""
    lacking, body = whole(b"404 page not found", status=404), b'{"model":"m"}'
    house = two(lacking, lacking, lacking, whole(b'{"from":"one"}'), second=lacking)
    for _ in range(SOFT_FAILURES):
        assert 404 == run(house.ask("POST", "/v1/messages", body)).status
    assert b'{"from":"one"}' == run(house.chat(body)).body
