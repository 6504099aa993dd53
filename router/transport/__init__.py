"""Connections to upstreams: the only rooms that dial, or import an HTTP client or parser."""

from typing import Protocol

from router.ports import Monotonic, Transport
from router.transport.http1 import Http1Transport
from router.transport.inbox import Inbox, fetch
from router.transport.stream import StreamTransport
from router.transport.tls import TlsTransport

__all__ = [
    "Http1Transport",
    "Inbox",
    "StreamTransport",
    "TlsTransport",
    "TransportMaker",
    "fetch",
    "transport_to",
]


class TransportMaker(Protocol):
    """Makes the transport for an origin. `transport_to` is the one; the drill has one with a cable to pull."""

    def __call__(
        self, scheme: str, host: str, port: int, *, connect_s: float, clock: Monotonic, keep_alive: bool = True
    ) -> Transport: ...


def transport_to(
    scheme: str, host: str, port: int, *, connect_s: float, clock: Monotonic, keep_alive: bool = True
) -> Transport:
    """The transport for an origin: our own for plain HTTP on the LAN, httpx for TLS, TCP for what is no HTTP."""
    if scheme == "tcp":
        return StreamTransport(host, port, connect_s=connect_s)
    if scheme == "https":
        return TlsTransport(host, port, connect_s=connect_s)
    if keep_alive:
        return Http1Transport(host, port, connect_s=connect_s, clock=clock)
    return Http1Transport(host, port, connect_s=connect_s, clock=clock, idle_s=0)
