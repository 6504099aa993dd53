"""Bodies too large for memory: sent piece by piece, as fast as they are taken, and never by halves unnoticed."""

import asyncio
import hashlib

import pytest
from exchanges import exchanged, http1_transport
from fakes import RecordingSink
from loopback import Peer, ok, serving
from running import run, until
from uploading import MadeUp, posted

from router.errors import ConnectionLost, InDoubt, Silent
from router.transport.http1 import Http1Transport

SMALL, LARGE = 300_001, 64 * 1024 * 1024  # within what the system buffers, and far beyond
MOST_BUFFERED = 32 * 1024 * 1024
TOO_LARGE = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\n"


async def _until_it_waits(transport: Http1Transport) -> None:
    """Until the upstream takes nothing more."""
    await until(lambda: any(connection._room is not None for connection in transport._all))


def _rest(transport: Http1Transport) -> tuple[int, str]:
    """What is left of it: tasks, connections."""
    return len(transport._tasks), repr(transport).partition(" open=")[2]


def test_an_upload_arrives_whole_and_its_connection_is_used_again(loop: str) -> None:
    """Byte for byte, with its length in the head."""

    async def main() -> tuple[list[tuple[str | None, str]], int]:
        async def script(peer: Peer) -> None:
            while True:
                await peer.request()
                peer.send(ok(b"taken"))

        async with serving(script) as upstream:
            transport = http1_transport(upstream.port)
            for _ in range(2):
                assert b"taken" == (await exchanged(transport, posted(MadeUp(SMALL)))).body
            await transport.aclose()
            got = [(r.get("content-length"), hashlib.sha256(r.body).hexdigest()) for r in upstream.requests]
            return got, upstream.connections

    assert ([(str(SMALL), MadeUp(SMALL).sha256)] * 2, 1) == run(main(), loop)


