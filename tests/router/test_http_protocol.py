"""The bounds on a request's head, on real sockets."""

import asyncio
import json
import statistics
import time

import pytest
from fakes import Step, head
from listening import calling, listening, lone_house
from replies import streams
from running import run, until

from router import http_protocol
from router.api import call
from router.errors import ConnectionLost
from router.http_protocol import MAX_HEAD_BYTES, MAX_HEADERS

BODY = b'{"model":"m"}'
REQUEST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n"
BODY_DEADLINE_S = 3.0
WHOLE = REQUEST % len(BODY) + b"\r\n" + BODY


@pytest.fixture
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_DEADLINE_S", 0.05)


@pytest.fixture
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A head that is sent at once arrives in time, however busy the machine."""
    monkeypatch.setattr(http_protocol, "HEAD_DEADLINE_S", 1.0)


def _padded(headers: int, size: int = 1) -> bytes:
    """A request with so many headers in all, one of them of `size` bytes."""
    own = [b"X-Pad: " + b"a" * size, *[b"X-%d: 1" % n for n in range(headers - 3)]]
    return REQUEST % len(BODY) + b"\r\n".join(own) + b"\r\n\r\n" + BODY


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (WHOLE, 200, None),
        (_padded(MAX_HEADERS), 200, None),
        (_padded(MAX_HEADERS + 1), 431, "head_too_large"),
        (_padded(10 * MAX_HEADERS), 431, "head_too_large"),
        (_padded(4, MAX_HEAD_BYTES // 2), 200, None),
        (_padded(4, 2 * MAX_HEAD_BYTES), 431, "head_too_large"),
        (b"GET /" + b"a" * 2 * MAX_HEAD_BYTES, 431, "head_too_large"),
        (b"HELO there\r\n\r\n", 400, "invalid_http"),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400, "invalid_http"),
        (
            b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            "invalid_http",
        ),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, "invalid_http"),
    ],
    ids=[
        "plain",
        "as many headers as may be",
        "one more",
        "many more",
        "a long header",
        "too long a header",
        "too long a path",
        "another protocol",
        "no header",
        "length and chunked",
        "two lengths",
    ],
)
def test_what_is_no_request_is_told_in_openais_shape(
    loop: str, data: bytes, status: int, code: str | None
) -> None:
    """And the connection is closed: what would follow cannot be told apart."""

    async def main() -> None:
        async with listening(lone_house()) as server, calling(server.port) as caller:
            caller.send(data)
            response = await caller.response()
            assert status == response.status
            if code is None:
                assert b"{}" == response.body
                return
            assert {"message", "type", "param", "code"} == set(response.error)
            assert (code, "close", "application/json") == (
                response.error["code"],
                response.headers["connection"],
                response.headers["content-type"],
            )
            assert response.headers["x-router-error"] in {"head_too_large", "invalid_request"}
            assert b"" == await caller.rest()

    run(main(), loop)


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        (b"/v1/messages", {"type", "error"}),
        (b"//v1/messages?beta=true", {"type", "error"}),
        (b"/v1/text-to-speech/alloy", {"detail"}),
        (b"/v1/chat/completions", {"error"}),
    ],
)
def test_a_bad_head_is_refused_in_the_words_of_its_path(loop: str, path: bytes, shape: set[str]) -> None:
    """As soon as the path has come, whatever is wrong behind it."""

    async def main() -> set[str]:
        async with listening(lone_house()) as server, calling(server.port) as caller:
            caller.send(b"POST " + path + b" HTTP/1.1\r\n" + b"X: 1\r\n" * 2 * MAX_HEADERS + b"\r\n")
            response = await caller.response()
            assert 431 == response.status
            return set(json.loads(response.body))

    assert shape == run(main(), loop)


def test_a_long_body_is_no_long_head(loop: str) -> None:
    """In the same packets as its head, or not."""

    async def main() -> list[int]:
        body = b'{"model":"m","x":"%b"}' % (b"a" * 4 * MAX_HEAD_BYTES)
        async with listening(lone_house()) as server, calling(server.port) as caller:
            statuses = []
            for _ in range(2):
                caller.send(REQUEST % len(body) + b"\r\n" + body)
                statuses.append((await caller.response()).status)
            return statuses

    assert [200, 200] == run(main(), loop)


@pytest.mark.usefixtures("_hasty")
@pytest.mark.parametrize(
    "data", [b"G", b"GET / HT", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-"]
)
def test_a_head_that_does_not_arrive_is_a_408(loop: str, data: bytes) -> None:
    """A byte a minute holds no connection."""

    async def main() -> None:
        async with listening(lone_house()) as server, calling(server.port) as caller:
            caller.send(data)
            response = await caller.response()
            assert (408, "head_timeout", "close") == (
                response.status,
                response.error["code"],
                response.headers["connection"],
            )
            assert b"" == await caller.rest()

    run(main(), loop)


@pytest.mark.usefixtures("_brisk")
def test_a_second_head_that_does_not_arrive_is_a_408_too(loop: str) -> None:
    """On a kept connection the time begins with its first byte."""

    async def main() -> tuple[int, int]:
        async with listening(lone_house()) as server, calling(server.port) as caller:
            caller.send(WHOLE)
            first = await caller.response()
            caller.send(b"GET / HT")
            return first.status, (await caller.response()).status

    assert (200, 408) == run(main(), loop)


@pytest.mark.usefixtures("_hasty")
def test_a_connection_that_is_never_used_is_closed_without_a_word(loop: str) -> None:
    """Browsers open some ahead of need; an answer to nothing would be taken for one to the next request."""

    async def main() -> bytes:
        async with listening(lone_house()) as server, calling(server.port) as caller:
            return await caller.rest()

    assert b"" == run(main(), loop)


@pytest.mark.usefixtures("_brisk")
def test_a_kept_connection_may_rest_longer_than_a_head_may_take(loop: str) -> None:
    """The deadline is for heads; keep-alive has its own."""

    async def main() -> list[int]:
        async with listening(lone_house()) as server, calling(server.port) as caller:
            caller.send(WHOLE)
            statuses = [(await caller.response()).status]
            async with calling(server.port) as unused:
                await unused.rest()  # the deadline has passed
            caller.send(WHOLE)
            return [*statuses, (await caller.response()).status]

    assert [200, 200] == run(main(), loop)


@pytest.mark.usefixtures("_brisk")
def test_an_answer_may_take_longer_than_a_head(loop: str) -> None:
    """A model thinks as long as it thinks."""

    async def main() -> int:
        go_on = asyncio.Event()
        house = lone_house(go_on, head(200, (b"Content-Length", b"2")), b"{}")
        async with listening(house) as server, calling(server.port) as caller:
            caller.send(WHOLE)
            async with calling(server.port) as unused:
                await unused.rest()  # the deadline has passed
            go_on.set()
            return (await caller.response()).status

    assert 200 == run(main(), loop)


def test_requests_on_each_others_heels_are_answered_in_order(loop: str) -> None:
    """RFC 9112 §9.3.2."""

    async def main() -> list[int]:
        async with listening(lone_house()) as server, calling(server.port) as caller:
            caller.send(WHOLE + b"GET /v1/completions HTTP/1.1\r\nHost: localhost\r\n\r\n" + WHOLE)
            return [(await caller.response()).status for _ in range(3)]

    assert [200, 405, 200] == run(main(), loop)


@pytest.mark.parametrize("size", [1, 200_000], ids=["small", "large"])
def test_a_client_that_hangs_up_is_noticed_at_once(loop: str, size: int) -> None:
    """Its upstream is closed, before the first byte too; also when a large body had stopped the reading."""
    body = b'{"model":"m","padding":"%b"}' % (b"x" * size)
    whole = REQUEST % len(body) + b"\r\n" + body

    async def main() -> tuple[bool, str]:
        house = lone_house(asyncio.Event())
        provider = house.upstream("a")
        async with listening(house) as server:
            async with calling(server.port) as caller:
                caller.send(whole)
                await until(lambda: bool(provider.exchanges))
            await until(lambda: bool(house.observer.finished))
        return provider.exchanges[0].is_aborted, house.observer.finished[0].outcome

    assert (True, "caller_gone") == run(main(), loop)


def test_a_client_that_hangs_up_on_several_requests_is_noticed_for_the_first(loop: str) -> None:
    """The one that is being served; the others, which it sent on its heels, are never begun upstream."""

    async def main() -> tuple[int, bool, list[str]]:
        house = lone_house(asyncio.Event())
        provider = house.upstream("a")
        async with listening(house) as server:
            async with calling(server.port) as caller:
                caller.send(WHOLE * 3)
                await until(lambda: bool(provider.exchanges))
            await until(lambda: bool(house.observer.finished))
        outcomes = [str(record.outcome) for record in house.observer.finished]
        return len(provider.exchanges), provider.exchanges[0].is_aborted, outcomes

    assert (1, True, ["caller_gone"]) == run(main(), loop)


def test_a_cut_answer_closes_the_connection(loop: str) -> None:
    """So that a short body is never taken for a whole one."""

    async def main() -> bytes:
        steps: list[Step] = [
            head(200, (b"Content-Type", b"application/json")),
            b'{"half":',
            ConnectionLost("gone", had_bytes=True),
        ]
        house = lone_house(*steps)
        async with listening(house) as server, calling(server.port) as caller:
            caller.send(WHOLE)
            return await caller.rest()

    received = run(main(), loop)
    assert (True, False) == (b'{"half":' in received, received.endswith(b"0\r\n\r\n"))


def test_a_client_that_takes_nothing_is_given_up(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A laptop that was carried away never says goodbye and must not hold the upstream for ever."""
    monkeypatch.setattr(http_protocol, "CLIENT_STALL_S", 0.05)

    async def main() -> tuple[bool, str]:
        house = lone_house(*streams(b"x" * 32 * 2**20, asyncio.Event()))
        provider = house.upstream("a")
        async with listening(house) as server, calling(server.port) as caller:
            caller.send(WHOLE)
            await until(lambda: bool(house.observer.finished))
        return provider.exchanges[0].is_aborted, house.observer.finished[0].outcome

    assert (True, "caller_gone") == run(main(), loop)


