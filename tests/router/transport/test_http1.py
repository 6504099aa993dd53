"""The pool of one upstream: reuse, staleness, dialling, and what goes over the wire."""

import asyncio
import errno
import socket
from typing import Any

import pytest
from fakes import ManualClock, RecordingSink
from loopback import Peer, Script, answering, black_hole, free_port, ok, serving
from running import LOOPS, run, until

from router.errors import ConnectionLost, DialRefused, DialTimeout, NotSent
from router.ports import UpstreamRequest
from router.transport import fetch, http1
from router.transport.http1 import IDLE_S, Http1Transport

GET = UpstreamRequest("GET", "/", [])
POST = UpstreamRequest("POST", "/v1/x?y=1", [(b"Content-Type", b"application/json")], b'{"a":1}')
both_loops = pytest.mark.parametrize("loop", LOOPS)


def _transport(port: int, clock: ManualClock | None = None, **options: Any) -> Http1Transport:
    return Http1Transport("127.0.0.1", port, connect_s=2, clock=clock or ManualClock(), **options)


async def _exchange(transport: Http1Transport, request: UpstreamRequest = GET) -> RecordingSink:
    sink = RecordingSink()
    await transport.send(request, sink)
    await sink.over.wait()
    assert sink.forbidden == []
    return sink


@both_loops
def test_sequential_requests_share_one_connection(loop: str) -> None:
    """Keep-alive: a second request does not dial."""

    async def main() -> tuple[int, int, str]:
        async with serving(answering(ok(b"hi"))) as upstream:
            transport = _transport(upstream.port)
            for _ in range(5):
                assert (await _exchange(transport)).body == b"hi"
            shown = repr(transport)
            await transport.aclose()
            return upstream.connections, len(upstream.requests), shown.partition(" open=")[2]

    assert (1, 5, "1 idle=1>") == run(main(), loop)


@both_loops
def test_concurrent_requests_have_a_connection_each(loop: str) -> None:
    """No pipelining: a slow answer holds up nobody else's."""

    async def main() -> tuple[int, list[bytes]]:
        async def script(peer: Peer) -> None:
            await peer.request()
            await until(lambda: upstream.connections == 3)
            peer.send(ok(b"%d" % peer.number))
            await peer.until_closed()

        async with serving(script) as upstream:
            transport = _transport(upstream.port)
            sinks = await asyncio.gather(*(_exchange(transport) for _ in range(3)))
            await transport.aclose()
            return upstream.connections, sorted(sink.body for sink in sinks)

    assert (3, [b"1", b"2", b"3"]) == run(main(), loop)


def test_the_most_recently_used_connection_is_taken_and_old_ones_are_dropped() -> None:
    """Connections idle for longer than IDLE_S are closed before the upstream would close them."""
    clock = ManualClock()

    async def main() -> tuple[int, list[str]]:
        later = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            if peer.number == 2:
                await later.wait()
            while True:
                peer.send(ok(b"hi"))
                await peer.request()

        async with serving(script) as upstream:
            transport = _transport(upstream.port, clock)
            first, second = RecordingSink(), RecordingSink()
            await transport.send(GET, first)
            await transport.send(GET, second)
            await first.over.wait()  # idle from now on
            clock.advance(2)
            later.set()
            await second.over.wait()  # idle from two seconds later on
            clock.advance(1)
            await _exchange(transport)  # takes and refreshes the second
            shown = [repr(transport).partition(" open=")[2]]
            clock.advance(IDLE_S - 2.9)
            await _exchange(transport)  # the first has been idle for too long
            await until(lambda: "open=1 " in repr(transport))
            clock.advance(IDLE_S + 0.1)
            await _exchange(transport)
            await until(lambda: "open=1 " in repr(transport))
            shown.append(repr(transport).partition(" open=")[2])
            await transport.aclose()
            return upstream.connections, shown

    assert (3, ["2 idle=2>", "1 idle=1>"]) == run(main())


def test_without_idle_time_every_request_dials() -> None:
    """Probes dial anew, because only a dial tells a dead machine from a busy server."""

    async def main() -> int:
        async with serving(answering(ok(b"hi"))) as upstream:
            transport = _transport(upstream.port, idle_s=0)
            for _ in range(3):
                await _exchange(transport)
            await transport.aclose()
            return upstream.connections

    assert 3 == run(main())


