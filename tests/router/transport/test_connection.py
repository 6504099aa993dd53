"""One connection: which answers are whole, which may be followed by another, which are a fault."""

import asyncio

import pytest
from exchanges import CHUNKED, GET, http1_transport
from fakes import RecordingSink
from loopback import Peer, ok, serving
from running import run, until

from router.errors import ConnectionLost, Malformed
from router.mailbag import Mailbag
from router.transport.connection import MAX_HEAD_BYTES, MAX_HEADERS, Connection


async def _answer(*parts: bytes, then_close: bool = False, then_reset: bool = False) -> tuple[RecordingSink, str]:
    """The sink after an upstream sent `parts` (each on its own), and the pool's repr at that moment."""

    async def script(peer: Peer) -> None:
        await peer.request()
        for part in parts:
            peer.send(part)
            await peer.writer.drain()
            await asyncio.sleep(0.002)
        if then_reset:
            peer.reset()
        elif not then_close:
            await peer.until_closed()

    async with serving(script) as upstream:
        transport = http1_transport(upstream.port)
        sink = RecordingSink()
        await transport.send(GET, sink)
        await sink.over.wait()
        await until(lambda: "open=0" in repr(transport) or "idle=1" in repr(transport))
        shown = repr(transport).partition(" open=")[2].rstrip(">")
        await transport.aclose()
    assert sink.forbidden == []
    return sink, shown


KEPT, CLOSED = "1 idle=1", "0 idle=0"


