"""What our HTTP/1.1 client writes, read by h11 as a server: the request that was given, or none at all."""

from random import Random
from typing import Final

import h11
from fakes import ManualClock, RecordingSink
from fuzzed import fuzzed
from offline import Wire

from router.errors import NotSent
from router.mailbag import Mailbag
from router.ports import Header, UpstreamRequest
from router.transport.connection import Connection
from router.transport.http1 import Http1Transport

NAMES: Final = [
    b"Accept",
    b"X-Request-Id",
    b"!#$%&'*+-.^_`|~9aZ",
    b"content-type",
    b"Content-Lengthy",
    b"hosts",
    b"TE",
]
VALUES: Final = [b"", b"a", b"a b\tc", b" a ", b"text/event-stream", b"\xe4\xff", b"\"',;:=()<>@[]{}\\"]
TARGETS: Final = ["/", "/v1/chat/completions", "/a?b=c&d=%20#e", "*", "http://other/", "//"]
METHODS: Final = ["GET", "POST", "PUT", "DELETE", "OPTIONS", "get", "M-SEARCH", "HEAD", "CONNECT"]
BODIES: Final = [
    b"",
    b"",
    b"{}",
    b"\r\n\r\n",
    b"0\r\n\r\n",
    b"GET /smuggled HTTP/1.1\r\nHost: upstream\r\n\r\n",
    bytes(70_000),
]
HOSTILE: Final = [
    "\r\n", "\n", "\r", "\0", " ", "\t", ":", ": ", "\x0b", "\x7f", "\x1f", "\x85", "é", "\u2028", "\r\nX: 1",
    "\r\n\r\n", "\nHost: other", " HTTP/1.1\r\nX: 1\r\n\r\nGET /",
    "\r\n Content-Length: 0", "\r\nTransfer-Encoding: chunked",
]  # fmt: skip
OURS: Final = {b"host", b"content-length", b"transfer-encoding"}


def _maybe_hostile(rng: Random, text: str) -> str:
    if rng.randrange(6):
        return text
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(HOSTILE) + text[at + rng.randrange(2) :]


def _header(rng: Random) -> Header:
    if rng.randrange(12) == 0:
        name = rng.choice(
            [b"Host", b"Content-Length", b"TRANSFER-ENCODING", b"Content-Length ", b" Host", b"", b"Host:"]
        )
        return name, rng.choice([b"0", b"3", b"chunked", b"other"])
    name, value = (
        _maybe_hostile(rng, rng.choice(among).decode("latin-1")).encode("latin-1", "replace")
        for among in (NAMES, VALUES)
    )
    return name, value


def _request(rng: Random) -> UpstreamRequest:
    return UpstreamRequest(
        _maybe_hostile(rng, rng.choice(METHODS)),
        _maybe_hostile(rng, rng.choice(TARGETS)),
        [_header(rng) for _ in range(rng.randrange(5))],
        rng.choice(BODIES),
    )


class _Dialled(Http1Transport):
    """Dials nothing: every connection writes to `wire`."""

    def __init__(self) -> None:
        super().__init__("upstream", 80, connect_s=1, clock=ManualClock())
        self.wire: Wire | None = None

    async def dial(self) -> Connection:
        self.wire = Wire()
        connection = Connection("upstream", self._on_idle, self._on_closed, Mailbag(lambda deliver: deliver()))
        connection.connection_made(self.wire)
        return connection


def _written(request: UpstreamRequest) -> bytes | None:
    """What goes over the wire; None when the request was refused, and then nothing was dialled."""
    transport = _Dialled()
    sending = transport.send(request, RecordingSink())
    try:
        sending.send(None)
    except StopIteration:
        assert transport.wire is not None
        return transport.wire.written
    except NotSent:
        assert transport.wire is None
        return None
    raise AssertionError("it waits for something")


def _is_fine(request: UpstreamRequest) -> bool:
    """Whether there is no reason to refuse: h11's and ours."""
    if request.method in {"HEAD", "CONNECT"}:  # answered without the body that their heads announce
        return False
    if any(name.lower() in OURS for name, _ in request.headers):  # a second framing, or another host
        return False
    if any((byte < 32 and byte != 9) or byte == 127 for _, value in request.headers for byte in value):
        return False  # RFC 9110 §5.5: dangerous; h11 refuses NUL and blanks alone
    headers = [(b"Host", b"upstream"), *((name, value.strip(b" \t")) for name, value in request.headers)]
    try:
        h11.Request(method=request.method, target=request.target, headers=headers)
    except (h11.LocalProtocolError, UnicodeEncodeError):
        return False
    return True


@fuzzed(examples=600, share=1)
def test_a_server_reads_the_request_that_was_given_or_none(rng: Random) -> None:
    """Nobody's header, target or body becomes a second header or a second request; and no fine one is refused."""
    request = _request(rng)
    written = _written(request)
    assert _is_fine(request) is (written is not None), request
    if written is None:
        return
    server = h11.Connection(h11.SERVER)
    server.receive_data(written)
    head, body = server.next_event(), b""
    assert isinstance(head, h11.Request)
    while isinstance(event := server.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert (b"", False) == server.trailing_data
    assert isinstance(request.body, bytes)
    length = [(b"content-length", b"%d" % len(request.body))]
    says_length = request.body != b"" or request.method in {"POST", "PUT", "PATCH"}
    # Blanks around a value are no part of it (RFC 9110 §5.5).
    given = [(name.lower(), value.strip(b" \t")) for name, value in request.headers]
    expected = [(b"host", b"upstream:80"), *given, *(length if says_length else [])]
    assert (request.method, request.target) == (head.method.decode(), head.target.decode())
    assert (expected, request.body) == (list(head.headers), body)
