"""uvicorn's HTTP protocol with the bounds it lacks: how long and how large a request's head may be, and how long a
client may take nothing of its answer. It also tells the hot routes at once when a client hangs up.

Without them a client that sends a byte a minute keeps a connection for ever, and one that sends headers without
end fills the memory. Parsing, keep-alive and everything else are uvicorn's; what cannot be parsed is answered in
OpenAI's error shape.
"""

import asyncio
from http import HTTPStatus
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from router.api.call import DISCONNECT_NOTICE, DisconnectNotice
from router.api.openai import error_body
from router.errors import ClientError, HeadTooLarge, InvalidRequest, TooSlow
from router.http_answer import Answer

HEAD_DEADLINE_S: Final = 15.0
MAX_HEAD_BYTES: Final = 64 * 1024
MAX_HEADERS: Final = 200
CLIENT_STALL_S: Final = 300.0


class BoundedProtocol(HttpToolsProtocol):
    """See the module. The timer runs from a connection's or a request's first byte to the end of its head."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._field_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._refusal: ClientError | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._notice = DisconnectNotice()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        self._client_takes_bytes()
        self._notice.gone()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._head_timer is not None:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._head_timer is not None and self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(_head_too_large())

    def on_message_begin(self) -> None:
        if self._head_timer is None:  # another request on a kept connection
            self._begin_head()
            self._head_bytes = 1  # whose arrival began it
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._field_bytes += len(name) + len(value)
        if len(self.headers) >= MAX_HEADERS or self._field_bytes > MAX_HEAD_BYTES:
            self._refusal = _head_too_large()
            raise self._refusal  # llhttp stops here; `send_400_response` follows
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._end_head()
        self._notice = DisconnectNotice()
        self.scope[DISCONNECT_NOTICE] = self._notice  # type: ignore[typeddict-unknown-key]
        super().on_headers_complete()
        self.cycle.send = Answer(self.cycle)  # type: ignore[method-assign]

    def pause_writing(self) -> None:
        """The client takes no more for now. One that was carried away never says goodbye: its time is bounded."""
        super().pause_writing()
        self._stall_timer = self.loop.call_later(CLIENT_STALL_S, self.transport.abort)

    def resume_writing(self) -> None:
        self._client_takes_bytes()
        super().resume_writing()

    def _client_takes_bytes(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def send_400_response(self, msg: str) -> None:
        self._refuse(self._refusal or InvalidRequest(msg, code="invalid_http"))

    def _begin_head(self) -> None:
        self._head_bytes = 0
        self._field_bytes = 0
        self._head_timer = self.loop.call_later(HEAD_DEADLINE_S, self._out_of_time)

    def _end_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _out_of_time(self) -> None:
        if self._head_bytes:
            self._refuse(_too_slow())
        else:  # opened ahead of need, as browsers do, and never used
            self._end_head()
            self.transport.close()

    def _refuse(self, error: ClientError) -> None:
        self._end_head()
        if self.transport.is_closing():
            return
        body = error_body(error)
        head = (
            f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nX-Router-Error: {error.reason}\r\nConnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def _head_too_large() -> HeadTooLarge:
    return HeadTooLarge(
        f"The head of a request may have {MAX_HEADERS} headers and {MAX_HEAD_BYTES // 1024} KiB.",
        code="head_too_large",
    )


def _too_slow() -> TooSlow:
    return TooSlow(f"The head of the request did not arrive within {HEAD_DEADLINE_S:g} s.", code="head_timeout")
