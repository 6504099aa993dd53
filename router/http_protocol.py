"""uvicorn's HTTP protocol with the bounds it lacks: how long and how large a request's head may be, and how long a
client may take nothing of its answer. It also tells the hot routes at once when a client hangs up, and sees to it
that an answer given before all of the request has come is not lost with the connection (`lingering.py`).

Without them a client that sends a byte a minute keeps a connection for ever, and one that sends headers without
end fills the memory. Parsing, keep-alive and everything else are uvicorn's; what cannot be parsed is answered in
the error shape of its path's dialect.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from router.api.call import DISCONNECT_NOTICE, DisconnectNotice
from router.api.dialects import Dialect, dialect_of
from router.api.fields import FIELDS, Fields, fields_of
from router.deadlines import Slot, deadlines
from router.entry import plain_path
from router.errors import ClientError, HeadTooLarge, InvalidRequest, TooSlow
from router.http_answer import Answer
from router.http_socket import SocketProtocol
from router.http_upgrade import is_socket_offer, parser_behind_head
from router.lingering import Lingering
from router.mailbag import Mailbag, Wire, mailbag

HEAD_DEADLINE_S: Final = 15.0
MAX_HEAD_BYTES: Final = 64 * 1024
MAX_HEADERS: Final = 200
MAX_PIPELINED: Final = 16
CLIENT_STALL_S: Final = 300.0


class _Line(Wire):
    """The transport as uvicorn sees it. How it closes is the protocol's: `hang_up` really does."""

    __slots__ = ("close_by", "is_lingering")

    def __init__(self, transport: asyncio.Transport, bag: Mailbag, close_by: Callable[[], None]) -> None:
        super().__init__(transport, bag)
        self.close_by = close_by
        self.is_lingering = False

    def close(self) -> None:
        self.close_by()

    def hang_up(self) -> None:
        super().close()

    def is_closing(self) -> bool:
        return self.is_lingering or self.transport.is_closing()


class _Notice(DisconnectNotice):
    """Has the request's body from the server, once all of it is here."""

    __slots__ = ("_cycle",)

    def __init__(self, cycle: RequestResponseCycle) -> None:
        super().__init__()
        self._cycle: RequestResponseCycle | None = cycle

    def take_body(self) -> bytes | None:
        cycle = self._cycle
        if cycle is None or cycle.more_body:
            return None
        body, cycle.body = bytes(cycle.body), bytearray()  # not kept twice
        return body

    def gone(self) -> None:
        if self._cycle is not None:  # uvicorn tells only the newest of several pipelined ones
            self._cycle.disconnected = True
        super().gone()
        self.forget()

    def forget(self) -> None:
        """The request is over. Ends the circles of cycle, scope and answer: what they hold, bodies too, goes at
        once and not with a collection."""
        cycle, self._cycle = self._cycle, None
        if cycle is not None:
            vars(cycle).pop("send", None)


