"""A kept connection that has ended: what is sent again over a fresh one, and what is told instead."""

import asyncio

import pytest
from exchanges import GET, POST, exchanged, http1_transport
from fakes import RecordingSink
from loopback import Peer, Script, ok, serving
from running import run, until

from router.errors import ConnectionLost, NotSent


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


@pytest.mark.parametrize("by_reset", [False, True], ids=["closed", "reset"])
def test_a_stale_connection_is_replaced_by_a_fresh_one_unnoticed(loop: str, *, by_reset: bool) -> None:
    """The keep-alive race: closed as the request went out, not a byte answered, so it is sent again."""

    async def main() -> tuple[bytes, int, list[str]]:
        async with serving(_closing_when_asked_again(1, by_reset=by_reset)) as upstream:
            transport = http1_transport(upstream.port)
            await exchanged(transport)
            sink = await exchanged(transport, POST)
            await transport.aclose()
            return sink.body, upstream.connections, [request.line for request in upstream.requests]

    body, connections, lines = run(main(), loop)
    assert (b"2", 2, 2) == (body, connections, lines.count("POST /v1/x?y=1 HTTP/1.1"))


def test_a_stale_connection_is_retried_once_and_never_twice(loop: str) -> None:
    """The fresh connection's loss is real: the fault is told, and no third attempt is made."""

    async def main() -> tuple[type | None, int, int]:
        async def script(peer: Peer) -> None:
            await peer.request()
            if peer.number == 1:
                peer.send(ok(b"1"))
                await peer.request()

        async with serving(script) as upstream:
            transport = http1_transport(upstream.port)
            await exchanged(transport)
            sink = await exchanged(transport)
            await transport.aclose()
            return type(sink.fault), upstream.connections, len(upstream.requests)

    assert (ConnectionLost, 2, 3) == run(main(), loop)


def test_a_loss_on_a_fresh_connection_is_not_retried() -> None:
    """A server that closes upon the first request may have begun the work: whether to repeat is not ours."""

    async def main() -> tuple[type | None, bool, int]:
        async def script(peer: Peer) -> None:
            await peer.request()

        async with serving(script) as upstream:
            transport = http1_transport(upstream.port)
            sink = await exchanged(transport)
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
            transport = http1_transport(upstream.port)
            await exchanged(transport)
            sink = await exchanged(transport)
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
        transport = http1_transport(server.sockets[0].getsockname()[1])
        await exchanged(transport)
        sink = await exchanged(transport)
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
            transport = http1_transport(upstream.port)
            await exchanged(transport)
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
