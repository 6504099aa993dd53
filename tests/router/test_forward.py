"""Forwarding: bytes pass as they come, headers are sorted, and what breaks after its first byte is cut."""

import asyncio

import pytest
from fakes import JSON, FakeForward, Step, chat_card, head, whole
from forwarding import SSE, two
from houses import FakeHouse
from running import run, until

from router.errors import (
    ConnectionLost,
    Malformed,
)
from router.forward import COMPLETE_UNDER_BYTES
from router.health import ProviderState


def test_a_stream_is_passed_event_by_event() -> None:
    """Each event leaves when it arrives, byte for byte."""

    async def main() -> tuple[list[bytes], bytes, bool]:
        go_on = asyncio.Event()
        house = two([head(200, SSE), b"data: 1\n\n", go_on, b"data: 2\n\n", b"data: [DONE]\n\n"])
        seen: list[bytes] = []

        def watch(answer: object) -> bool:
            body: bytes = answer.body  # type: ignore[attr-defined]
            if body == b"data: 1\n\n" and not go_on.is_set():
                seen.append(body)
                go_on.set()
            return False

        answer = await house.chat(leaves=watch)
        return seen, answer.body, answer.is_complete

    assert ([b"data: 1\n\n"], b"data: 1\n\ndata: 2\n\ndata: [DONE]\n\n", True) == run(main())


def test_a_long_answer_starts_before_it_is_whole() -> None:
    """Only short answers are held until they are safe."""

    async def main() -> tuple[int, bool]:
        rest = asyncio.Event()
        size = COMPLETE_UNDER_BYTES + 10
        length = (b"Content-Length", str(size).encode())
        house = two([head(200, JSON, length), b"x" * 10, rest, b"x" * (size - 10)])
        started: list[bool] = []

        def watch(answer: object) -> bool:
            if answer.status and not rest.is_set():  # type: ignore[attr-defined]
                started.append(True)
                rest.set()
            return False

        answer = await house.chat(leaves=watch)
        return len(answer.body), started == [True]

    assert (COMPLETE_UNDER_BYTES + 10, True) == run(main())


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ([ConnectionLost("gone", had_bytes=True)], "provider_connection_lost"),
        ([Malformed("bad chunk")], "provider_malformed"),
        ([asyncio.Event()], "provider_timeout"),
    ],
    ids=["lost", "malformed", "stalled"],
)
def test_a_stream_that_fails_after_its_first_byte_gets_an_error_event_and_is_cut(
    fault: list[Step], outcome: str
) -> None:
    """Nobody else may go on with it: the client is told in the stream, and the reply is never finished."""
    house = two([head(200, SSE), b"data: 1\n\n", *fault])
    answer = run(house.chat())
    first, error, rest = answer.body.split(b"\n\n")
    assert (b"data: 1", b"", False) == (first, rest, answer.is_complete)
    assert b'data: {"error":{"message":' == error[:26]
    assert [] == house.upstream("two").sent
    assert ([("one", outcome)], []) == (house.observer.attempts, house.observer.failovers)
    assert "provider_cut" == house.observer.finished[0].outcome


@pytest.mark.parametrize(
    ("sent", "ended"),
    [
        (b'data: {"ha', b"\n\n"),
        (b"data: 1\n", b"\n\n"),
        (b"data: 1\n\n", b""),
        (b"data: 1\r\n\r\n", b""),
    ],
)
def test_an_event_that_was_cut_in_half_does_not_swallow_the_error(sent: bytes, ended: bytes) -> None:
    """It is ended first; one that is whole gets nothing added."""
    house = two([head(200, SSE), sent, ConnectionLost("gone", had_bytes=True)])
    assert run(house.chat()).body.startswith(sent + ended + b'data: {"error":{')


def test_a_json_answer_that_fails_after_its_first_byte_is_cut_without_a_word() -> None:
    """An error in the middle of JSON would be taken for part of it."""
    house = two([head(200, JSON), b'{"half":', ConnectionLost("gone", had_bytes=True)])
    answer = run(house.chat())
    assert (200, b'{"half":', False) == (answer.status, answer.body, answer.is_complete)