@pytest.mark.parametrize(
    "garbage",
    [b"HELO there\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"X: 1\r\n" * 10 * MAX_HEADERS],
    ids=["no request", "431"],
)
def test_a_refusal_never_becomes_a_part_of_an_answer(loop: str, garbage: bytes) -> None:
    """What follows a request whose answer is under way cuts that answer."""

    async def main() -> bytes:
        house = lone_house(*streams(b"data: 1\n\n", asyncio.Event()))
        async with listening(house) as server, calling(server.port) as caller:
            caller.send(WHOLE)
            begun = await caller.reader.readuntil(b"data: 1\n\n\r\n")
            caller.send(garbage)
            rest = await caller.rest()
            await until(lambda: bool(house.observer.finished))
        assert "caller_gone" == house.observer.finished[0].outcome
        return begun + rest

    received = run(main(), loop)
    assert (1, True) == (received.count(b"HTTP/1.1 "), received.endswith(b"data: 1\n\n\r\n"))


def test_a_body_longer_than_its_length_is_told_before_the_answer_begins(loop: str) -> None:
    """A client that counts characters for bytes reads why, and its upstream is closed."""

    async def main() -> tuple[int, str, str, bool]:
        house = lone_house(asyncio.Event())
        provider = house.upstream("a")
        async with listening(house) as server, calling(server.port) as caller:
            caller.send(WHOLE)
            await until(lambda: bool(provider.exchanges))
            caller.send(b"}}")
            response = await caller.response()
            await until(lambda: bool(house.observer.finished))
            return (
                response.status,
                response.error["code"],
                house.observer.finished[0].outcome,
                provider.exchanges[0].is_aborted,
            )

    assert (400, "invalid_http", "caller_gone", True) == run(main(), loop)


def test_bodies_that_trickle_in_hold_nobody_up_and_end_with_a_408(
    loop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """200 clients whose bytes keep coming: the deadline is for the whole body, not from byte to byte."""
    monkeypatch.setattr(call, "BODY_DEADLINE_S", BODY_DEADLINE_S)
    connected = 0

    async def trickling(port: int) -> tuple[int, str, float]:
        nonlocal connected
        began = time.monotonic()
        async with calling(port) as caller:
            caller.send(REQUEST % 1000 + b"\r\n")
            connected += 1
            answer = asyncio.ensure_future(caller.response())
            while not answer.done():
                caller.send(b" ")
                await asyncio.wait([answer], timeout=0.1)
            return answer.result().status, answer.result().error["code"], time.monotonic() - began

    async def main() -> tuple[list[tuple[int, str, float]], list[float]]:
        async with listening(lone_house()) as server:
            slow = [asyncio.ensure_future(trickling(server.port)) for _ in range(200)]
            await until(lambda: connected == 200)
            waits = []
            while not any(task.done() for task in slow):
                async with calling(server.port) as caller:
                    began = time.monotonic()
                    caller.send(WHOLE)
                    assert 200 == (await caller.response()).status
                    waits.append(time.monotonic() - began)
            return await asyncio.gather(*slow), waits

    ended, waits = run(main(), loop)
    assert {(408, "request_timeout")} == {(status, code) for status, code, _ in ended}
    assert max(took_s for _, _, took_s in ended) < 20  # byte by byte it would be a hundred
    assert len(waits) > 10
    assert statistics.median(waits) < BODY_DEADLINE_S / 2
