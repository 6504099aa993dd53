"""One HTTP/1.1 connection (RFC 9112) to an upstream: bytes in, sink calls out.

Everything that decides whether a connection may be used again lives here. The rule is strict: a connection is
reused only after a complete answer whose framing was beyond doubt. An answer cut short, bytes nobody asked for,
a body that ends with the connection, an upgrade: each closes it.

Knows nothing of pools, deadlines or routing. Parsing is llhttp's (through httptools).
"""

import asyncio
from collections.abc import Callable
from typing import Final, cast

import httptools

from router.errors import ConnectionLost, Malformed, UpstreamFault
from router.ports import Header, ResponseHead, Sink

MAX_HEAD_BYTES: Final = 64 * 1024
MAX_HEADERS: Final = 200


class Connection(asyncio.Protocol):
    """A socket and its parser. `on_idle` is called when it may be used again, `on_closed` at its end."""

    def __init__(
        self,
        name: str,
        on_idle: Callable[["Connection"], None],
        on_closed: Callable[["Connection"], None],
    ) -> None:
        self._name = name
        self._on_idle = on_idle
        self._on_closed = on_closed
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._sink: Sink | None = None
        self._headers: list[Header] = []
        self._header_count = 0
        self._head_bytes = 0
        self._unparsed_bytes = 0
        self._has_head = False
        self._ends_with_connection = False
        self.has_answered = False  # any byte of the current answer has arrived
        self.exchanges = 0
        self.idle_since = 0.0

    def __repr__(self) -> str:
        state = "busy" if self._sink else ("idle" if self.is_open else "closed")
        return f"<Connection {self._name} {state}, exchange {self.exchanges}>"

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def start(self, payload: bytes, sink: Sink) -> None:
        """Send a request whose answer goes to `sink`. Only on an open, idle connection."""
        assert self._transport is not None
        assert self._sink is None, f"{self!r} is busy"
        self._sink = sink
        self.has_answered = False
        self.exchanges += 1
        self._reset_head()
        self._transport.write(payload)

    def pause(self) -> None:
        if self._transport is not None and self.is_open:
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None and self.is_open:
            self._transport.resume_reading()

    def close(self) -> None:
        """Close at once, saying nothing more to the sink. Idempotent."""
        self._sink = None
        if self._transport is not None:
            self._transport.abort()

    def fail(self, fault: UpstreamFault) -> None:
        """Close at once and tell the sink, if one waits."""
        sink = self._sink
        self.close()
        if sink is not None:
            sink.error(fault)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._sink is None:  # nobody asked: a late or a smuggled answer
            self.close()
            return
        self.has_answered = True
        if not self._has_head:
            self._unparsed_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.fail(Malformed(f"{self._name} wants to change the protocol (status 101)"))
        except httptools.HttpParserCallbackError as exc:
            if not isinstance(exc.__context__, UpstreamFault):
                raise
            self.fail(exc.__context__)
        except httptools.HttpParserError as exc:
            self.fail(Malformed(f"{self._name} does not speak HTTP/1.1: {exc}"))
        else:
            if not self._has_head and self._unparsed_bytes > 2 * MAX_HEAD_BYTES:
                self.fail(Malformed(f"{self._name} sent a head of more than {MAX_HEAD_BYTES} bytes"))

    def connection_lost(self, exc: Exception | None) -> None:
        sink, self._sink = self._sink, None
        self._on_closed(self)
        if sink is None:
            return
        if self._has_head and self._ends_with_connection and exc is None:
            sink.end()
            return
        how = "reset" if exc is not None else "closed"
        when = "in the middle of its answer" if self.has_answered else "before answering"
        sink.error(ConnectionLost(f"{self._name} {how} the connection {when}", had_bytes=self.has_answered))

    # llhttp's callbacks

    def on_message_begin(self) -> None:
        if self._sink is None:  # a second answer on the heels of the first
            raise Malformed(f"{self._name} sent an answer nobody asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_count += 1
        self._head_bytes += len(name) + len(value)
        if self._header_count > MAX_HEADERS:
            raise Malformed(f"{self._name} sent more than {MAX_HEADERS} headers")
        if self._head_bytes > MAX_HEAD_BYTES:
            raise Malformed(f"{self._name} sent a head of more than {MAX_HEAD_BYTES} bytes")
        if not self._has_head:  # else a trailer, which must not pose as a header (RFC 9110 §6.5.1)
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200 or self._sink is None:  # 1xx: the real answer follows (RFC 9110 §15.2)
            return
        self._has_head = True
        self._ends_with_connection = _ends_with_connection(status, self._headers)
        self._sink.head(ResponseHead(status, self._headers))

    def on_body(self, body: bytes) -> None:
        if self._sink is not None:
            self._sink.data(body)

    def on_message_complete(self) -> None:
        if not self._has_head:  # the end of a 1xx
            self._reset_head()
            return
        sink, self._sink = self._sink, None
        if sink is None:
            return
        if self.is_open and self._parser.should_keep_alive() and not self._ends_with_connection:
            self.resume()
            self._on_idle(self)
        else:
            self.close()
        sink.end()

    def _reset_head(self) -> None:
        self._headers = []
        self._header_count = 0
        self._head_bytes = 0
        self._unparsed_bytes = 0
        self._has_head = False
        self._ends_with_connection = False


def _ends_with_connection(status: int, headers: list[Header]) -> bool:
    """Whether the body's end is the connection's end (RFC 9112 §6.3, the last rule)."""
    if status in {204, 304}:
        return False
    for name, value in headers:
        lowered = name.lower()
        if lowered == b"content-length":
            return False
        if lowered == b"transfer-encoding":
            return not value.lower().rstrip().endswith(b"chunked")
    return True
