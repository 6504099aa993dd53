"""TLS through httpx's transport: the same promises as on plain HTTP, and no cookie jar."""

import asyncio
import gc
import json
import ssl
import weakref

import pytest
from exchanges import GET, POST, tls_exchanged, tls_transport
from fakes import RecordingSink
from houses import ask
from loopback import Peer, answering, ok, serving
from running import run, until

from router.app import House
from router.config import Settings
from router.errors import ConnectionLost, Malformed, UpstreamFault


@pytest.mark.usefixtures("_trusted")
def test_requests_share_a_connection_and_arrive_whole(server_context: ssl.SSLContext) -> None:
    """Body, headers and answer are as given; the second request does not dial."""

    async def main() -> tuple[list[bytes], int, str, bytes, list[str]]:
        async with serving(answering(ok(b"hello")), tls=server_context) as upstream:
            transport = tls_transport(upstream.port)
            bodies = [(await tls_exchanged(transport, POST)).body for _ in range(2)]
            await transport.aclose()
            request = upstream.requests[0]
            names = sorted(name.lower() for name, _ in request.headers)
            return bodies, upstream.connections, request.line, request.body, names

    expected = (
        [b"hello", b"hello"],
        1,
        "POST /v1/x?y=1 HTTP/1.1",
        b'{"a":1}',
        ["content-length", "content-type", "host"],
    )
    assert expected == run(main())


@pytest.mark.usefixtures("_trusted")
def test_a_cookie_is_never_sent_back(server_context: ssl.SSLContext) -> None:
    """One client's Set-Cookie must not ride on another client's request."""

    async def main() -> str | None:
        async with serving(answering(ok(b"", "Set-Cookie: who=alice; Path=/")), tls=server_context) as upstream:
            transport = tls_transport(upstream.port)
            await tls_exchanged(transport)
            await tls_exchanged(transport)
            await transport.aclose()
            assert len(upstream.requests) == 2
            return upstream.requests[1].get("cookie")

    assert None is run(main())


@pytest.mark.usefixtures("_trusted")
def test_a_redirect_is_the_answer(server_context: ssl.SSLContext) -> None:
    """Following it would take the key to another server."""

    async def main() -> tuple[int, int]:
        answer = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
        async with serving(answering(answer), tls=server_context) as upstream:
            transport = tls_transport(upstream.port)
            sink = await tls_exchanged(transport)
            await transport.aclose()
            return sink.status, len(upstream.requests)

    assert (302, 1) == run(main())


@pytest.mark.usefixtures("_trusted")
def test_compressed_bytes_pass_as_they_are(server_context: ssl.SSLContext) -> None:
    """What the upstream compressed for the client stays compressed."""

    async def main() -> tuple[bytes, bytes | None]:
        async with serving(
            answering(ok(b"\x1f\x8bnot really", "Content-Encoding: gzip")), tls=server_context
        ) as up:
            transport = tls_transport(up.port)
            sink = await tls_exchanged(transport)
            await transport.aclose()
            return sink.body, sink.header(b"content-encoding")

    assert (b"\x1f\x8bnot really", b"gzip") == run(main())


@pytest.mark.usefixtures("_trusted")
def test_chunks_arrive_as_they_are_sent(server_context: ssl.SSLContext) -> None:
    """A stream is not held back until it is whole."""

    async def main() -> bytes:
        go_on = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
            await go_on.wait()
            peer.send(b"3\r\ntwo\r\n0\r\n\r\n")
            await peer.until_closed()

        async with serving(script, tls=server_context) as upstream:
            transport = tls_transport(upstream.port)
            sink = RecordingSink()
            await transport.send(GET, sink)
            await until(lambda: sink.body == b"one")
            go_on.set()
            await sink.over.wait()
            await transport.aclose()
            return sink.body

    assert b"onetwo" == run(main())


@pytest.mark.usefixtures("_trusted")
def test_abort_closes_the_socket_and_the_sink_hears_nothing_more(server_context: ssl.SSLContext) -> None:
    """As on plain HTTP."""

    async def main() -> tuple[bool, list[str], bool]:
        closed = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
            await peer.until_closed()
            closed.set()

        async with serving(script, tls=server_context) as upstream:
            transport = tls_transport(upstream.port)
            sink = RecordingSink()
            exchange = await transport.send(GET, sink)
            await sink.begun.wait()
            exchange.abort()
            exchange.abort()
            sink.is_aborted = True
            await closed.wait()
            await transport.aclose()
            return closed.is_set(), sink.forbidden, sink.over.is_set()

    assert (True, [], False) == run(main())


@pytest.mark.usefixtures("_trusted")
def test_aborting_before_the_head_closes_the_socket(server_context: ssl.SSLContext) -> None:
    """`send` does not wait for the head, so deadlines, clients that leave and lost machines count before it."""

    async def main() -> bool:
        asked, closed = asyncio.Event(), asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            asked.set()
            await peer.until_closed()
            closed.set()

        async with serving(script, tls=server_context) as upstream:
            transport = tls_transport(upstream.port)
            sink = RecordingSink()
            exchange = await transport.send(GET, sink)
            await asked.wait()
            exchange.abort()
            await closed.wait()
            assert (None, False) == (sink.fault, sink.over.is_set())
            await transport.aclose()
            return closed.is_set()

    assert run(main()) is True