def _closing_when_asked_again(times: int, *, by_reset: bool = False) -> Script:
    """The first `times` connections answer once, then close upon the next request without a byte."""

    async def script(peer: Peer) -> None:
        await peer.request()
        peer.send(ok(b"%d" % peer.number))
        await peer.request()
        if peer.number <= times:
            if by_reset:
                peer.reset()
            return
        peer.send(ok(b"%d again" % peer.number))
        await peer.until_closed()

    return script


@both_loops
@pytest.mark.parametrize("by_reset", [False, True], ids=["closed", "reset"])
def test_a_stale_connection_is_replaced_by_a_fresh_one_unnoticed(loop: str, *, by_reset: bool) -> None:
    """The keep-alive race: closed as the request went out, not a byte answered, so it is sent again."""

    async def main() -> tuple[bytes, int, list[str]]:
        async with serving(_closing_when_asked_again(1, by_reset=by_reset)) as upstream:
            transport = _transport(upstream.port)
            await _exchange(transport)
            sink = await _exchange(transport, POST)
            await transport.aclose()
            return sink.body, upstream.connections, [request.line for request in upstream.requests]

    body, connections, lines = run(main(), loop)
    assert (b"2", 2, 2) == (body, connections, lines.count("POST /v1/x?y=1 HTTP/1.1"))


@both_loops
def test_a_stale_connection_is_retried_once_and_never_twice(loop: str) -> None:
    """The fresh connection's loss is real: the fault is told, and no third attempt is made."""

    async def main() -> tuple[type | None, int, int]:
        async def script(peer: Peer) -> None:
            await peer.request()
            if peer.number == 1:
                peer.send(ok(b"1"))
                await peer.request()

        async with serving(script) as upstream:
            transport = _transport(upstream.port)
            await _exchange(transport)
            sink = await _exchange(transport)
            await transport.aclose()
            return type(sink.fault), upstream.connections, len(upstream.requests)

    assert (ConnectionLost, 2, 3) == run(main(), loop)


def test_a_loss_on_a_fresh_connection_is_not_retried() -> None:
    """A server that closes upon the first request may have begun the work: whether to repeat is not ours."""

    async def main() -> tuple[type | None, bool, int]:
        async def script(peer: Peer) -> None:
            await peer.request()

        async with serving(script) as upstream:
            transport = _transport(upstream.port)
            sink = await _exchange(transport)
            await transport.aclose()
            assert isinstance(sink.fault, ConnectionLost)
            return type(sink.fault), sink.fault.had_bytes, upstream.connections

    assert (ConnectionLost, False, 1) == run(main())


@pytest.mark.parametrize(
    "begun", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"]
)
def test_a_loss_after_a_byte_of_the_answer_is_not_retried(begun: bytes) -> None:
    """One byte of an answer shows that the upstream took the request."""

    async def main() -> tuple[type | None, int]:
        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(ok(b"1"))
            await peer.request()
            peer.send(begun)

        async with serving(script) as upstream:
            transport = _transport(upstream.port)
            await _exchange(transport)
            sink = await _exchange(transport)
            await transport.aclose()
            return type(sink.fault), upstream.connections

    assert (ConnectionLost, 1) == run(main())


def test_a_failed_redial_tells_the_sink() -> None:
    """When the server is gone altogether, the stale connection's request ends as NotSent, once."""

    async def main() -> tuple[bool, list[str]]:
        stop = asyncio.Event()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ok(b"1"))
            await reader.readuntil(b"\r\n\r\n")
            server.close()
            stop.set()
            writer.close()

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        transport = _transport(server.sockets[0].getsockname()[1])
        await _exchange(transport)
        sink = await _exchange(transport)
        await stop.wait()
        await transport.aclose()
        return isinstance(sink.fault, NotSent), sink.forbidden

    assert (True, []) == run(main())


def test_abort_during_a_redial_ends_it() -> None:
    """A client that leaves while a stale connection is replaced leaves nothing behind."""

    async def main() -> tuple[int, list[str], str]:
        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(ok(b"1"))
            await peer.request()
            dialled.set()

        dialled = asyncio.Event()
        async with serving(script) as upstream:
            transport = _transport(upstream.port)
            await _exchange(transport)
            sink = RecordingSink()
            exchange = await transport.send(GET, sink)
            await dialled.wait()
            await until(lambda: "idle=0" in repr(transport))
            exchange.abort()
            sink.is_aborted = True
            await until(lambda: "open=0" in repr(transport))
            await asyncio.sleep(0.02)
            shown = repr(transport).partition(" open=")[2]
            await transport.aclose()
            return len(upstream.requests), sink.forbidden, shown

    requests, forbidden, shown = run(main())
    assert ([], "0 idle=0>") == (forbidden, shown)
    assert requests <= 3


