"""What goes over the wire: the request as it was given, with Host and Content-Length of the transport."""

import pytest
from exchanges import GET, POST, exchanged, http1_transport
from fakes import ManualClock
from loopback import answering, ok, serving
from running import run

from router.ports import UpstreamRequest
from router.transport.http1 import Http1Transport


def test_the_request_on_the_wire_is_complete() -> None:
    """Host and Content-Length are the transport's; everything else is as it was given."""

    async def main() -> tuple[str, tuple[tuple[str, str], ...], bytes, int]:
        async with serving(answering(ok(b""))) as upstream:
            transport = http1_transport(upstream.port)
            await exchanged(transport, POST)
            await transport.aclose()
            request = upstream.requests[0]
            return request.line, request.headers, request.body, upstream.port

    line, headers, body, port = run(main())
    expected = (("Host", f"127.0.0.1:{port}"), ("Content-Type", "application/json"), ("Content-Length", "7"))
    assert ("POST /v1/x?y=1 HTTP/1.1", expected, b'{"a":1}') == (line, headers, body)


@pytest.mark.parametrize(("method", "length"), [("GET", None), ("POST", "0")])
def test_an_empty_post_says_that_it_is_empty(method: str, length: str | None) -> None:
    """RFC 9110 §8.6: a POST without a body has Content-Length: 0, a GET has none."""

    async def main() -> str | None:
        async with serving(answering(ok(b""))) as upstream:
            transport = http1_transport(upstream.port)
            await exchanged(transport, UpstreamRequest(method, "/", []))
            await transport.aclose()
            return upstream.requests[0].get("content-length")

    assert length == run(main())


def test_an_ipv6_address_is_bracketed_in_host() -> None:
    """RFC 3986 §3.2.2."""
    transport = Http1Transport("::1", 8006, connect_s=1, clock=ManualClock())
    assert b"GET / HTTP/1.1\r\nHost: [::1]:8006\r\n\r\n" == transport._payload(GET)
