"""uvicorn's HTTP protocol with the bounds it lacks: how long and how large a request's head may be, and how long a
client may take nothing of its answer. It also tells the hot routes at once when a client hangs up, and sees to it
that an answer given before all of the request has come is not lost with the connection (`lingering.py`).

Without them a client that sends a byte a minute keeps a connection for ever, and one that sends headers without
end fills the memory. Parsing, keep-alive and everything else are uvicorn's; what cannot be parsed is answered in
OpenAI's error shape.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from router.api.call import DISCONNECT_NOTICE, DisconnectNotice
from router.api.openai import error_body
from router.errors import ClientError, HeadTooLarge, InvalidRequest, TooSlow
from router.http_answer import Answer
from router.http_upgrade import parser_behind_head
from router.lingering import Lingering

HEAD_DEADLINE_S: Final = 15.0
MAX_HEAD_BYTES: Final = 64 * 1024
MAX_HEADERS: Final = 200
MAX_PIPELINED: Final = 16
CLIENT_STALL_S: Final = 300.0


class _Line:
    """The transport as uvicorn sees it: all of it is the transport's own, but how it closes."""

    __slots__ = ("close", "is_closing", "write", "writelines")

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.write = transport.write  # bound here once, so that the detour costs nothing
        self.writelines = transport.writelines
        self.is_closing = transport.is_closing
        self.close = close


class _Notice(DisconnectNotice):
    """Knows from the server whether all of the request is here."""

    __slots__ = ("_cycle",)

    def __init__(self, cycle: RequestResponseCycle) -> None:
        super().__init__()
        self._cycle: RequestResponseCycle | None = cycle

    @property
    def has_whole_request(self) -> bool:
        return self._cycle is None or not self._cycle.more_body

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
        self._field_bytes = 0
        self._is_in_head = False
        self._head_timer: asyncio.TimerHandle | None = None
        self._refusal: ClientError | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._notices: deque[_Notice] = deque()  # one for each request not yet answered, in their order

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wire = transport
        self._line = _Line(transport, self._close)
        self.transport = self._line  # type: ignore[assignment]
        self._begin_head()
        self._bound_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._line.close = self._wire.close  # nothing is left to linger for, and the circle is broken
        self._end_head()
        self._client_takes_bytes()
        self._tell_of_leaving()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
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
            parser_behind_head(self, self.headers)
            self._parse(memoryview(data)[offer.args[0] :].tobytes())

    def on_message_begin(self) -> None:
        if not self._is_in_head:  # another request on a kept connection
            self._begin_head()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_in_head:  # a trailer, which must not pose as a header (RFC 9110 §6.5.1)
            return
        self._field_bytes += len(name) + len(value)
        if len(self.headers) >= MAX_HEADERS or self._field_bytes > MAX_HEAD_BYTES:
            raise self._refused(_head_too_large())  # llhttp stops here
        super().on_header(name, value)

    def _refused(self, error: ClientError) -> ClientError:
        self._refusal = error
        return error

    def on_headers_complete(self) -> None:
        self._end_head()
        if len(self.pipeline) >= MAX_PIPELINED:
            raise self._refused(InvalidRequest("Too many requests wait for their answers.", code="pipelined"))
        if sum(name == b"host" for name, _ in self.headers) > 1:
            raise self._refused(InvalidRequest("Host is given twice.", code="invalid_http"))
        super().on_headers_complete()
        cycle = self.cycle  # its task starts at the loop's next turn
        if cycle.scope["http_version"] == "1.0":  # which uvicorn never keeps
            cycle.keep_alive = self.parser.should_keep_alive()
        cycle.send = Answer(cycle)  # type: ignore[method-assign]
        notice = _Notice(cycle)
        self._notices.append(notice)
        cycle.scope[DISCONNECT_NOTICE] = notice  # type: ignore[typeddict-unknown-key]

    def on_body(self, body: bytes) -> None:
        self._unheard_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The end of a request; or of a head that offers to change the protocol, and the body is still to come."""
        cycle = self.cycle
        if not (cycle.response_complete or self.parser.should_upgrade()):
            cycle.more_body = False
            cycle.message_event.set()
            self.flow.resume_reading()  # a large last piece paused it, and then a client's leaving is not seen

    def pause_writing(self) -> None:
        """The client takes no more for now. One that was carried away never says goodbye: its time is bounded."""
        super().pause_writing()
        self._stall_timer = self.loop.call_later(CLIENT_STALL_S, self._wire.abort)

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
        self._notices.popleft().forget()
        if self._is_early() and not self._line.is_closing():
            self._linger()  # keep-alive would read on, without end, what nobody wants
        super().on_response_complete()

    def _close(self) -> None:
        """How uvicorn closes."""
        if self._is_early() and not self._line.is_closing():
            self._linger()
        else:
            self._wire.close()

    def _is_early(self) -> bool:
        """Whether the answer is complete and its request is not."""
        cycle = self.cycle  # the newest: when it has not been answered, an earlier one was, and that came whole
        return cycle is not None and cycle.more_body and cycle.response_complete

    def _linger(self) -> None:
        self._end_head()
        self._line.is_closing = lambda: True
        self.flow.resume_reading()
        Lingering(self._wire, self)

    def _begin_head(self) -> None:
        self._is_in_head = True
        self._field_bytes = 0

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
            self._wire.close()

    def _refuse(self, error: ClientError) -> None:
        self._end_head()
        if self._line.is_closing():
            return
        if self._is_answering():
            self._wire.close()  # a refusal in the middle of an answer would be taken for a part of it
            return
        if self.cycle is not None:  # what waits for its body, or for its model, need not
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self._tell_of_leaving()
        body = error_body(error)
        head = (
            f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nX-Router-Error: {error.reason}\r\nConnection: close\r\n\r\n"
        )
        self._line.write(head.encode() + body)
        self._linger()

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