@pytest.mark.parametrize(
    "steps",
    [
        [asyncio.Event()],
        [head(200, SSE), asyncio.Event()],
        [head(200, SSE), b"data: 1\n\n", asyncio.Event()],
        [head(200, (b"Content-Length", b"9")), b"half", asyncio.Event()],
    ],
    ids=["before the head", "before the first byte", "in a stream", "in a short answer"],
)
def test_a_client_that_leaves_closes_the_upstream(steps: list[Step]) -> None:
    """The slot is freed at once, nobody else is tried, and nobody is blamed."""

    async def main() -> FakeHouse:
        house = FakeHouse(
            FakeForward(chat_card("one", first_byte_s=3600, stall_s=3600), steps),
            FakeForward(chat_card("two", tier=2), whole(b"{}")),
        )
        house.report("one", "m")
        house.report("two", "m")

        def has_left(answer: object) -> bool:
            if b"data: 1" in b"".join(map(bytes, steps_of_bytes)) and not answer.body:  # type: ignore[attr-defined]
                return False
            return bool(house.upstream("one").exchanges)

        steps_of_bytes = [step for step in steps if isinstance(step, bytes)]
        task = asyncio.ensure_future(house.chat(leaves=has_left))
        await until(lambda: bool(house.upstream("one").exchanges))
        await task
        return house

    house = run(main())
    exchange = house.upstream("one").exchanges[0]
    assert (True, [], []) == (exchange.is_aborted, house.upstream("two").sent, house.observer.attempts)
    assert ("caller_gone", 0) == (house.observer.finished[0].outcome, house.roster.standing("one").in_flight)
    assert ProviderState.UP is house.roster.standing("one").state


def test_upstream_headers_pass_but_for_hop_by_hop_cookies_and_the_routers_own() -> None:
    """Users need the upstream's headers; its cookies and connection are not theirs."""
    house = two(
        [
            head(
                200,
                JSON,
                (b"Transfer-Encoding", b"chunked"),
                (b"Connection", b"keep-alive, X-Private"),
                (b"Keep-Alive", b"timeout=5"),
                (b"X-Private", b"1"),
                (b"Set-Cookie", b"a=b"),
                (b"Set-Cookie2", b"a=b"),
                (b"Trailer", b"X-Sum"),
                (b"Upgrade", b"h2c"),
                (b"X-Request-Id", b"theirs"),
                (b"X-Router-Provider", b"theirs"),
                (b"X-RateLimit-Remaining", b"9"),
                (b"OpenAI-Processing-Ms", b"12"),
                (b"X-Dup", b"1"),
                (b"X-Dup", b"2"),
                (b"Date", b"Thu, 01 Jan 1970 00:00:00 GMT"),
            ),
            b"{}",
        ]
    )
    answer = run(house.chat())
    passed = {"content-type", "x-ratelimit-remaining", "openai-processing-ms", "x-dup", "date"}
    own = {f"x-router-{name}" for name in ("provider", "model", "attempts", "overhead-ms")} | {"x-request-id"}
    assert passed | own == {name.decode() for name, _ in answer.headers}
    assert (["1", "2"], ["one"], ["Thu, 01 Jan 1970 00:00:00 GMT"]) == (
        answer.all("x-dup"),
        answer.all("x-router-provider"),
        answer.all("date"),
    )


def test_overhead_leaves_out_the_wait_for_the_upstream() -> None:
    """The header tells what the router itself costs."""

    async def main() -> str | None:
        waited = asyncio.Event()
        house = two([head(200, JSON), waited, b"{}"])

        async def later() -> None:
            await until(lambda: bool(house.upstream("one").exchanges))
            house.clock.advance(3)
            waited.set()

        helper = asyncio.ensure_future(later())
        answer = await house.chat()
        await helper
        return answer.get("x-router-overhead-ms")

    assert "0.00" == run(main())


def test_tokens_are_counted_as_they_pass() -> None:
    """For the metrics; the body is untouched."""
    body = b'{"usage":{"prompt_tokens":7,"completion_tokens":11,"total_tokens":18}}'
    house = two(whole(body))
    assert body == run(house.chat()).body
    record = house.observer.finished[0]
    assert (7, 11) == (record.tokens_in, record.tokens_out)


def test_in_flight_is_counted_while_it_lasts() -> None:
    """Selection and the operator see how busy a provider is."""

    async def main() -> tuple[int, int]:
        go_on = asyncio.Event()
        house = two([head(200, JSON), go_on, b"{}"])
        task = asyncio.ensure_future(house.chat())
        await until(lambda: bool(house.upstream("one").exchanges))
        during = house.roster.standing("one").in_flight
        go_on.set()
        await task
        return during, house.roster.standing("one").in_flight

    assert (1, 0) == run(main())