def test_no_more_is_read_than_the_upstream_takes(loop: str) -> None:
    """A slow server must not have all of an upload in the router's memory."""

    async def main() -> tuple[bool, str, bytes]:
        may_read = asyncio.Event()
        digest = hashlib.sha256()

        async def script(peer: Peer) -> None:
            await peer.head()
            await may_read.wait()
            for _ in range(LARGE // 65536):
                digest.update(await peer.some(65536))
            peer.send(ok(b"taken"))
            await peer.until_closed()

        async with serving(script) as upstream:
            transport, upload, sink = http1_transport(upstream.port), MadeUp(LARGE), RecordingSink()
            await transport.send(posted(upload), sink)
            await _until_it_waits(transport)
            was_bounded = 0 < upload.read_bytes < MOST_BUFFERED
            may_read.set()
            await sink.over.wait()
            await transport.aclose()
            return was_bounded, digest.hexdigest(), sink.body

    assert (True, MadeUp(LARGE).sha256, b"taken") == run(main(), loop)


def test_an_upstream_that_takes_nothing_is_given_up(loop: str) -> None:
    """It accepts connections, and hangs."""

    async def main() -> tuple[type | None, list[str], tuple[int, str]]:
        async def script(peer: Peer) -> None:
            await peer.head()
            await asyncio.Event().wait()

        async with serving(script) as upstream:
            transport, sink = http1_transport(upstream.port, send_stall_s=0.2), RecordingSink()
            await transport.send(posted(MadeUp(LARGE)), sink)
            await sink.over.wait()
            await until(lambda: _rest(transport) == (0, "0 idle=0>"))
            return type(sink.fault), sink.forbidden, _rest(transport)

    assert (Silent, [], (0, "0 idle=0>")) == run(main(), loop)


@pytest.mark.parametrize("head", [TOO_LARGE, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"], ids=["413", "200"])
def test_an_early_answer_is_heard_and_its_connection_is_not_used_again(loop: str, head: bytes) -> None:
    """What is left of the body would stand before the next request."""

    async def main() -> tuple[bytes, bool, int]:
        async def script(peer: Peer) -> None:
            await peer.head()
            if peer.number == 1:
                await _until_it_waits(transport)
                peer.send(head + b"early")
                await asyncio.Event().wait()
            peer.send(ok(b"fresh"))
            await peer.until_closed()

        async with serving(script) as upstream:
            transport = http1_transport(upstream.port)
            upload = MadeUp(LARGE)
            sink = await exchanged(transport, posted(upload))
            again = await exchanged(transport)
            assert b"fresh" == again.body
            await transport.aclose()
            return sink.body, upload.read_bytes < MOST_BUFFERED, upstream.connections

    assert (b"early", True, 2) == run(main(), loop)


def test_nothing_more_is_sent_once_an_error_begins(loop: str) -> None:
    """RFC 9112 §9.5: whoever answers so does not want the rest. The answer is read to its end."""

    async def main() -> tuple[int, bytes]:
        may_end = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.head()
            await _until_it_waits(transport)
            peer.send(TOO_LARGE + b"ea")
            await may_end.wait()
            peer.send(b"rly")
            await peer.until_closed()

        async with serving(script) as upstream:
            transport, sink = http1_transport(upstream.port), RecordingSink()
            await transport.send(posted(MadeUp(LARGE)), sink)
            await sink.begun.wait()
            await until(lambda: not transport._tasks)
            may_end.set()
            await sink.over.wait()
            await transport.aclose()
            return sink.status, sink.body

    assert (413, b"early") == run(main(), loop)


@pytest.mark.parametrize("by_reset", [False, True], ids=["closed", "reset"])
def test_on_a_stale_connection_it_is_sent_again_from_its_beginning(loop: str, *, by_reset: bool) -> None:
    """However much of it had gone into the void."""

    async def main() -> tuple[bytes, str, int]:
        async def script(peer: Peer) -> None:
            if peer.number == 1:
                await peer.request()
                peer.send(ok(b"first"))
                await peer.head()
                await peer.some(SMALL // 2)
                if by_reset:
                    peer.reset()
                return
            await peer.request()
            peer.send(ok(b"taken"))
            await peer.until_closed()

        async with serving(script) as upstream:
            transport = http1_transport(upstream.port)
            await exchanged(transport)
            sink = await exchanged(transport, posted(MadeUp(SMALL)))
            await transport.aclose()
            return sink.body, hashlib.sha256(upstream.requests[-1].body).hexdigest(), upstream.connections

    assert (b"taken", MadeUp(SMALL).sha256, 2) == run(main(), loop)


def test_a_connection_that_breaks_under_a_first_upload_is_a_fault(loop: str) -> None:
    """The dispatch decides who gets it next."""

    async def main() -> tuple[type | None, bool, int]:
        async def script(peer: Peer) -> None:
            await peer.head()
            await peer.some(SMALL // 2)
            peer.reset()

        async with serving(script) as upstream:
            transport = http1_transport(upstream.port)
            sink = await exchanged(transport, posted(MadeUp(LARGE)))
            await until(lambda: _rest(transport) == (0, "0 idle=0>"))
            assert isinstance(sink.fault, ConnectionLost)
            return type(sink.fault), sink.fault.had_bytes, upstream.connections

    assert (ConnectionLost, False, 1) == run(main(), loop)


def test_abort_ends_the_sending_at_once(loop: str) -> None:
    """A client that leaves takes its upload with it."""

    async def main() -> tuple[bool, list[str], tuple[int, str]]:
        is_closed = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.head()
            await _until_it_waits(transport)
            exchange.abort()
            sink.is_aborted = True
            await peer.until_closed()
            is_closed.set()

        async with serving(script) as upstream:
            transport, upload, sink = http1_transport(upstream.port), MadeUp(LARGE), RecordingSink()
            exchange = await transport.send(posted(upload), sink)
            await is_closed.wait()
            await until(lambda: _rest(transport) == (0, "0 idle=0>"))
            return upload.read_bytes < MOST_BUFFERED, sink.forbidden, _rest(transport)

    assert (True, [], (0, "0 idle=0>")) == run(main(), loop)


def test_what_cannot_be_read_again_is_no_fault_of_the_upstreams(loop: str) -> None:
    """The connection is closed, so that half a body is never taken for a whole one."""

    async def main() -> tuple[type | None, tuple[int, str]]:
        async def script(peer: Peer) -> None:
            await peer.head()
            await peer.until_closed()

        async with serving(script) as upstream:
            transport = http1_transport(upstream.port)
            sink = await exchanged(transport, posted(MadeUp(SMALL, breaks_at=SMALL // 2)))
            await until(lambda: _rest(transport) == (0, "0 idle=0>"))
            return type(sink.fault), _rest(transport)

    assert (InDoubt, (0, "0 idle=0>")) == run(main(), loop)


def test_a_transport_that_closes_leaves_no_upload_behind(loop: str) -> None:
    """Its sink is told, once."""

    async def main() -> tuple[type | None, list[str], int]:
        async def script(peer: Peer) -> None:
            await peer.head()
            await asyncio.Event().wait()

        async with serving(script) as upstream:
            transport, sink = http1_transport(upstream.port), RecordingSink()
            await transport.send(posted(MadeUp(LARGE)), sink)
            await _until_it_waits(transport)
            await transport.aclose()
            return type(sink.fault), sink.forbidden, len(transport._tasks)

    assert (ConnectionLost, [], 0) == run(main(), loop)
