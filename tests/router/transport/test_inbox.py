"""The inbox: order, deadlines, bounds."""

import asyncio

import pytest
from exchanges import http1_transport
from fakes import RecordingExchange, head
from hypothesis import given
from hypothesis import strategies as st
from loopback import Peer, answering, ok, serving
from running import run

from router.errors import ConnectionLost, Malformed, Silent
from router.ports import UpstreamRequest
from router.transport import Inbox, fetch
from router.transport.inbox import HIGH_WATER_BYTES


async def _drained(inbox: Inbox) -> bytes:
    return await inbox.read_all(1, 2**40)


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=20), st.sets(st.integers(0, 20)))
def test_bytes_are_read_in_the_order_in_which_they_came(chunks: list[bytes], reads: set[int]) -> None:
    """Whenever the reader reads, it gets everything once and in order, and empty only at the end."""

    async def main() -> bytes:
        inbox, got = Inbox(), []
        inbox.head(head())
        for index, chunk in enumerate(chunks):
            inbox.data(chunk)
            if index in reads:
                got.append(await inbox.read(1))
        inbox.end()
        got.append(await _drained(inbox))
        assert await inbox.read(1) == b""
        return b"".join(got)

    assert b"".join(chunks) == run(main())


def test_a_waiting_reader_is_woken_by_each_arrival() -> None:
    """Head, data and end each end a wait at once."""

    async def main() -> list[object]:
        inbox = Inbox()
        loop = asyncio.get_running_loop()
        loop.call_later(0.001, inbox.head, head(201))
        seen: list[object] = [(await inbox.read_head(1)).status]
        loop.call_later(0.001, inbox.data, b"x")
        seen.append(await inbox.read(1))
        loop.call_later(0.001, inbox.end)
        seen.append(await inbox.read(1))
        return seen

    assert [201, b"x", b""] == run(main())


def test_what_came_before_a_fault_is_read_before_it() -> None:
    """A fault does not swallow the bytes before it."""

    async def main() -> bytes:
        inbox = Inbox()
        inbox.head(head())
        inbox.data(b"so far")
        inbox.error(ConnectionLost("gone"))
        got = await inbox.read(1)
        with pytest.raises(ConnectionLost):
            await inbox.read(1)
        return got

    assert b"so far" == run(main())


def test_a_fault_before_the_head_is_raised_to_whoever_waits() -> None:
    """A connection that is lost before answering ends the wait for the head."""

    async def main() -> None:
        inbox = Inbox()
        asyncio.get_running_loop().call_later(0.001, inbox.error, ConnectionLost("gone"))
        with pytest.raises(ConnectionLost):
            await inbox.read_head(1)

    run(main())


@pytest.mark.parametrize("read", ["read_head", "read"])
def test_no_byte_within_the_deadline_is_silence(read: str) -> None:
    """Silence is told as such, not as a TimeoutError."""

    async def main() -> str:
        with pytest.raises(Silent) as caught:
            await getattr(Inbox(), read)(0.01)
        return caught.value.message

    assert "no byte within 0.01 s" == run(main())


def test_a_late_arrival_after_silence_is_harmless() -> None:
    """The waiter is gone; the bytes are kept and nothing fails."""

    async def main() -> bytes:
        inbox = Inbox()
        with pytest.raises(Silent):
            await inbox.read(0.001)
        inbox.data(b"late")
        return await inbox.read(1)

    assert b"late" == run(main())


def test_the_upstream_is_paused_above_the_mark_and_resumed_by_a_read() -> None:
    """One pause, one resume, however many chunks come."""

    async def main() -> list[str]:
        inbox, exchange = Inbox(), RecordingExchange()
        inbox.attach(exchange)
        inbox.data(b"x" * HIGH_WATER_BYTES)
        assert exchange.calls == []
        inbox.data(b"x")
        inbox.data(b"x")
        await inbox.read(1)
        inbox.data(b"x")
        return exchange.calls

    assert ["pause", "resume"] == run(main())


def test_what_came_before_the_exchange_was_attached_counts() -> None:
    """A fast upstream can fill the inbox before `send` has returned."""
    inbox, exchange = Inbox(), RecordingExchange()
    inbox.data(b"x" * (HIGH_WATER_BYTES + 1))
    inbox.attach(exchange)
    assert ["pause"] == exchange.calls


