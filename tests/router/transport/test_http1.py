"""The pool of one upstream: which connections are kept and reused, how many there are, what is left behind."""

import asyncio

import pytest
from exchanges import GET, exchanged, http1_transport
from fakes import ManualClock, RecordingSink
from loopback import Peer, answering, ok, serving
from msgspec.structs import replace
from running import run, until

from router.errors import ConnectionLost, NotSent
from router.transport import fetch, http1
from router.transport.http1 import IDLE_S


def test_sequential_requests_share_one_connection(loop: str) -> None:
    """Keep-alive: a second request does not dial."""

    async def main() -> tuple[int, int, str]:
        async with serving(answering(ok(b"hi"))) as upstream:
            transport = http1_transport(upstream.port)
            for _ in range(5):
                assert (await exchanged(transport)).body == b"hi"
            shown = repr(transport)
            await transport.aclose()
            return upstream.connections, len(upstream.requests), shown.partition(" open=")[2]

    assert (1, 5, "1 idle=1>") == run(main(), loop)


def test_what_is_asked_once_leaves_no_connection_behind(loop: str) -> None:
    """Each has a fresh one, and where every request is such a one nobody would take it again: a provider that
    charges would have had all there may be after a thousand sentences."""

    async def main() -> tuple[int, str]:
        async with serving(answering(ok(b"hi"))) as upstream:
            transport = http1_transport(upstream.port)
            for _ in range(3):
                assert (await exchanged(transport, replace(GET, is_once=True))).body == b"hi"
            shown = repr(transport)
            await transport.aclose()
            return upstream.connections, shown.partition(" open=")[2]

    assert (3, "0 idle=0>") == run(main(), loop)


def test_concurrent_requests_have_a_connection_each(loop: str) -> None:
    """No pipelining: a slow answer holds up nobody else's."""

    async def main() -> tuple[int, list[bytes]]:
        async def script(peer: Peer) -> None:
            await peer.request()
            await until(lambda: upstream.connections == 3)
            peer.send(ok(b"%d" % peer.number))
            await peer.until_closed()

        async with serving(script) as upstream:
            transport = http1_transport(upstream.port)
            sinks = await asyncio.gather(*(exchanged(transport) for _ in range(3)))
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
            transport = http1_transport(upstream.port, clock)
            first, second = RecordingSink(), RecordingSink()
            await transport.send(GET, first)
            await transport.send(GET, second)
            await first.over.wait()  # idle from now on
            clock.advance(2)
            later.set()
            await second.over.wait()  # idle from two seconds later on
            clock.advance(1)
            await exchanged(transport)  # takes and refreshes the second
            shown = [repr(transport).partition(" open=")[2]]
            clock.advance(IDLE_S - 2.9)
            await exchanged(transport)  # the first has been idle for too long
            await until(lambda: "open=1 " in repr(transport))
            clock.advance(IDLE_S + 0.1)
            await exchanged(transport)
            await until(lambda: "open=1 " in repr(transport))
            shown.append(repr(transport).partition(" open=")[2])
            await transport.aclose()
            return upstream.connections, shown

    assert (3, ["2 idle=2>", "1 idle=1>"]) == run(main())


def test_without_idle_time_every_request_dials() -> None:
    """Probes dial anew, because only a dial tells a dead machine from a busy server."""

    async def main() -> int:
        async with serving(answering(ok(b"hi"))) as upstream:
            transport = http1_transport(upstream.port, idle_s=0)
            for _ in range(3):
                await exchanged(transport)
            await transport.aclose()
            return upstream.connections

    assert 3 == run(main())


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
            transport = http1_transport(upstream.port)
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


def test_a_closed_transport_sends_nothing() -> None:
    """After `aclose` no connection is opened any more."""

    async def main() -> int:
        async with serving(answering(ok(b"hi"))) as upstream:
            transport = http1_transport(upstream.port)
            await exchanged(transport)
            await transport.aclose()
            with pytest.raises(NotSent):
                await transport.send(GET, RecordingSink())
            return upstream.connections

    assert 1 == run(main())


def test_connections_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stalling upstream cannot eat every file descriptor."""
    monkeypatch.setattr(http1, "MAX_CONNECTIONS", 2)

    async def main() -> str:
        async def script(peer: Peer) -> None:
            await peer.until_closed()

        async with serving(script) as upstream:
            transport = http1_transport(upstream.port)
            for _ in range(2):
                await transport.send(GET, RecordingSink())
            with pytest.raises(NotSent) as caught:
                await transport.send(GET, RecordingSink())
            await transport.aclose()
            return caught.value.message.replace(str(upstream.port), "PORT")

    assert "2 connections to 127.0.0.1:PORT are open already" == run(main())


def test_a_server_that_closes_at_once_leaves_nothing_behind(loop: str) -> None:
    """Accepted and closed before the request: a loss, and the pool forgets the connection."""

    async def main() -> tuple[set[type | None], str]:
        async def script(peer: Peer) -> None:
            peer.reset()

        async with serving(script) as upstream:
            transport = http1_transport(upstream.port)
            faults: set[type | None] = {type((await exchanged(transport)).fault) for _ in range(20)}
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
            transport = http1_transport(upstream.port)
            task = asyncio.ensure_future(fetch(transport, GET, deadline_s=10))
            await asked.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await closed.wait()
            await transport.aclose()
            return closed.is_set()

    assert run(main()) is True
