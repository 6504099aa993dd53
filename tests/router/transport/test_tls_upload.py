"""Bodies too large for memory, over TLS."""

import asyncio
import hashlib
import ssl

import pytest
from exchanges import tls_exchanged, tls_transport
from fakes import RecordingSink
from loopback import Peer, ok, serving
from running import run, until
from uploading import MadeUp, posted

from router.errors import InDoubt

SIZE = 300_001


@pytest.mark.usefixtures("_trusted")
def test_an_upload_arrives_whole_and_is_sent_again_on_a_stale_connection(server_context: ssl.SSLContext) -> None:
    """With its length in the head, and not in chunks, which many servers do not take."""

    async def main() -> tuple[list[bytes], list[tuple[str | None, str | None, str]], int]:
        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(ok(b"taken"))
            if peer.number > 1:
                await peer.until_closed()
            await peer.head()

        async with serving(script, tls=server_context) as upstream:
            transport = tls_transport(upstream.port)
            bodies = [(await tls_exchanged(transport, posted(MadeUp(SIZE)))).body for _ in range(2)]
            await transport.aclose()
            got = [
                (r.get("content-length"), r.get("transfer-encoding"), hashlib.sha256(r.body).hexdigest())
                for r in upstream.requests
            ]
            return bodies, got, upstream.connections

    expected = [(str(SIZE), None, MadeUp(SIZE).sha256)] * 2
    assert ([b"taken"] * 2, expected, 2) == run(main())


@pytest.mark.usefixtures("_trusted")
def test_what_cannot_be_read_again_is_no_fault_of_the_upstreams(server_context: ssl.SSLContext) -> None:
    """As over plain HTTP."""

    async def main() -> type | None:
        async def script(peer: Peer) -> None:
            await peer.head()
            await peer.until_closed()

        async with serving(script, tls=server_context) as upstream:
            transport = tls_transport(upstream.port)
            sink = await tls_exchanged(transport, posted(MadeUp(SIZE, breaks_at=SIZE // 2)))
            await transport.aclose()
            return type(sink.fault)

    assert InDoubt is run(main())


@pytest.mark.usefixtures("_trusted")
def test_abort_ends_the_sending(server_context: ssl.SSLContext) -> None:
    """The connection is closed, and the sink hears nothing more."""

    async def main() -> list[str]:
        has_begun, is_closed = asyncio.Event(), asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.head()
            has_begun.set()
            await peer.until_closed()
            is_closed.set()

        async with serving(script, tls=server_context) as upstream:
            transport, sink = tls_transport(upstream.port), RecordingSink()
            exchange = await transport.send(posted(MadeUp(10**9)), sink)
            await has_begun.wait()
            exchange.abort()
            sink.is_aborted = True
            await is_closed.wait()
            await until(lambda: "exchanges=0" in repr(transport))
            await transport.aclose()
            return sink.forbidden

    assert [] == run(main())