@pytest.mark.usefixtures("_trusted")
def test_pause_holds_and_resume_goes_on(server_context: ssl.SSLContext) -> None:
    """A paused exchange hands on nothing; resumed, nothing is missing."""

    async def main() -> tuple[bytes, bytes]:
        go_on = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none")
            await go_on.wait()
            peer.send(b"two")
            await peer.until_closed()

        async with serving(script, tls=server_context) as upstream:
            transport = tls_transport(upstream.port)
            sink = RecordingSink()
            exchange = await transport.send(GET, sink)
            await until(lambda: sink.body == b"one")
            exchange.pause()
            go_on.set()
            await asyncio.sleep(0.1)  # ample for three bytes to come through, were it not paused
            while_paused = sink.body
            exchange.resume()
            await sink.over.wait()
            await transport.aclose()
            return while_paused, sink.body

    assert (b"one", b"onetwo") == run(main())


@pytest.mark.usefixtures("_trusted")
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", ConnectionLost),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", ConnectionLost),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n", ConnectionLost),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", Malformed),
    ],
    ids=["nothing", "half a body", "no last chunk", "another protocol"],
)
def test_faults_are_told_by_what_they_are(
    server_context: ssl.SSLContext, answer: bytes, kind: type[UpstreamFault]
) -> None:
    """A cut is a loss, foreign bytes are malformed, whether they reach the sender or the sink."""

    async def main() -> type:
        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(answer)

        async with serving(script, tls=server_context) as upstream:
            transport = tls_transport(upstream.port)
            try:
                fault = (await tls_exchanged(transport)).fault
            except UpstreamFault as raised:
                fault = raised
            await transport.aclose()
            return type(fault)

    assert kind is run(main())


@pytest.mark.usefixtures("_trusted")
def test_closing_the_transport_tells_who_still_waits(server_context: ssl.SSLContext) -> None:
    """As on plain HTTP: a reader must not wait for its deadline when a configuration is retired."""

    async def main() -> type:
        asked = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            asked.set()
            await peer.until_closed()

        async with serving(script, tls=server_context) as upstream:
            transport = tls_transport(upstream.port)
            sink = RecordingSink()
            await transport.send(GET, sink)
            await asked.wait()
            await transport.aclose()
            return type(sink.fault)

    assert ConnectionLost is run(main())


@pytest.mark.usefixtures("_trusted")
@pytest.mark.parametrize("control", [1, 8, 0x0B, 0x1F, 0x7F], ids=hex)
def test_a_control_character_in_a_header_is_malformed(server_context: ssl.SSLContext, control: int) -> None:
    """As on plain HTTP: handed on, it would break the client's answer in its middle. A tab is none."""

    async def main() -> tuple[type, bool, bytes | None]:
        bad = b"HTTP/1.1 200 OK\r\nX-C: a%cb\r\nContent-Length: 2\r\n\r\n{}" % control
        answers = [bad, ok(b"{}", "X-C: a\tb")]

        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(answers[peer.number - 1])
            await peer.until_closed()

        async with serving(script, tls=server_context) as upstream:
            transport = tls_transport(upstream.port)
            first, second = await tls_exchanged(transport), await tls_exchanged(transport)
            await transport.aclose()
            return type(first.fault), bool(first.heads), second.header(b"x-c")

    assert (Malformed, False, b"a\tb") == run(main())


@pytest.mark.usefixtures("_trusted")
def test_a_control_character_sends_the_request_to_the_next_candidate(server_context: ssl.SSLContext) -> None:
    """Through the whole router: the client sees a good answer and nothing of the bad one."""

    async def main() -> tuple[int, str | None, str | None, bytes]:
        async def bad(peer: Peer) -> None:
            while True:
                request = await peer.request()
                list_of_models = ok(b'{"data":[{"id":"m"}]}')
                broken = b"HTTP/1.1 200 OK\r\nX-C: a\x01b\r\nContent-Length: 2\r\n\r\n{}"
                peer.send(list_of_models if request.line.startswith("GET") else broken)

        async def good(peer: Peer) -> None:
            while True:
                request = await peer.request()
                peer.send(ok(b'{"data":[{"id":"m"}]}' if request.line.startswith("GET") else b'{"id":"good"}'))

        async with serving(bad, tls=server_context) as one, serving(good) as two:
            providers = {
                "one": {"kind": "openai", "url": f"https://127.0.0.1:{one.port}", "tier": 0},
                "two": {"kind": "openai", "url": f"http://127.0.0.1:{two.port}", "tier": 1},
            }
            settings = Settings.model_validate_json(json.dumps({"providers": providers}))
            async with House(settings, None).open() as house:
                answer = await ask(house.entry, "POST", "/v1/chat/completions", b'{"model":"m"}')
                return answer.status, answer.get("x-router-provider"), answer.get("x-router-attempts"), answer.body

    assert (200, "two", "2", b'{"id":"good"}') == run(main())


@pytest.mark.usefixtures("_trusted")
def test_an_aborted_exchange_holds_its_sink_no_longer(server_context: ssl.SSLContext) -> None:
    """A cancelled task's traceback holds the exchange; were it held in turn, both would wait for a collection."""

    async def main() -> bool:
        async with serving(lambda peer: peer.until_closed(), tls=server_context) as upstream:
            transport = tls_transport(upstream.port)
            sink = RecordingSink()
            is_held = weakref.ref(sink)
            exchange = await transport.send(GET, sink)
            await until(lambda: upstream.connections == 1)
            gc.collect()
            gc.disable()
            try:
                exchange.abort()
                del exchange, sink
                await until(lambda: "exchanges=0" in repr(transport))
                await until(lambda: is_held() is None)
                return True
            finally:
                gc.enable()
                await transport.aclose()

    assert run(main()) is True