@both_loops
@pytest.mark.parametrize(
    "begun",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", b"HTTP/1.1 200 OK\r\n\r\nopen end"],
    ids=["cut short", "ends with the connection"],
)
def test_no_reuse_after_an_incomplete_body(loop: str, begun: bytes) -> None:
    """An aborted answer's rest must never be read as the next answer."""

    async def main() -> tuple[int, str]:
        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(begun)
            await peer.until_closed()

        async with serving(script) as upstream:
            transport = _transport(upstream.port)
            for _ in range(2):
                sink = RecordingSink()
                exchange = await transport.send(GET, sink)
                await until(lambda sink=sink: sink.chunks != [])  # type: ignore[misc]
                exchange.abort()
            await until(lambda: "open=0" in repr(transport))
            shown = repr(transport).partition(" open=")[2]
            await transport.aclose()
            return upstream.connections, shown

    assert (2, "0 idle=0>") == run(main(), loop)


@both_loops
def test_nobody_listening_is_refused(loop: str) -> None:
    """A refusal says that the machine is awake."""

    async def main() -> str:
        port = free_port()
        with pytest.raises(DialRefused) as caught:
            await _transport(port).send(GET, RecordingSink())
        return caught.value.message.replace(str(port), "PORT")

    assert "nothing listens on 127.0.0.1:PORT; is the server started?" == run(main(), loop)


def test_nobody_listening_on_a_name_with_two_addresses_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """`localhost` is ::1 and 127.0.0.1; that both refuse is a refusal all the same."""
    port = free_port()

    async def main() -> None:
        async def two(*_: object, **__: object) -> list[tuple[Any, ...]]:
            return [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", port)),
            ]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", two)
        transport = Http1Transport("localhost", port, connect_s=2, clock=ManualClock())
        with pytest.raises(NotSent) as caught:
            await transport.send(GET, RecordingSink())
        assert DialRefused is type(caught.value)

    run(main())


