"""A cable that can be pulled: silence, and going on where it was."""

import asyncio

import pytest
from exchanges import GET
from fakes import ManualClock, RecordingSink
from loopback import Peer, answering, ok, serving
from running import run, until

from router.errors import DialTimeout
from router.ports import Transport
from router.transport import Http1Transport
from router.transport.unplugged import Cable, OnCable


def transport_on(cable: Cable, port: int, connect_s: float = 0.05) -> Transport:
    return cable.transport_to("http", "127.0.0.1", port, connect_s=connect_s, clock=ManualClock())


def everywhere() -> Cable:
    return Cable(lambda host, port: True)


def test_plugged_in_it_is_as_if_it_were_not_there() -> None:
    """The answer, whole, and a dial."""

    async def main() -> tuple[bytes, list[str]]:
        async with serving(answering(ok(b"hello"))) as upstream:
            transport, sink = transport_on(everywhere(), upstream.port), RecordingSink()
            await transport.touch()
            await transport.send(GET, sink)
            await sink.over.wait()
            await transport.aclose()
            return sink.body, sink.forbidden

    assert run(main()) == (b"hello", [])


def test_only_what_is_on_the_cable_has_one() -> None:
    """Everybody else has the plain transport."""
    port = 8006  # nobody dials it
    cable = Cable(lambda host, at: (host, at) == ("127.0.0.1", port))
    assert isinstance(transport_on(cable, port), OnCable)
    assert isinstance(transport_on(cable, port + 1), Http1Transport)


def test_unplugged_a_dial_hangs_until_its_timeout() -> None:
    """And nothing goes out."""

    async def main() -> int:
        async with serving(answering(ok(b"hello"))) as upstream:
            cable = everywhere()
            transport = transport_on(cable, upstream.port)
            cable.unplug()
            with pytest.raises(DialTimeout, match="is the machine awake"):
                await transport.send(GET, RecordingSink())
            with pytest.raises(DialTimeout):
                await transport.touch()
            await transport.aclose()
            return upstream.connections

    assert run(main()) == 0


def test_plugged_in_again_in_time_a_dial_succeeds() -> None:
    """As a SYN that is sent again."""

    async def main() -> bytes:
        async with serving(answering(ok(b"hello"))) as upstream:
            cable = everywhere()
            transport, sink = transport_on(cable, upstream.port, connect_s=5.0), RecordingSink()
            cable.unplug()
            sending = asyncio.create_task(transport.send(GET, sink))
            await asyncio.sleep(0)
            cable.plug()
            await sending
            await sink.over.wait()
            await transport.aclose()
            return sink.body

    assert run(main()) == b"hello"


def test_exchange_in_flight_falls_silent_and_goes_on() -> None:
    """No end and no error meanwhile; then everything, in order."""

    async def main() -> tuple[bytes, bool, bytes, list[str]]:
        go_on, is_sent = asyncio.Event(), asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
            await go_on.wait()
            peer.send(b"after")
            await peer.writer.drain()
            is_sent.set()
            await peer.until_closed()

        async with serving(script) as upstream:
            cable, sink = everywhere(), RecordingSink()
            transport = transport_on(cable, upstream.port)
            exchange = await transport.send(GET, sink)
            await until(lambda: sink.body == b"first")
            cable.unplug()
            go_on.set()
            await is_sent.wait()
            for _ in range(20):  # it has arrived here, and is held back
                await asyncio.sleep(0.001)
            silent = sink.body, sink.over.is_set()
            exchange.pause()
            exchange.resume()
            cable.plug()
            await sink.over.wait()
            await transport.aclose()
            return *silent, sink.body, sink.forbidden

    assert run(main()) == (b"first", False, b"firstafter", [])


def test_what_was_aborted_meanwhile_hears_nothing() -> None:
    """The router gave it up, as it should."""

    async def main() -> tuple[bytes, bool]:
        async with serving(answering(ok(b"hello"))) as upstream:
            cable, sink = everywhere(), RecordingSink()
            transport = transport_on(cable, upstream.port)
            exchange = await transport.send(GET, sink)
            cable.unplug()
            for _ in range(20):
                await asyncio.sleep(0.001)
            exchange.abort()
            exchange.abort()
            cable.plug()
            await transport.aclose()
            return sink.body, sink.over.is_set()

    assert run(main()) == (b"", False)


def test_transport_says_how_it_is() -> None:
    """In a log."""
    cable = everywhere()
    transport = transport_on(cable, 1)
    assert repr(transport).startswith("<OnCable plugged <Http1Transport 127.0.0.1:1")
    cable.unplug()
    assert repr(transport).startswith("<OnCable unplugged")
