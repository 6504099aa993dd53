"""What one connection may send: requests on each other's heels, trailers, chunk extensions, a second Host."""

import asyncio
import contextlib
import gc
import json
import socket
from typing import Any

import pytest
from entries import DESK, KEYS, small_house
from fakes import FakeForward, head
from houses import FakeHouse
from listening import calling, listening, lone_house
from running import run, until
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from wired import BODY, LAST, chat, get, split, told

from router import lingering
from router.http_protocol import MAX_HEAD_BYTES, MAX_PIPELINED
from router.lingering import Lingering

MEGABYTE = 2**20
CHUNKED = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
CHUNK = b"%x\r\n%b\r\n" % (len(BODY), BODY)


def _waiting() -> tuple[FakeHouse, FakeForward, asyncio.Event]:
    """A house whose provider answers when it may."""
    go_on = asyncio.Event()
    house = lone_house(go_on, head(200, (b"Content-Length", b"2")), b"{}")
    return house, house.upstream("a"), go_on


def test_as_many_as_may_wait_are_answered(loop: str) -> None:
    """One that is served and the bound behind it."""

    async def main() -> list[int]:
        house, provider, go_on = _waiting()
        async with listening(house) as server, calling(server.port) as caller:
            caller.send(chat() * (1 + MAX_PIPELINED))
            await until(lambda: bool(provider.exchanges))
            go_on.set()
            return [(await caller.response()).status for _ in range(1 + MAX_PIPELINED)]

    assert [200] * (1 + MAX_PIPELINED) == run(main(), loop)


@pytest.mark.parametrize("sent", [2 + MAX_PIPELINED, 20_000])
def test_one_more_ends_the_connection_and_tells_the_one_that_runs(loop: str, sent: int) -> None:
    """Its upstream is closed; of the others none is begun, and none is kept."""

    async def main() -> tuple[bytes, int, bool, list[str], bool]:
        house, provider, _ = _waiting()
        async with listening(house) as server:
            async with calling(server.port) as caller:
                caller.send(chat())
                await until(lambda: bool(provider.exchanges))
                caller.send(get() * (sent - 1))
                received = b""
                with contextlib.suppress(ConnectionError):
                    received = await caller.rest()
            await until(lambda: bool(house.observer.finished))
            gc.collect()
            kept = [each for each in gc.get_objects() if isinstance(each, RequestResponseCycle)]
            outcomes = [str(record.outcome) for record in house.observer.finished]
            begun = len(provider.exchanges)
            return received, begun, provider.exchanges[0].is_aborted, outcomes, len(kept) <= 1

    assert (b"", 1, True, ["caller_gone"], True) == run(main(), loop)


def test_too_many_in_one_write_are_refused_and_the_server_goes_on(loop: str) -> None:
    """Nobody has to have been answered for the bound to hold; no task fails unseen."""

    async def main() -> tuple[int, list[int]]:
        house = small_house(has_rest=True)
        async with listening(house) as server:
            said = await told(server.port, get() * 20_000)
            gc.collect()  # what was never retrieved is told when it goes
            others = [split(await told(server.port, LAST))[0] for _ in range(3)]
            return said.count(b"HTTP/1.1 200"), [int(line.split(b" ")[1]) for line in others]

    answered, others = run(main(), loop)
    assert (True, [200, 200, 200]) == (answered <= 1 + MAX_PIPELINED, others)


def test_a_client_that_sends_without_end_fills_no_memory(loop: str) -> None:
    """Megabytes of requests ahead of an answer that does not come: no more of them are held than may wait."""
    most = 0

    def flood(port: int) -> None:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as client,
            contextlib.suppress(ConnectionError),
        ):
            client.sendall(chat())
            for _ in range(100):
                client.sendall(get() * 4096)

    async def main() -> bool:
        nonlocal most
        house, provider, _ = _waiting()
        async with listening(house) as server:
            flooding = asyncio.ensure_future(asyncio.to_thread(flood, server.port))
            while not flooding.done():
                held = sum(isinstance(each, RequestResponseCycle) for each in gc.get_objects())
                most = max(most, held)
                await asyncio.sleep(0.005)
            await flooding
            await until(lambda: all(exchange.is_aborted for exchange in provider.exchanges))
        return len(provider.exchanges) <= 1

    assert (True, True) == (run(main(), loop), most <= 2 + MAX_PIPELINED)


@pytest.mark.parametrize("name", ["Authorization", "X-Api-Key", "Xi-Api-Key"])
def test_a_trailer_is_no_key(loop: str, name: str) -> None:
    """RFC 9110 §6.5.1: what was decided by the head is not decided again behind the body."""
    key = DESK[1] if name == "Authorization" else DESK[1].removeprefix(b"Bearer ")

    async def main() -> tuple[list[int], int]:
        house = small_house(settings={**KEYS})
        line = name.encode() + b": " + key + b"\r\n"
        async with listening(house) as server:
            statuses = []
            for parts in (
                [CHUNKED + line + b"\r\n" + CHUNK + b"0\r\n\r\n"],
                [CHUNKED + b"\r\n" + CHUNK + b"0\r\n" + line + b"\r\n"],
                [CHUNKED + b"\r\n", CHUNK, b"0\r\n", line, b"\r\n"],
            ):
                async with calling(server.port) as caller:
                    for part in parts:
                        caller.send(part)
                        await asyncio.sleep(0.005)
                    statuses.append((await caller.response()).status)
            return statuses, len(house.upstream("llm").sent)

    assert ([200, 401, 401], 1) == run(main(), loop)