class BoundedProtocol(HttpToolsProtocol):
    """See the module. Time runs from a connection's or a request's first byte to the end of its head; a kept
    connection has a timer only when a head did not come in one piece, as it nearly always does."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unheard_bytes = 0  # since something of a request was understood: a head, or a trailer, without end
        self._is_in_head = False
        self._head_timer: asyncio.TimerHandle | None = None
        self._idle: Slot | None = None  # while no request is under way
        self._refusal: ClientError | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._notices: deque[_Notice] = deque()  # one for each request not yet answered, in their order
        self._is_socket = False  # it becomes a WebSocket

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._bag, self._deadlines = mailbag(), deadlines()
        self._line = _Line(transport, self._bag, self._close)
        self.transport = self._line  # type: ignore[assignment]
        self._begin_head()
        self._bound_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._line.close_by = self._line.transport.close  # nothing is left to linger for; and the circle is broken
        self._end_head()
        self._client_takes_bytes()
        self._tell_of_leaving()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._bag.arrived += 1
        self._unheard_bytes += len(data)
        self._unset_keepalive_if_required()
        try:
            self._parse(data)
        except httptools.HttpParserError:
            self._refuse(self._refusal or InvalidRequest("What came is no HTTP request.", code="invalid_http"))
            return
        if self._unheard_bytes > MAX_HEAD_BYTES:
            self._refuse(_head_too_large())
        elif self._is_in_head and self._head_timer is None:
            self._bound_head()

    def _parse(self, data: bytes) -> None:
        """Raises httptools.HttpParserError. Without uvicorn's warnings, by which any client could fill the log."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            behind = memoryview(data)[offer.args[0] :].tobytes()
            if self._is_socket:
                self._become_socket(behind)
                return
            parser_behind_head(self, list(self.scope["headers"]))
            self._parse(behind)

    def _become_socket(self, behind: bytes) -> None:
        """The connection changes hands; what it was has no more to do with it."""
        self._line.flush()
        transport = self._line.transport
        self._line.close_by = transport.close  # which ends the circle, as in `connection_lost`
        self.connections.discard(self)
        socket = SocketProtocol(self.config, self.server_state, self.app_state)
        socket.take_over(transport, self.url, self.headers, behind)
        self.parser = None  # type: ignore[assignment]  # as uvicorn has it

    def on_message_begin(self) -> None:
        if not self._is_in_head:  # another request on a kept connection
            self._begin_head()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def _refused(self, error: ClientError) -> ClientError:
        self._refusal = error
        return error

    def on_headers_complete(self) -> None:
        self._check_head()
        self._end_head()
        fields: Fields = self.scope[FIELDS]  # type: ignore[typeddict-item]
        if b"upgrade" in fields and self._may_become_socket(fields):
            self._is_socket = True
            return
        super().on_headers_complete()
        self.headers = []  # for trailers, which must not pose as headers (RFC 9110 §6.5.1)
        cycle = self.cycle  # its task starts at the loop's next turn
        if cycle.scope["http_version"] == "1.0":  # which uvicorn never keeps
            cycle.keep_alive = self.parser.should_keep_alive()
        cycle.send = Answer(cycle)  # type: ignore[method-assign]
        notice = _Notice(cycle)
        self._notices.append(notice)
        cycle.scope[DISCONNECT_NOTICE] = notice  # type: ignore[typeddict-unknown-key]

    def _may_become_socket(self, fields: Fields) -> bool:
        """Decided before anything is made of the head as a request. A request that still waits for its answer
        would have it on a connection that speaks of other things."""
        if self._notices or not is_socket_offer(self.parser.get_method(), fields):
            return False
        path = self.url.partition(b"?")[0].decode("latin-1")
        return bool(self.app.is_socket_path(path))

    def _check_head(self) -> None:
        """Raises what is wrong with it, upon which llhttp stops."""
        headers = self.headers
        if len(headers) > MAX_HEADERS or (
            self._unheard_bytes > MAX_HEAD_BYTES and sum(len(n) + len(v) for n, v in headers) > MAX_HEAD_BYTES
        ):
            raise self._refused(_head_too_large())
        if len(self.pipeline) >= MAX_PIPELINED:
            raise self._refused(InvalidRequest("Too many requests wait for their answers.", code="pipelined"))
        fields = fields_of(headers)
        if len(fields) != len(headers) and [name for name, _ in headers].count(b"host") > 1:
            raise self._refused(InvalidRequest("Host is given twice.", code="invalid_http"))
        if b"expect" in fields:
            self.expect_100_continue = fields[b"expect"].lower() == b"100-continue"
        self.scope[FIELDS] = fields  # type: ignore[typeddict-unknown-key]

    def on_body(self, body: bytes) -> None:
        self._unheard_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The end of a request; or of a head that offers to change the protocol, and the body is still to come."""
        cycle = self.cycle
        if not (self._is_socket or cycle.response_complete or self.parser.should_upgrade()):
            cycle.more_body = False
            cycle.message_event.set()
            if self.flow.read_paused:  # by a large last piece, and then a client's leaving is not seen
                self.flow.resume_reading()

    def pause_writing(self) -> None:
        """The client takes no more for now. One that was carried away never says goodbye: its time is bounded."""
        super().pause_writing()
        self._stall_timer = self.loop.call_later(CLIENT_STALL_S, self._line.abort)

    def resume_writing(self) -> None:
        self._client_takes_bytes()
        super().resume_writing()

    def _client_takes_bytes(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _tell_of_leaving(self) -> None:
        for notice in self._notices:
            notice.gone()

    def on_response_complete(self) -> None:
        """As uvicorn's, but with a deadline in place of a timer of the loop's."""
        self._notices.popleft().forget()
        if self._line.is_closing():
            self.server_state.total_requests += 1
        elif self._is_early():
            self._linger()  # keep-alive would read on, without end, what nobody wants
            self.server_state.total_requests += 1
        elif self.pipeline:
            super().on_response_complete()
        else:
            self.server_state.total_requests += 1
            if self.flow.read_paused:
                self.flow.resume_reading()
            self._idle = self._deadlines.after(self.timeout_keep_alive, self)

    def expire(self) -> None:
        """Nothing more came on a kept connection."""
        self.timeout_keep_alive_handler()

    def _unset_keepalive_if_required(self) -> None:
        if self._idle is not None:
            self._idle.discard(self)
            self._idle = None

    def _close(self) -> None:
        """How uvicorn closes."""
        if self._is_early() and not self._line.is_closing():
            self._linger()
        else:
            self._line.hang_up()

    def _is_early(self) -> bool:
        """Whether the answer is complete and its request is not."""
        cycle = self.cycle  # the newest: when it has not been answered, an earlier one was, and that came whole
        return cycle is not None and cycle.more_body and cycle.response_complete

    def _linger(self) -> None:
        self._end_head()
        self._line.flush()
        self._line.is_lingering = True
        self.flow.resume_reading()
        Lingering(self._line.transport, self)

    def _begin_head(self) -> None:
        self._is_in_head = True

    def _bound_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_DEADLINE_S, self._out_of_time)

    def _end_head(self) -> None:
        self._is_in_head = False
        self._unheard_bytes = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _out_of_time(self) -> None:
        if self._unheard_bytes:
            self._refuse(_too_slow())
        else:  # opened ahead of need, as browsers do, and never used
            self._end_head()
            self._line.hang_up()

    def _refuse(self, error: ClientError) -> None:
        self._end_head()
        if self._line.is_closing():
            return
        if self._is_answering():
            self._line.hang_up()  # a refusal in the middle of an answer would be taken for a part of it
            return
        if self.cycle is not None:  # what waits for its body, or for its model, need not
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self._tell_of_leaving()
        body = self._dialect().error_body(error)
        head = (
            f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nX-Router-Error: {error.reason}\r\nConnection: close\r\n\r\n"
        )
        self._line.write(head.encode() + body)
        self._linger()

    def _dialect(self) -> Dialect:
        """Of the path, as far as it has come."""
        url: bytes = getattr(self, "url", b"")  # uvicorn sets it with a request's first byte
        return dialect_of(plain_path(url.partition(b"?")[0].decode("latin-1")), fields_of(self.headers or []))

    def _is_answering(self) -> bool:
        """Whether an answer to an earlier request is being written."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return False
        return cycle.response_started or bool(self.pipeline)


def _head_too_large() -> HeadTooLarge:
    return HeadTooLarge(
        f"The head of a request may have {MAX_HEADERS} headers and {MAX_HEAD_BYTES // 1024} KiB.",
        code="head_too_large",
    )


def _too_slow() -> TooSlow:
    return TooSlow(f"The head of the request did not arrive within {HEAD_DEADLINE_S:g} s.", code="head_timeout")
