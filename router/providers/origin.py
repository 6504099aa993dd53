"""An HTTP origin: where a provider's server is, and the two ways to reach it.

Requests go over pooled connections. Probes dial anew each time, because only a dial tells a machine that is
gone (silence) from a server that is busy (connected, no answer).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from router import __version__
from router.errors import (
    DialRefused,
    DialTimeout,
    Malformed,
    NotSent,
    Rejected,
    Silent,
    TlsRefused,
    UpstreamFault,
)
from router.health import HostSign, ProviderSign
from router.ports import Body, Exchange, Header, Monotonic, Probe, ResponseHead, Sink, UpstreamRequest
from router.transport import TransportMaker, fetch, transport_to

PROBE_DEADLINE_S: Final = 0.9  # less than the second between two probes
REMOTE_PROBE_DEADLINE_S: Final = 4.0
_PROBE_CONNECT_S: Final = 0.6  # well within the deadline, or a silent machine would look like a slow server
FAR_CONNECT_S: Final = 3.0  # nobody grants that much to a machine in the house
TOUCH_DEADLINE_S: Final = 0.3  # while requests are in flight; two misses mean that the machine is gone
T = TypeVar("T")
_USUAL_PORTS: Final = {"https": 443, "tcp": 10_200}  # of what is no HTTP only Wyoming's speech is spoken
_USER_AGENT: Final = (b"User-Agent", f"local-ai-router/{__version__}".encode())


@dataclass(frozen=True, slots=True)
class Address:
    """A base URL in parts; `path` starts with a slash and has none at its end, or is empty."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> "Address":
        parts = urlsplit(url)
        port = parts.port or _USUAL_PORTS.get(parts.scheme, 80)
        return cls(parts.scheme, parts.hostname or "", port, parts.path.rstrip("/"))

    def with_path(self, path: str) -> "Address":
        return Address(self.scheme, self.host, self.port, path)


class Origin:
    """One server. `api_key` goes out on every request: as a Bearer token, or as it is in the header `key_header`.
    `headers`: what else the server wants on every request."""

    def __init__(
        self,
        address: Address,
        *,
        api_key: str,
        connect_s: float,
        clock: Monotonic,
        transports: TransportMaker = transport_to,
        key_header: bytes | None = None,
        headers: Sequence[Header] = (),
    ) -> None:
        self.address = address
        self._api_key = api_key
        self._own: list[Header] = list(headers)
        if api_key:
            bearer = (b"Authorization", f"Bearer {api_key}".encode())
            self._own.append((key_header, api_key.encode()) if key_header else bearer)
        scheme, host, port = address.scheme, address.host, address.port
        self._data = transports(scheme, host, port, connect_s=connect_s, clock=clock)
        self._is_rented = connect_s >= FAR_CONNECT_S and _is_public(host)
        probe_connect_s = connect_s if self.is_remote else min(connect_s, _PROBE_CONNECT_S)
        self._probes = transports(scheme, host, port, connect_s=probe_connect_s, clock=clock, keep_alive=False)

    def __repr__(self) -> str:
        return f"<Origin {self._data!r}>"

    def redact(self, text: str) -> str:
        """See `ports.Provider.redact`."""
        return text.replace(self._api_key, "[key]") if self._api_key else text

    async def post(
        self, path: str, headers: Sequence[Header], body: Body, sink: Sink, *, is_once: bool = False
    ) -> Exchange:
        """Send `body`; the answer goes to `sink`. Raises NotSent."""
        target = self.address.path + path
        return await self._data.send(UpstreamRequest("POST", target, [*headers, *self._own], body, is_once), sink)

    async def dial(self) -> None:
        """Dial and hang up, with the time that a probe has for it. Raises NotSent."""
        await self._probes.touch()

    @property
    def is_remote(self) -> bool:
        """On the internet, where a third of a second says nothing."""
        return self.address.scheme == "https" or self._is_rented

    @property
    def probe_deadline_s(self) -> float:
        return REMOTE_PROBE_DEADLINE_S if self.is_remote else PROBE_DEADLINE_S

    async def look(self, path: str, *, deadline_s: float | None = None) -> bytes:
        """GET for a probe. Raises UpstreamFault; Rejected for any status but 200."""
        request = UpstreamRequest("GET", self.address.path + path, [_USER_AGENT, *self._own])
        head, body = await fetch(self._probes, request, deadline_s=deadline_s or self.probe_deadline_s)
        if head.status != 200:
            raise Rejected(_status_in_words(head, path), upstream_status=head.status)
        return body

    async def open(self, path: str, sink: Sink) -> Exchange:
        """GET what goes on and on, over a connection of its own. Raises NotSent."""
        request = UpstreamRequest("GET", self.address.path + path, [_USER_AGENT, *self._own])
        return await self._probes.send(request, sink)

    async def ask(
        self, method: str, path: str, headers: Sequence[Header], body: bytes, *, deadline_s: float
    ) -> tuple[ResponseHead, bytes]:
        """A small answer, whole, whatever its status. Raises UpstreamFault."""
        request = UpstreamRequest(method, self.address.path + path, [*headers, *self._own], body)
        return await fetch(self._data, request, deadline_s=deadline_s)

    async def touch(self) -> HostSign:
        """Whether the machine answers a dial within `TOUCH_DEADLINE_S`, be it by refusing."""
        try:
            async with asyncio.timeout(TOUCH_DEADLINE_S):
                await self._probes.touch()
        except (TimeoutError, DialTimeout):
            return HostSign.SILENT
        except NotSent:
            return HostSign.ANSWERED
        return HostSign.ANSWERED

    async def aclose(self) -> None:
        await self._data.aclose()
        await self._probes.aclose()


def _is_public(host: str) -> bool:
    """Whether it is an address outside any house. Of a name one cannot tell, nor of IPv6, public inside too."""
    try:
        return IPv4Address(host).is_global
    except ValueError:
        return False


def probe_of(fault: UpstreamFault) -> Probe:
    """What a failed look says of host and provider."""
    match fault:
        case DialTimeout():  # the machine's matter: two misses, and all its providers are down
            return Probe(HostSign.SILENT, None, fault.message)
        case Silent():  # it accepted the connection, so the machine is there; the server is busy
            return Probe(HostSign.ANSWERED, ProviderSign.SLOW, "busy: accepts connections, answers no probe")
        case DialRefused() | TlsRefused():
            return Probe(HostSign.ANSWERED, ProviderSign.FAULT, fault.message)
        case NotSent():  # no route, or a name that nobody answers to while the machine is off
            return Probe(HostSign.SILENT, ProviderSign.FAULT, fault.message)
    return Probe(HostSign.ANSWERED, ProviderSign.FAULT, fault.message)


def request_headers(request_id: str) -> list[Header]:
    """Headers of a request that the router itself makes."""
    return [
        (b"Content-Type", b"application/json"),
        (b"Accept", b"*/*"),
        (b"X-Request-Id", request_id.encode()),
        _USER_AGENT,
    ]


def decoded(body: bytes, kind: type[T], what: str) -> T:
    """JSON as `kind`. Raises Malformed naming `what`."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise Malformed(f"{what} is not what was expected: {exc}") from exc


def _status_in_words(head: ResponseHead, path: str) -> str:
    match head.status:
        case 401 | 403:
            return f"refuses our key (status {head.status}); check its api_key"
        case 404:
            return f"has no {path} (status 404); is the base URL right?"
    return f"answered {path} with status {head.status}"
