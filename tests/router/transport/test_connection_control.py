"""One connection in its holder's hands: abort, pause, resume and close, while an answer is under way."""

import asyncio

from exchanges import CHUNKED, GET, http1_transport
from fakes import RecordingSink
from loopback import Peer, answering, ok, serving
from running import run, until

from router.errors import ConnectionLost, UpstreamFault
from router.ports import UpstreamRequest


def test_abort_closes_the_socket_at_once_and_the_sink_hears_nothing_more(loop: str) -> None:
    """A client that left frees the upstream's slot, whatever was still to come."""

    async def main() -> tuple[bytes, bool, list[str]]:
        saw_close = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(CHUNKED + b"5\r\nhello\r\n")
            await peer.until_closed()
            saw_close.set()

        async with serving(script) as upstream:
            transport = http1_transport(upstream.port)
            sink = RecordingSink()
            exchange = await transport.send(GET, sink)
            await until(lambda: sink.body == b"hello")
            exchange.abort()
            exchange.abort()
            sink.is_aborted = True
            await saw_close.wait()
            await until(lambda: "open=0 idle=0" in repr(transport))
            await transport.aclose()
            return sink.body, sink.over.is_set(), sink.forbidden

    assert (b"hello", False, []) == run(main(), loop)


def test_abort_does_not_wait_until_the_request_is_written(loop: str) -> None:
    """An upstream that does not read must not keep the connection of a client that left."""

    async def main() -> str:
        async def script(peer: Peer) -> None:
            await over.wait()

        over = asyncio.Event()
        async with serving(script) as upstream:
            transport = http1_transport(upstream.port)
            exchange = await transport.send(
                UpstreamRequest("POST", "/", [], bytes(32 * 1024 * 1024)), RecordingSink()
            )
            exchange.abort()
            await until(lambda: "open=0 idle=0" in repr(transport))
            over.set()
            await transport.aclose()
            return repr(transport).partition(" open=")[2]

    assert "0 idle=0>" == run(main(), loop)


def test_pause_stops_the_reading_and_resume_loses_nothing(loop: str) -> None:
    """A paused exchange holds what the sockets hold and no more; resumed, every byte arrives in order."""
    size = 64 * 1024 * 1024

    async def main() -> tuple[bool, int, bool]:
        sent = 0

        async def script(peer: Peer) -> None:
            nonlocal sent
            await peer.request()
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
            block = bytes(range(256)) * 1024
            while sent < size:
                peer.send(block)
                await peer.writer.drain()
                sent += len(block)
            await peer.until_closed()

        async with serving(script) as upstream:
            transport = http1_transport(upstream.port)
            sink = RecordingSink()
            exchange = await transport.send(GET, sink)
            await sink.begun.wait()
            exchange.pause()
            taken, before = len(sink.body), -1
            while sent != before:  # until the upstream can send no more
                before = sent
                await asyncio.sleep(0.05)
            held_back = sent < size // 2 and len(sink.body) - taken <= 256 * 1024
            exchange.resume()
            await sink.over.wait()
            is_in_order = sink.body == bytes(range(256)) * (size // 256)
            await transport.aclose()
            return held_back, len(sink.body), is_in_order

    assert (True, size, True) == run(main(), loop)


def test_a_connection_paused_at_its_end_serves_the_next_request(loop: str) -> None:
    """Whoever gets a pooled connection gets one that reads."""

    async def main() -> tuple[bytes, int]:
        class PausingSink(RecordingSink):
            def data(self, chunk: bytes) -> None:
                super().data(chunk)
                exchange.pause()

        async with serving(answering(ok(b"hello"))) as upstream:
            transport = http1_transport(upstream.port)
            first, second = PausingSink(), RecordingSink()
            exchange = await transport.send(GET, first)
            await first.over.wait()
            await transport.send(GET, second)
            await second.over.wait()
            await transport.aclose()
            return second.body, upstream.connections

    assert (b"hello", 1) == run(main(), loop)


def test_closing_the_transport_ends_exchanges_under_way_with_a_fault(loop: str) -> None:
    """`aclose` promises ConnectionLost: whoever waits for an answer is told, not left waiting."""

    async def main() -> UpstreamFault | None:
        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(CHUNKED + b"5\r\nhello\r\n")
            await peer.until_closed()

        async with serving(script) as upstream:
            transport = http1_transport(upstream.port)
            sink = RecordingSink()
            await transport.send(GET, sink)
            await sink.begun.wait()
            await transport.aclose()
            await sink.over.wait()
            return sink.fault

    assert ConnectionLost is type(run(main(), loop))
