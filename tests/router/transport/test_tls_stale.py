"""Kept connections under TLS: a stale one costs one more attempt, and what may go out only once takes none."""

import asyncio
import ssl

import msgspec
import pytest
from exchanges import POST, tls_exchanged, tls_transport
from loopback import Peer, ok, serving
from running import run

from router.errors import ConnectionLost


def _after_the_first_answer(server_context: ssl.SSLContext, *, by_reset: bool) -> tuple[bytes, int]:
    """The second request's answer and the connections made, where each connection ends upon its second request."""

    async def main() -> tuple[bytes, int]:
        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(ok(b"%d" % peer.number))
            await peer.request()
            if by_reset:
                peer.reset()

        async with serving(script, tls=server_context) as upstream:
            transport = tls_transport(upstream.port)
            await tls_exchanged(transport)
            sink = await tls_exchanged(transport)
            await transport.aclose()
            return sink.body, upstream.connections

    return run(main())


@pytest.mark.usefixtures("_trusted")
def test_a_stale_connection_is_replaced_by_a_fresh_one(server_context: ssl.SSLContext) -> None:
    """A reused connection that closes before a byte of the answer: the request goes out again, once."""
    assert (b"2", 2) == _after_the_first_answer(server_context, by_reset=False)


@pytest.mark.usefixtures("_trusted")
def test_a_kept_connection_that_is_reset_is_replaced_by_a_fresh_one(server_context: ssl.SSLContext) -> None:
    """A server that closes with unread bytes resets: no byte of the answer came, so it is the same case."""
    assert (b"2", 2) == _after_the_first_answer(server_context, by_reset=True)


@pytest.mark.usefixtures("_trusted")
@pytest.mark.parametrize("kept", [1, 3])
def test_a_stale_connection_costs_exactly_one_more_attempt(server_context: ssl.SSLContext, kept: int) -> None:
    """Over a fresh one, however many others are kept, all of them perhaps as stale; and when that fails too, it is
    the fault."""

    async def main() -> tuple[type, int, int]:
        may_go_on = asyncio.Event()
        answered = 0

        async def script(peer: Peer) -> None:
            nonlocal answered
            if peer.number > kept:
                await peer.request()
                return
            await peer.request()
            answered += 1
            if answered == kept:
                may_go_on.set()
            await may_go_on.wait()  # so that each first request needs a connection of its own
            peer.send(ok(b"first"))
            await peer.request()

        async with serving(script, tls=server_context) as upstream:
            transport = tls_transport(upstream.port)
            await asyncio.gather(*(tls_exchanged(transport) for _ in range(kept)))
            before = len(upstream.requests), upstream.connections
            sink = await tls_exchanged(transport)
            await transport.aclose()
            return type(sink.fault), len(upstream.requests) - before[0], upstream.connections - before[1]

    assert (ConnectionLost, 2, 1) == run(main())


@pytest.mark.usefixtures("_trusted")
def test_what_may_go_out_only_once_takes_a_fresh_connection(server_context: ssl.SSLContext) -> None:
    """A kept one might have ended, and then nobody could say whether the request was served."""

    async def main() -> tuple[list[bytes], int, type, int]:
        async def script(peer: Peer) -> None:
            if peer.number == 3:
                await peer.request()
                return
            while True:
                await peer.request()
                peer.send(ok(b"%d" % peer.number))

        once = msgspec.structs.replace(POST, is_once=True)
        async with serving(script, tls=server_context) as upstream:
            transport = tls_transport(upstream.port)
            bodies = [(await tls_exchanged(transport, request)).body for request in (POST, once, POST)]
            connections, requests = upstream.connections, len(upstream.requests)
            lost = await tls_exchanged(transport, once)
            await transport.aclose()
            return bodies, connections, type(lost.fault), len(upstream.requests) - requests

    assert ([b"1", b"2", b"1"], 2, ConnectionLost, 1) == run(main())
