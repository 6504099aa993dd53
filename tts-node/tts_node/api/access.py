"""Who may: plain functions on headers, called once per request. They return, or raise what the client is told.

Without a key the node answers whoever reaches it, so a page in the owner's browser must not: DNS rebinding
turns `http://evil.example` into 127.0.0.1, but it cannot change the Host header that the browser sends. A Host
may be any IP address, since rebinding needs a name; an Origin may not, since pages can be served from an address.
"""

import hmac
import ipaddress
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from tts_node.errors import Forbidden, Unauthorized

OPEN_PATHS = frozenset({"/health", "/metrics"})  # state and figures only; probes and Prometheus carry no key

Headers = Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Access:
    """The rule of this node."""

    api_key: str | None = None
    allowed_hosts: tuple[str, ...] = ()

    def check(self, method: str, path: str, headers: Headers) -> None:
        """Raises Unauthorized or Forbidden."""
        if path in OPEN_PATHS:
            return
        if self.api_key is not None:
            check_key(self.api_key, _values(headers, b"authorization"))
        else:
            hosts = _values(headers, b"host")
            check_host(hosts, self.allowed_hosts)
            check_origin(_values(headers, b"origin"), hosts, self.allowed_hosts)
            check_fetch_site(method, _values(headers, b"sec-fetch-site"))


def check_key(api_key: str, authorization: Collection[str]) -> None:
    """Exactly one `Authorization: Bearer <key>`; the comparison takes as long for a near miss as for a far one."""
    for value in authorization:
        scheme, _, given = value.partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(
            given.strip().encode("latin-1", "replace"), api_key.encode()
        ):
            return
    raise Unauthorized(
        "This node needs its key: send 'Authorization: Bearer <TTS_NODE_API_KEY>'.", code="invalid_api_key"
    )


def check_host(hosts: Collection[str], allowed: Collection[str]) -> None:
    """The Host header is an IP literal, localhost or listed."""
    if not hosts or not all(is_trusted(host, allowed) for host in hosts):
        raise Forbidden(
            f"Host {', '.join(hosts) or '(none)'!r} may not be used while this node has no key: use its IP "
            "address, list the name in TTS_NODE_ALLOWED_HOSTS, or set TTS_NODE_API_KEY.",
            code="host_not_allowed",
        )


def check_origin(origins: Collection[str], hosts: Collection[str], allowed: Collection[str]) -> None:
    """The Origin header, which browsers add, is absent, or of this machine, of the Host asked, or listed."""
    own = {host_of(host) for host in hosts}
    for origin in origins:
        name = _origin_name(origin)
        if not (name and (_is_loopback(name) or name in allowed or name in own)):
            raise Forbidden(
                f"A page of {origin!r} may not use this node while it has no key: list its host in "
                "TTS_NODE_ALLOWED_HOSTS, or set TTS_NODE_API_KEY.",
                code="origin_not_allowed",
            )


def check_fetch_site(method: str, sites: Collection[str]) -> None:
    """What browsers tell of a request that another site's page made, also where they send no Origin."""
    if method != "GET" and any(site.strip().lower() == "cross-site" for site in sites):
        raise Forbidden(
            "A page of another site may not use this node while it has no key: set TTS_NODE_API_KEY.",
            code="origin_not_allowed",
        )


def is_trusted(host_and_port: str, allowed: Collection[str]) -> bool:
    """Whether a browser can have been led here only on purpose."""
    name = host_of(host_and_port)
    if name == "localhost" or name in allowed:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def host_of(host_and_port: str) -> str:
    """`[::1]:8006` → `::1`, `Gaming-PC.:8006` → `gaming-pc`."""
    text = host_and_port.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    name, separator, port = text.rpartition(":")
    return (name if separator and port.isdigit() else text).rstrip(".")


def _origin_name(origin: str) -> str:
    try:
        return host_of(urlsplit(origin).netloc) if "://" in origin else ""
    except ValueError:
        return ""


def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _values(headers: Headers, wanted: bytes) -> list[str]:
    return [value.decode("latin-1") for name, value in headers if name == wanted]