def test_an_ended_exchange_is_not_resumed() -> None:
    """Its connection may serve somebody else by then."""

    async def main() -> list[str]:
        inbox, exchange = Inbox(), RecordingExchange()
        inbox.attach(exchange)
        inbox.data(b"x" * (HIGH_WATER_BYTES + 1))
        inbox.end()
        await inbox.read(1)
        return exchange.calls

    assert ["pause"] == run(main())


@pytest.mark.parametrize(
    ("ends", "calls"),
    [(None, ["abort"]), ("end", []), ("error", ["abort"])],
)
def test_close_aborts_only_what_still_runs(ends: str | None, calls: list[str]) -> None:
    """A finished exchange's connection is in the pool and not ours to close; after a fault one never knows."""
    inbox, exchange = Inbox(), RecordingExchange()
    inbox.attach(exchange)
    if ends == "end":
        inbox.end()
    elif ends == "error":
        inbox.error(ConnectionLost("gone"))
    inbox.close()
    assert calls == exchange.calls


def test_drained_is_what_has_ended_and_was_read() -> None:
    """So that the last piece can be sent as the last."""

    async def main() -> list[bool]:
        inbox = Inbox()
        inbox.data(b"x")
        seen = [inbox.is_drained]
        inbox.end()
        seen.append(inbox.is_drained)
        await inbox.read(1)
        return [*seen, inbox.is_drained]

    assert [False, False, True] == run(main())


@pytest.mark.parametrize(
    ("before", "calls", "body"),
    [("nothing", ["abort"], None), ("end", [], b"x"), ("error", [], None)],
)
def test_what_is_lost_is_given_up_unless_it_is_all_here(before: str, calls: list[str], body: bytes | None) -> None:
    """The exchange is closed and the reader told at once; the first fault counts."""

    async def main() -> tuple[list[str], bytes | None, str]:
        inbox, exchange = Inbox(), RecordingExchange()
        inbox.attach(exchange)
        inbox.data(b"x")
        if before == "end":
            inbox.end()
        elif before == "error":
            inbox.error(ConnectionLost("first"))
        inbox.lose(ConnectionLost("lost"))
        try:
            return exchange.calls, await inbox.read_all(1, 10), ""
        except ConnectionLost as fault:
            return exchange.calls, None, fault.message

    message = {"nothing": "lost", "end": "", "error": "first"}[before]
    assert (calls, body, message) == run(main())


def test_a_reader_that_waits_hears_of_the_loss_at_once() -> None:
    """Long before its deadline."""

    async def main() -> str:
        inbox = Inbox()
        asyncio.get_running_loop().call_soon(inbox.lose, ConnectionLost("lost"))
        with pytest.raises(ConnectionLost) as caught:
            await inbox.read_head(600)
        return caught.value.message

    assert "lost" == run(main())


def test_read_all_is_bounded() -> None:
    """An endless answer is malformed, not an end of memory."""

    async def main() -> str:
        inbox = Inbox()
        inbox.data(b"x" * 11)
        with pytest.raises(Malformed) as caught:
            await inbox.read_all(1, 10)
        return caught.value.message

    assert "the answer is longer than 10 bytes" == run(main())


def test_fetch_has_the_whole_small_answer() -> None:
    """Head and body."""

    async def main() -> tuple[int, bytes]:
        async with serving(answering(ok(b"all of it"))) as upstream:
            transport = http1_transport(upstream.port)
            head, body = await fetch(transport, UpstreamRequest("GET", "/", []), deadline_s=5)
            await transport.aclose()
            return head.status, body

    assert (200, b"all of it") == run(main())


def test_fetch_has_one_deadline_for_everything() -> None:
    """A server that drips bytes is silent too, and its connection is closed."""

    async def main() -> tuple[str, bool]:
        closed = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while not peer.writer.is_closing():
                peer.send(b"x")
                try:
                    async with asyncio.timeout(0.01):
                        await peer.until_closed()
                    break
                except TimeoutError:
                    pass
            closed.set()

        async with serving(script) as upstream:
            transport = http1_transport(upstream.port)
            with pytest.raises(Silent) as caught:
                await fetch(transport, UpstreamRequest("GET", "/", []), deadline_s=0.9)
            await closed.wait()
            await transport.aclose()
            return caught.value.message, closed.is_set()

    assert ("no answer within 0.9 s", True) == run(main())
