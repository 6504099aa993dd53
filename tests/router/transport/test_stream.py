"""Bytes to an upstream and back, on a connection of their own."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from fakes import ManualClock, RecordingSink
from loopback import Peer, black_hole, serving
from running import LOOPS, run, until

from router.drill.ports import free_port
from router.errors import ConnectionLost, DialRefused, DialTimeout, NotSent
from router.ports import UpstreamRequest
from router.transport import StreamTransport, transport_to
from router.transport.unplugged import Cable

HELLO = UpstreamRequest("", "", (), b"hello")
both_loops = pytest.mark.parametrize("loop", LOOPS)


def _to(port: int, connect_s: float = 5.0) -> StreamTransport:
    return StreamTransport("127.0.0.1", port, connect_s=connect_s)


async def _exchanged(script: Callable[[Peer], Awaitable[None]]) -> RecordingSink:
    async with serving(script) as upstream:
        transport, sink = _to(upstream.port), RecordingSink()
        await transport.send(HELLO, sink)
        await sink.over.wait()
        await until(lambda: "open=0" in repr(transport))
        await transport.aclose()
        return sink


@both_loops
def test_what_goes_out_and_what_comes_back(loop: str) -> None:
    """As it is, to the end of the connection; the first bytes are the sign of life that a head is elsewhere."""

    async def script(peer: Peer) -> None:
        assert b"hello" == await peer.some(5)
        peer.send(b"one ")
        await asyncio.sleep(0.01)
        peer.send(b"two")

    sink = run(_exchanged(script), loop)
    assert (200, b"one two", None, []) == (sink.status, sink.body, sink.fault, sink.forbidden)


@both_loops
@pytest.mark.parametrize(
    ("sent", "is_reset", "had_bytes", "why"),
    [
        (b"", False, False, "closed the connection before answering"),
        (b"", True, False, "reset the connection before answering"),
        (b"half", True, True, "reset the connection in the middle"),
    ],
)
def test_how_a_connection_is_lost(loop: str, sent: bytes, is_reset: bool, had_bytes: bool, why: str) -> None:
    """Whether anything had come decides what may be done again."""

    async def script(peer: Peer) -> None:
        await peer.some(5)
        if sent:
            peer.send(sent)
            await asyncio.sleep(0.05)  # its own read, or the reset would overtake it
        if is_reset:
            peer.reset()

    fault = run(_exchanged(script), loop).fault
    assert isinstance(fault, ConnectionLost)
    assert had_bytes == fault.had_bytes
    assert why in fault.message


@both_loops
def test_who_leaves_hears_nothing_more(loop: str) -> None:
    """And the upstream sees at once that it is alone."""

    async def main() -> list[str]:
        is_alone = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.some(5)
            peer.send(b"one")
            await peer.until_closed()
            is_alone.set()

        async with serving(script) as upstream:
            transport, sink = _to(upstream.port), RecordingSink()
            exchange = await transport.send(HELLO, sink)
            await until(lambda: bool(sink.chunks))
            exchange.abort()
            sink.is_aborted = True
            async with asyncio.timeout(5):
                await is_alone.wait()
            exchange.abort()
            exchange.pause()
            exchange.resume()
            await transport.aclose()
            return sink.forbidden

    assert [] == run(main(), loop)


def test_a_sink_that_falls_behind_pauses() -> None:
    """What comes waits in the kernel until it goes on."""

    async def main() -> tuple[int, bytes]:
        may_send = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.some(5)
            peer.send(b"one ")
            await may_send.wait()
            peer.send(b"two")

        async with serving(script) as upstream:
            transport, sink = _to(upstream.port), RecordingSink()
            exchange = await transport.send(HELLO, sink)
            await until(lambda: bool(sink.chunks))
            exchange.pause()
            may_send.set()
            await asyncio.sleep(0.05)
            before = len(sink.body)
            exchange.resume()
            await sink.over.wait()
            await transport.aclose()
            return before, sink.body

    assert (4, b"one two") == run(main())


def test_closing_ends_what_is_under_way() -> None:
    """Whoever waits is told, and nothing is dialled afterwards."""

    async def main() -> str:
        async def script(peer: Peer) -> None:
            await peer.until_closed()

        async with serving(script) as upstream:
            transport, sink = _to(upstream.port), RecordingSink()
            await transport.send(HELLO, sink)
            await transport.aclose()
            with pytest.raises(NotSent):
                await transport.send(HELLO, RecordingSink())
            with pytest.raises(NotSent):
                await transport.touch()
            assert sink.fault is not None
            return sink.fault.message.replace(str(upstream.port), "PORT")

    assert "the connections to 127.0.0.1:PORT were closed" == run(main())


def test_dials_that_fail() -> None:
    """As with HTTP: a refusal is an answer, silence is none."""

    async def main() -> None:
        with pytest.raises(DialRefused, match="nothing listens"):
            await _to(free_port()).touch()
        with black_hole() as port, pytest.raises(DialTimeout, match="is the machine awake"):
            await _to(port, 0.1).send(HELLO, RecordingSink())

    run(main())


def test_a_touch_leaves_no_connection() -> None:
    """Dialled, and hung up."""

    async def main() -> int:
        async def script(peer: Peer) -> None:
            await peer.until_closed()

        async with serving(script) as upstream:
            transport = _to(upstream.port)
            await transport.touch()
            await until(lambda: upstream.connections == 1 and "open=0" in repr(transport))
            await transport.aclose()
            return upstream.connections

    assert 1 == run(main())


def test_the_drill_can_unplug_it() -> None:
    """Its cable takes every transport: what comes meanwhile is held back, and arrives afterwards."""

    async def main() -> tuple[bytes, bytes]:
        may_send = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.some(5)
            peer.send(b"one ")
            await may_send.wait()
            peer.send(b"two")

        async with serving(script) as upstream:
            cable = Cable(lambda host, port: True)
            transport = cable.transport_to("tcp", "127.0.0.1", upstream.port, connect_s=0.05, clock=ManualClock())
            sink = RecordingSink()
            await transport.send(HELLO, sink)
            await until(lambda: bool(sink.chunks))
            cable.unplug()
            with pytest.raises(DialTimeout):
                await transport.touch()
            may_send.set()
            await asyncio.sleep(0.05)
            meanwhile = sink.body
            cable.plug()
            await sink.over.wait()
            await transport.aclose()
            return meanwhile, sink.body

    assert (b"one ", b"one two") == run(main())


def test_the_scheme_decides() -> None:
    """tcp:// is no HTTP."""
    transport = transport_to("tcp", "127.0.0.1", 1, connect_s=1, clock=ManualClock())
    assert isinstance(transport, StreamTransport)