def test_a_trailer_sets_no_header(loop: str) -> None:
    """Not the request's id, nor what goes upstream; the connection goes on, and the next head is read whole."""

    async def main() -> tuple[str, str, list[bytes | None]]:
        house = small_house()
        async with listening(house) as server, calling(server.port) as caller:
            trailers = b"X-Request-Id: from-a-trailer\r\nOpenAI-Beta: trailer\r\nHost: evil.example\r\n\r\n"
            caller.send(CHUNKED + b"\r\n" + CHUNK + b"0\r\n" + trailers)
            first = await caller.response()
            caller.send(chat(b"X-Request-Id: from-a-head", b"OpenAI-Beta: head"))
            second = await caller.response()
            betas = [sent.get("openai-beta") for sent in house.upstream("llm").sent]
            return first.headers["x-request-id"], second.headers["x-request-id"], betas

    first, second, betas = run(main(), loop)
    assert (False, "from-a-head", [None, b"head"]) == (first == "from-a-trailer", second, betas)


ENDLESS = {
    "a trailer without end": (CHUNK + b"0\r\nX-A: ", b"a" * 4096),
    "trailers without end": (CHUNK + b"0\r\n", b"X-A: 1\r\n" * 512),
    "an extension without end": (b"1;a=", b"a" * 4096),
    "an extension of the last chunk": (CHUNK + b"0;a=", b"a" * 4096),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_what_never_ends_is_refused_within_bounds(loop: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """431 after as much as a head may have, whatever it is that does not end; and the memory is not filled."""
    monkeypatch.setattr(lingering, "LINGER_S", 0.3)
    begun, more = ENDLESS[kind]

    def flood(port: int) -> bytes:
        """The answer, which takes no more than so many bytes."""
        sent = 0
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(CHUNKED + b"\r\n" + begun)
            client.settimeout(0.001)
            while sent <= 8 * MAX_HEAD_BYTES:  # as much as a slow server may find on its way when it looks
                with contextlib.suppress(TimeoutError):
                    return client.recv(65536)
                client.settimeout(10)
                client.sendall(more)
                client.settimeout(0.001)
                sent += len(more)
            client.settimeout(10)
            return client.recv(65536)

    async def main() -> tuple[bytes, list[Any]]:
        house = small_house()
        async with listening(house) as server:
            answer = await asyncio.to_thread(flood, server.port)
            await until(lambda: not Lingering._all)
        return answer[9:12], house.upstream("llm").sent

    assert (b"431", []) == run(main(), loop)


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n", 401),
        (b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nVia: 1.1 local-ai-router-0123abcd\r\n", 508),
        (b"PUT /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer lar-boss\r\n", 405),
        (b"POST /admin/providers HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer lar-desk\r\n", 403),
        (b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer lar-boss\r\n", 404),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\n", 200),
    ],
)
@pytest.mark.parametrize("framing", [b"Content-Length: 100\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_an_answer_before_the_end_of_the_request_says_that_it_closes(
    loop: str, request_head: bytes, status: int, framing: bytes
) -> None:
    """Else a client would send its next request on a connection on which nobody reads (RFC 9112 §9.6)."""

    async def main() -> tuple[int, str | None, bytes]:
        house = small_house(settings=KEYS, has_rest=True)
        async with listening(house) as server, calling(server.port) as caller:
            caller.send(request_head + framing + b"\r\n")
            response = await caller.response()
            return response.status, response.headers.get("connection"), await caller.rest()

    assert (status, "close", b"") == run(main(), loop)


def test_an_answer_to_a_whole_request_keeps_the_connection(loop: str) -> None:
    """Errors too: a client that mistyped a name need not dial again."""

    async def main() -> list[tuple[int, str | None]]:
        seen = []
        async with listening(small_house(settings=KEYS)) as server, calling(server.port) as caller:
            for request in (chat(), chat(b"Authorization: Bearer lar-desk", body=b'{"model":"x"}'), chat()):
                caller.send(request)
                response = await caller.response()
                seen.append((response.status, response.headers.get("connection")))
        return seen

    assert [(401, None), (404, None), (401, None)] == run(main(), loop)


@pytest.mark.parametrize(
    "hosts", [(b"localhost", b"evil.example"), (b"evil.example", b"localhost"), (b"localhost", b"localhost")]
)
def test_two_hosts_are_a_400(loop: str, hosts: tuple[bytes, bytes]) -> None:
    """RFC 9112 §3.2: whoever stands in front may have decided by the other one."""

    async def main() -> tuple[int, str, str, bytes]:
        house = small_house()
        async with listening(house) as server, calling(server.port) as caller:
            lines = b"".join(b"Host: %b\r\n" % host for host in hosts)
            caller.send(b"POST /v1/chat/completions HTTP/1.1\r\n" + lines + b"Content-Length: 13\r\n\r\n" + BODY)
            response = await caller.response()
            assert [] == house.upstream("llm").sent
            code = json.loads(response.body)["error"]["code"]
            return response.status, code, response.headers["connection"], await caller.rest()

    assert (400, "invalid_http", "close", b"") == run(main(), loop)
