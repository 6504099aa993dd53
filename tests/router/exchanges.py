"""Requests to an upstream and their exchange to its end, over plain HTTP and over TLS."""

from typing import Any

from fakes import ManualClock, RecordingSink
from running import until

from router.ports import UpstreamRequest
from router.transport import TlsTransport
from router.transport.http1 import Http1Transport

GET = UpstreamRequest("GET", "/", [])
POST = UpstreamRequest("POST", "/v1/x?y=1", [(b"Content-Type", b"application/json")], b'{"a":1}')
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def http1_transport(port: int, clock: ManualClock | None = None, **options: Any) -> Http1Transport:
    """To the loopback's `port`."""
    return Http1Transport("127.0.0.1", port, connect_s=2, clock=clock or ManualClock(), **options)


def tls_transport(port: int) -> TlsTransport:
    """To the loopback's `port`."""
    return TlsTransport("127.0.0.1", port, connect_s=5)


async def exchanged(transport: Http1Transport, request: UpstreamRequest = GET) -> RecordingSink:
    """The sink of `request` when its exchange is over."""
    sink = RecordingSink()
    await transport.send(request, sink)
    await sink.over.wait()
    assert sink.forbidden == []
    return sink


async def tls_exchanged(transport: TlsTransport, request: UpstreamRequest = GET) -> RecordingSink:
    """The sink of `request` when its exchange is over and its connection is free."""
    sink = RecordingSink()
    await transport.send(request, sink)
    await sink.over.wait()
    await until(lambda: "exchanges=0" in repr(transport))  # its connection is in the pool again
    assert sink.forbidden == []
    return sink
