"""One HTTP/1.1 connection (RFC 9112) to an upstream: bytes in, sink calls out.

Everything that decides whether a connection may be used again lives here. The rule is strict: a connection is
reused only after a complete answer whose framing was beyond doubt, to a request that was sent whole. An answer cut
short, bytes nobody asked for, a body that ends with the connection, an older HTTP, an upgrade, an answer that came
before the request had been sent: each closes it.

Knows nothing of pools, deadlines or routing. Parsing is llhttp's (through httptools).
"""

import asyncio
from collections.abc import Callable
from typing import Final, cast

import httptools

from router.errors import ConnectionLost, Malformed, Silent, UpstreamFault
from router.mailbag import Mailbag, Wire
from router.ports import Header, ResponseHead, Sink

MAX_HEAD_BYTES: Final = 64 * 1024
MAX_HEADERS: Final = 200
_MAX_UNHEARD_BYTES: Final = 2 * MAX_HEAD_BYTES  # a head, chunk extension or trailer that never ends


class Connection(asyncio.Protocol):
    """A socket and its parser. `on_idle` is called when it may be used again, `on_closed` at its end."""

    def __init__(
        self,
        name: str,
        on_idle: Callable[["Connection"], None],
        on_closed: Callable[["Connection"], None],
        bag: Mailbag,
    ) -> None:
        self._name = name
        self._on_idle = on_idle
        self._on_closed = on_closed
        self._body: list[bytes] = []  # what the read that is being parsed holds of it
        self.on_body = self._body.append  # llhttp's callback: of fifty events in a read, none is a step of ours
        self._parser = httptools.HttpResponseParser(self)
        self._bag = bag
        self._wire: Wire | None = None
        self._sink: Sink | None = None
        self._headers: list[Header] = []
        self._unheard_bytes = 0  # read since the sink last heard of the answer
        self._has_head = False
        self._ends_with_connection = False
        self._is_whole = False
        self._may_serve_again = False
        self._is_sending = False  # of the request's body something is still to come
        self._is_refused = False  # the answer is an error: of the body nothing more is wanted
        self._is_paused = False
        self._is_full = False
        self._room: asyncio.Future[None] | None = None
        self.has_answered = False  # any byte of the current answer has arrived
        self.exchanges = 0
        self.idle_since = 0.0

    def __repr__(self) -> str:
        state = "busy" if self._sink else ("idle" if self.is_open else "closed")
        return f"<Connection {self._name} {state}, exchange {self.exchanges}>"

    @property
    def is_open(self) -> bool:
        return self._wire is not None and not self._wire.transport.is_closing()

    @property
    def wants_more(self) -> bool:
        """Whether there is any sense in sending more of the request's body (RFC 9112 §9.5)."""
        return self._sink is not None and self.is_open and not self._is_refused

    def start(self, payload: bytes, sink: Sink, *, is_whole: bool = True) -> None:
        """Send a request whose answer goes to `sink`. Only on an open, idle connection. Unless it `is_whole`, its
        body follows by `send`, up to `note_sent`."""
        assert self._wire is not None
        assert self._sink is None, f"{self!r} is busy"
        self._sink = sink
        self.has_answered = False
        self.exchanges += 1
        self._is_sending = not is_whole
        self._reset_head()
        self._wire.write(payload)

    async def send(self, piece: bytes, stall_s: float) -> None:
        """A piece of the request's body, as soon as there is room for it; unless nothing more is wanted.

        Raises Silent when the upstream takes nothing for `stall_s` seconds.
        """
        while self._is_full and self.wants_more:
            await self._until_room(stall_s)
        if self.wants_more:
            assert self._wire is not None
            self._wire.write(piece)

    def note_sent(self) -> None:
        """The request's body is complete."""
        self._is_sending = False

    async def _until_room(self, stall_s: float) -> None:
        self._room = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(stall_s):
                await self._room
        except TimeoutError as exc:
            raise Silent(f"{self._name} took nothing of the request for {stall_s:g} s") from exc
        finally:
            self._room = None

    def _wake_sender(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    def pause(self) -> None:
        self._is_paused = True
        if self._wire is not None and self.is_open:
            self._wire.transport.pause_reading()

    def resume(self) -> None:
        self._is_paused = False
        if self._wire is not None and self.is_open:
            self._wire.transport.resume_reading()

    def close(self) -> None:
        """Close at once, saying nothing more to the sink. Idempotent."""
        self._sink = None
        if self._wire is not None:
            self._wire.abort()

    def fail(self, fault: UpstreamFault) -> None:
        """Close at once and tell the sink, if one waits."""
        sink = self._sink
        self.close()
        if sink is not None:
            sink.error(fault)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = Wire(cast("asyncio.Transport", transport), self._bag)

    def data_received(self, data: bytes) -> None:
        self._bag.arrived += 1
        if self._sink is None:  # nobody asked: a late or a smuggled answer
            self.close()
            return
        self.has_answered = True
        self._unheard_bytes += len(data)
        fault: UpstreamFault | None = None
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            fault = Malformed(f"{self._name} wants to change the protocol (status 101)")
        except httptools.HttpParserCallbackError as exc:
            if not isinstance(exc.__context__, UpstreamFault):
                raise
            fault = exc.__context__
        except httptools.HttpParserError as exc:
            fault = Malformed(f"{self._name} does not speak HTTP/1.1: {exc}")
        if self._body:
            self._hand_on_body()
        if self._is_whole:
            self._finish(is_kept=fault is None and self._may_serve_again)
        elif fault is not None:
            self.fail(fault)
        elif self._unheard_bytes > _MAX_UNHEARD_BYTES:
            self.fail(Malformed(f"{self._name} sent a head or trailer of more than {MAX_HEAD_BYTES} bytes"))

    def _hand_on_body(self) -> None:
        """What one read brought of the body, in one piece."""
        body = self._body
        self._unheard_bytes = 0
        if self._sink is not None:
            self._sink.data(body[0] if len(body) == 1 else b"".join(body))
        body.clear()

    def connection_lost(self, exc: Exception | None) -> None:
        sink, self._sink = self._sink, None
        self._wake_sender()
        del self._parser  # each holds the other; no more bytes will come
        self._on_closed(self)
        if sink is None:
            return
        if self._has_head and self._ends_with_connection and exc is None:
            sink.end()
            return
        how = "reset" if exc is not None else "closed"
        when = "in the middle of its answer" if self.has_answered else "before answering"
        sink.error(ConnectionLost(f"{self._name} {how} the connection {when}", had_bytes=self.has_answered))

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        self._wake_sender()

    def _finish(self, *, is_kept: bool) -> None:
        """The answer is whole. Only once the read that ended it is parsed: more may follow in it."""
        sink, self._sink = self._sink, None
        if sink is None:  # aborted while it was read
            return
        if is_kept and self.is_open and self._has_sent_all():
            if self._is_paused:
                self.resume()
            self._on_idle(self)
        else:
            self.close()
        sink.end()

    def _has_sent_all(self) -> bool:
        """Whether the request was taken; an early answer's is not, and its rest would stand before the next."""
        return not self._is_sending and self._wire is not None and self._wire.is_empty

    # llhttp's callbacks

    def on_message_begin(self) -> None:
        if self._is_whole:  # a second answer on the heels of the first
            raise Malformed(f"{self._name} sent an answer nobody asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 100:
            raise Malformed(f"{self._name} answered with status {status:03}")
        if len(self._headers) > MAX_HEADERS:
            raise Malformed(f"{self._name} sent more than {MAX_HEADERS} headers")
        if self._unheard_bytes > MAX_HEAD_BYTES and _size(self._headers) > MAX_HEAD_BYTES:
            raise Malformed(f"{self._name} sent a head of more than {MAX_HEAD_BYTES} bytes")
        # llhttp leaves blanks behind a value, which are no part of it (RFC 9110 §5.5).
        head = ResponseHead(status, [(name, value.rstrip(b" \t")) for name, value in self._headers])
        is_framed = head.get(b"content-length") is not None
        if head.get(b"transfer-encoding") is not None:
            self._check_coding(is_framed=is_framed)
            is_framed = True
        if status < 200:  # 1xx: the real answer follows (RFC 9110 §15.2)
            if is_framed:  # llhttp skips the body of some and not of others (RFC 9110 §8.6, RFC 9112 §6.1)
                raise Malformed(f"{self._name} sent an interim answer with a body")
            return
        if self._sink is None:
            return
        self._has_head = True
        self._headers = []  # for trailers, which must not pose as headers (RFC 9110 §6.5.1)
        self._ends_with_connection = not is_framed and status not in {204, 304}
        self._unheard_bytes = 0
        if status >= 400:
            self._is_refused = True
            self._wake_sender()
        self._sink.head(head)

    def on_message_complete(self) -> None:
        if not self._has_head:  # the end of a 1xx
            self._reset_head()
            return
        self._is_whole = True
        # An older HTTP's keep-alive is a guess, and its chunks are faulty framing (RFC 9112 §6.1, appendix C.2.2).
        self._may_serve_again = self._parser.should_keep_alive() and self._parser.get_http_version() == "1.1"

    def _check_coding(self, *, is_framed: bool) -> None:
        """Raise Malformed unless the body's only transfer coding is `chunked`, and nothing else frames it.

        We ask for no other, could decode none, and hand on bodies without the header: whatever else is there would
        reach the client as if it were the body (RFC 9112 §6.3). With a tab behind it, llhttp takes `chunked` for
        another coding; and so must we.
        """
        codings = [value.rstrip(b" ").lower() for name, value in self._headers if name == b"transfer-encoding"]
        if is_framed or codings != [b"chunked"]:
            raise Malformed(f"{self._name} sent a body in a transfer coding other than chunked")

    def _reset_head(self) -> None:
        self._headers = []
        self._unheard_bytes = 0
        self._has_head = False
        self._ends_with_connection = False
        self._is_whole = False
        self._is_refused = False


def _size(headers: list[Header]) -> int:
    return sum(len(name) + len(value) for name, value in headers)