@pytest.mark.parametrize(
    ("parts", "status", "body", "pool"),
    [
        ([ok(b"hello")], 200, b"hello", KEPT),
        ([ok(b"")], 200, b"", KEPT),
        ([b"HTTP/1.1 200 OK\r\nContent-", b"Length: 5\r\n\r\nhe", b"llo"], 200, b"hello", KEPT),
        ([CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"], 200, b"hello", KEPT),
        ([CHUNKED + b"2\r", b"\nhe\r\n3;ext=1\r\nllo\r\n0", b"\r\n\r\n"], 200, b"hello", KEPT),
        ([CHUNKED + b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n"], 200, b"hello", KEPT),
        ([b"HTTP/1.1 204 No Content\r\n\r\n"], 204, b"", KEPT),
        ([b"HTTP/1.1 304 Not Modified\r\nContent-Length: 90\r\n\r\n"], 304, b"", KEPT),
        ([b"HTTP/1.1 304 Not Modified\r\n\r\n"], 304, b"", KEPT),
        ([b"HTTP/1.1 100 Continue\r\n\r\n" + ok(b"hi")], 200, b"hi", KEPT),
        (
            [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n", ok(b"hi")],
            200,
            b"hi",
            KEPT,
        ),
        ([ok(b"last", "Connection: close")], 200, b"last", CLOSED),
        ([b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold"], 200, b"old", CLOSED),
        (
            [b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nold"],
            200,
            b"old",
            CLOSED,
        ),
        ([b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"], 404, b"no", KEPT),
    ],
    ids=[
        "length",
        "empty",
        "head in pieces",
        "chunked",
        "chunked in pieces",
        "trailers",
        "204",
        "304 with a length",
        "304",
        "100 in one read",
        "100 and 103",
        "connection close",
        "http 1.0",
        "http 1.0 that would be kept",
        "404",
    ],
)
def test_a_framed_answer_is_whole_and_tells_whether_the_connection_is_kept(
    loop: str, parts: list[bytes], status: int, body: bytes, pool: str
) -> None:
    """Framing decides the body's end, and only an answer beyond doubt leaves the connection in the pool."""
    sink, shown = run(_answer(*parts), loop)
    assert (status, body, True, pool) == (sink.status, sink.body, sink.is_ended, shown)


@pytest.mark.parametrize("extra", [b"", b"Connection: close\r\n", b"Connection: keep-alive\r\n"])
def test_a_body_that_ends_with_the_connection_is_whole_when_the_connection_closes(loop: str, extra: bytes) -> None:
    """RFC 9112 §6.3, the last rule: without a length, the close is the end, and the connection is not reused."""
    sink, shown = run(_answer(b"HTTP/1.1 200 OK\r\n" + extra + b"\r\nall ", b"of it", then_close=True), loop)
    assert (b"all of it", True, None, CLOSED) == (sink.body, sink.is_ended, sink.fault, shown)


@pytest.mark.parametrize(
    ("parts", "had_bytes"),
    [
        ([b""], False),
        ([b"HTTP/1.1 200 OK\r\nContent-Le"], True),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"], True),
        ([CHUNKED + b"5\r\nhello\r\n"], True),
        ([CHUNKED + b"5\r\nhello\r\n0\r\n"], True),
        ([b"HTTP/1.1 100 Continue\r\n\r\n"], True),
    ],
    ids=["nothing", "half a head", "half a body", "no last chunk", "no end of trailers", "only a 100"],
)
def test_an_answer_cut_short_is_lost(loop: str, parts: list[bytes], had_bytes: bool) -> None:
    """A close before the framing's end is a loss, never an end; and it says whether anything had come."""
    sink, shown = run(_answer(*parts, then_close=True), loop)
    assert isinstance(sink.fault, ConnectionLost)
    assert (had_bytes, False, CLOSED) == (sink.fault.had_bytes, sink.is_ended, shown)


def test_a_reset_is_lost_even_when_the_body_ends_with_the_connection(loop: str) -> None:
    """A reset is not an orderly end, so what had come may not be all of it."""
    sink, _ = run(_answer(b"HTTP/1.1 200 OK\r\n\r\nhalf", then_reset=True), loop)
    assert (ConnectionLost, False) == (type(sink.fault), sink.is_ended)


@pytest.mark.parametrize(
    "parts",
    [
        [b"SSH-2.0-OpenSSH_9.6\r\n"],
        [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello"],
        [CHUNKED + b"zz\r\nhello\r\n0\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked,\r\n\r\n5\r\nhello\r\n0\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\t\r\n\r\n5\r\nhello\r\n0\r\n\r\n"],
        [b"HTTP/1.1 199 Odd\r\nContent-Length: 5\r\n\r\nhello" + ok(b"hi")],
        [b"HTTP/1.1 099 Odd\r\nContent-Length: 5\r\n\r\nhello"],
        [b"HTTP/1.1 200 OK\r\n" + b"X-Pad: 1\r\n" * (MAX_HEADERS + 1) + b"\r\n"],
        [b"HTTP/1.1 200 OK\r\nX-Pad: " + b"a" * MAX_HEAD_BYTES, b"a" * MAX_HEAD_BYTES],
        [b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05hello"],
    ],
    ids=[
        "another protocol",
        "tls",
        "length and chunked",
        "two lengths",
        "no number",
        "bad chunk",
        "a coding",
        "a coding under chunks",
        "an empty coding",
        "a coding that ends in a tab",
        "an interim answer with a body",
        "a status below 100",
        "too many headers",
        "huge head",
        "upgrade",
    ],
)
def test_what_is_not_http_is_malformed(loop: str, parts: list[bytes]) -> None:
    """Ambiguous or foreign bytes are the provider's fault and end the connection."""
    sink, shown = run(_answer(*parts), loop)
    assert (Malformed, False, CLOSED) == (type(sink.fault), sink.is_ended, shown)


def test_a_second_answer_in_the_same_read_is_discarded_with_its_connection(loop: str) -> None:
    """An answer nobody asked for would be the next request's; so the next request dials anew."""

    async def main() -> tuple[bytes, bytes, int]:
        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(ok(b"mine %d" % peer.number) + ok(b"smuggled"))
            await peer.until_closed()

        async with serving(script) as upstream:
            transport = http1_transport(upstream.port)
            first, second = RecordingSink(), RecordingSink()
            await transport.send(GET, first)
            await first.over.wait()
            await transport.send(GET, second)
            await second.over.wait()
            await transport.aclose()
            assert first.forbidden + second.forbidden == []
            return first.body, second.body, upstream.connections

    assert (b"mine 1", b"mine 2", 2) == run(main(), loop)


def test_bytes_on_an_idle_connection_close_it(loop: str) -> None:
    """Late bytes on a pooled connection are nobody's: it is closed and the next request dials anew."""

    async def main() -> tuple[bytes, int]:
        speak_up, heard = asyncio.Event(), asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(ok(b"%d" % peer.number))
            await speak_up.wait()
            if peer.number == 1:
                peer.send(ok(b"late"))
                await peer.until_closed()
                heard.set()
            await peer.until_closed()

        async with serving(script) as upstream:
            transport = http1_transport(upstream.port)
            first, second = RecordingSink(), RecordingSink()
            await transport.send(GET, first)
            await first.over.wait()
            speak_up.set()
            await heard.wait()
            await until(lambda: "open=0" in repr(transport))
            await transport.send(GET, second)
            await second.over.wait()
            await transport.aclose()
            assert first.forbidden == []
            return second.body, upstream.connections

    assert (b"2", 2) == run(main(), loop)


class _NoTransport(asyncio.Transport):
    """Swallows what is written."""

    def write(self, data: object) -> None:
        pass

    def is_closing(self) -> bool:
        return False

    def abort(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


def test_trailers_do_not_become_headers(loop: str) -> None:
    """RFC 9110 §6.5.1: a trailer must not be merged into the head, where it could pose as anything."""
    sink, _ = run(_answer(CHUNKED + b"5\r\nhello\r\n0\r\nX-Router-Provider: evil\r\nX-Sum: 1\r\n\r\n"), loop)
    assert [b"transfer-encoding"] == [name for name, _ in sink.heads[0].headers]


def test_a_huge_head_in_a_single_read_is_malformed(loop: str) -> None:
    """The bound on a head does not depend on how the network cuts it."""
    del loop  # fed by hand, because a socket cuts as it likes
    sink = RecordingSink()
    connection = Connection("upstream", lambda _: None, lambda _: None, Mailbag(lambda deliver: deliver()))
    connection.connection_made(_NoTransport())
    connection.start(b"", sink)
    connection.data_received(
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Pad: " + b"a" * (2 * MAX_HEAD_BYTES) + b"\r\n\r\n"
    )
    assert Malformed is type(sink.fault)


def test_a_long_body_behind_a_small_head_is_no_huge_head(loop: str) -> None:
    """Only the head is bounded: what follows it in the same read does not count."""
    body = b"x" * (3 * MAX_HEAD_BYTES)
    sink, shown = run(_answer(ok(body)), loop)
    assert (len(body), True, KEPT) == (len(sink.body), sink.is_ended, shown)