@both_loops
def test_a_silent_machine_is_a_dial_timeout(loop: str) -> None:
    """An unplugged machine black-holes: within `connect_s` that is known."""

    async def main() -> tuple[float, str]:
        with black_hole() as port:
            transport = Http1Transport("127.0.0.1", port, connect_s=0.15, clock=ManualClock())
            started = asyncio.get_running_loop().time()
            with pytest.raises(DialTimeout) as caught:
                await transport.send(GET, RecordingSink())
            await transport.aclose()
            took = asyncio.get_running_loop().time() - started
            return took, caught.value.message.replace(str(port), "PORT")

    took, message = run(main(), loop)
    assert message == "127.0.0.1:PORT did not answer within 0.15 s; is the machine awake?"
    assert 0.1 < took < 2


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.EHOSTUNREACH, "No route to host"), DialTimeout),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), DialTimeout),
        (OSError(errno.EHOSTDOWN, "Host is down"), DialTimeout),
        (OSError(errno.ETIMEDOUT, "Connection timed out"), DialTimeout),
        (OSError(errno.EMFILE, "Too many open files"), NotSent),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), NotSent),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), DialRefused),
        (TimeoutError(), DialTimeout),
    ],
    ids=lambda value: getattr(value, "strerror", None) or getattr(value, "__name__", "timeout"),
)
def test_every_way_a_dial_fails_is_not_sent(
    error: OSError, kind: type[NotSent], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's word for silence is silence; whatever else fails, nothing was sent."""

    async def main() -> type:
        async def fail(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", fail)
        with pytest.raises(NotSent) as caught:
            await _transport(1).send(GET, RecordingSink())
        return type(caught.value)

    assert kind is run(main())


def test_the_request_on_the_wire_is_complete() -> None:
    """Host and Content-Length are the transport's; everything else is as it was given."""

    async def main() -> tuple[str, tuple[tuple[str, str], ...], bytes, int]:
        async with serving(answering(ok(b""))) as upstream:
            transport = _transport(upstream.port)
            await _exchange(transport, POST)
            await transport.aclose()
            request = upstream.requests[0]
            return request.line, request.headers, request.body, upstream.port

    line, headers, body, port = run(main())
    expected = (("Host", f"127.0.0.1:{port}"), ("Content-Type", "application/json"), ("Content-Length", "7"))
    assert ("POST /v1/x?y=1 HTTP/1.1", expected, b'{"a":1}') == (line, headers, body)


@pytest.mark.parametrize(("method", "length"), [("GET", None), ("POST", "0")])
def test_an_empty_post_says_that_it_is_empty(method: str, length: str | None) -> None:
    """RFC 9110 §8.6: a POST without a body has Content-Length: 0, a GET has none."""

    async def main() -> str | None:
        async with serving(answering(ok(b""))) as upstream:
            transport = _transport(upstream.port)
            await _exchange(transport, UpstreamRequest(method, "/", []))
            await transport.aclose()
            return upstream.requests[0].get("content-length")

    assert length == run(main())


def test_an_ipv6_address_is_bracketed_in_host() -> None:
    """RFC 3986 §3.2.2."""
    transport = Http1Transport("::1", 8006, connect_s=1, clock=ManualClock())
    assert b"GET / HTTP/1.1\r\nHost: [::1]:8006\r\n\r\n" == transport._payload(GET)


def test_a_closed_transport_sends_nothing() -> None:
    """After `aclose` no connection is opened any more."""

    async def main() -> int:
        async with serving(answering(ok(b"hi"))) as upstream:
            transport = _transport(upstream.port)
            await _exchange(transport)
            await transport.aclose()
            with pytest.raises(NotSent):
                await transport.send(GET, RecordingSink())
            return upstream.connections

    assert 1 == run(main())


def test_a_dial_under_way_at_aclose_leaves_no_connection() -> None:
    """What is closed stays closed: a dial that ends after `aclose` is not used."""

    async def main() -> tuple[bool, str]:
        async with serving(answering(ok(b"hi"))) as upstream:
            transport = _transport(upstream.port)
            sending = asyncio.ensure_future(transport.send(GET, RecordingSink()))
            await asyncio.sleep(0)  # it dials now
            await transport.aclose()
            await asyncio.gather(sending, return_exceptions=True)
            await asyncio.sleep(0.02)
            shown = repr(transport).partition(" open=")[2]
            await transport.aclose()
            return isinstance(sending.exception(), NotSent), shown

    assert (True, "0 idle=0>") == run(main())


def test_connections_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stalling upstream cannot eat every file descriptor."""
    monkeypatch.setattr(http1, "MAX_CONNECTIONS", 2)

    async def main() -> str:
        async def script(peer: Peer) -> None:
            await peer.until_closed()

        async with serving(script) as upstream:
            transport = _transport(upstream.port)
            for _ in range(2):
                await transport.send(GET, RecordingSink())
            with pytest.raises(NotSent) as caught:
                await transport.send(GET, RecordingSink())
            await transport.aclose()
            return caught.value.message.replace(str(upstream.port), "PORT")

    assert "2 connections to 127.0.0.1:PORT are open already" == run(main())


@both_loops
def test_a_server_that_closes_at_once_leaves_nothing_behind(loop: str) -> None:
    """Accepted and closed before the request: a loss, and the pool forgets the connection."""

    async def main() -> tuple[set[type | None], str]:
        async def script(peer: Peer) -> None:
            peer.reset()

        async with serving(script) as upstream:
            transport = _transport(upstream.port)
            faults: set[type | None] = {type((await _exchange(transport)).fault) for _ in range(20)}
            await until(lambda: "open=0" in repr(transport))
            shown = repr(transport).partition(" open=")[2]
            await transport.aclose()
            return faults, shown

    assert ({ConnectionLost}, "0 idle=0>") == run(main(), loop)


def test_a_cancelled_fetch_closes_its_connection() -> None:
    """Cancelling what waits for an answer frees the upstream."""

    async def main() -> bool:
        closed = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            asked.set()
            await peer.until_closed()
            closed.set()

        asked = asyncio.Event()
        async with serving(script) as upstream:
            transport = _transport(upstream.port)
            task = asyncio.ensure_future(fetch(transport, GET, deadline_s=10))
            await asked.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await closed.wait()
            await transport.aclose()
            return closed.is_set()

    assert run(main()) is True
