"""A connection that has become a WebSocket (RFC 6455): uvicorn's protocol for it, with the bounds it lacks.

uvicorn's own way there loses what came behind the head, and logs every connection with its query. A message has a
size, and so many pieces; pings find out who was carried away; whoever takes nothing of what is sent is cut off;
and when the server shuts down, the conversation is told and may finish its sentence.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import unquote

from uvicorn import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame
from websockets.http11 import Request
from websockets.server import ServerProtocol

from router.api.socket import LEAVING, Leaving
from router.ports import Header

MAX_MESSAGE_BYTES: Final = 1024 * 1024  # a text of speech.max_input_chars, however it is escaped
MAX_PIECES: Final = 1024  # of one message: empty ones weigh nothing, and would never end
MAX_EARLY_BYTES: Final = 64 * 1024  # sent before the client has been let in
PING_EVERY_S: Final = 20.0
PONG_WITHIN_S: Final = 20.0
CLIENT_STALL_S: Final = 60.0  # the client takes nothing; speech that is so late is of no use
_SILENT: Final = logging.Logger("websockets", logging.CRITICAL + 1)  # noqa: LOG001  nobody's child: the entry tells
_NEEDED: Final = (b"connection", b"upgrade", b"sec-websocket-key", b"sec-websocket-version")


class SocketProtocol(WebSocketsSansIOProtocol):
    """See the module. `take_over` begins it."""

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        super().__init__(config, server_state, app_state)
        self.logger = _SILENT
        self.conn = ServerProtocol(max_size=MAX_MESSAGE_BYTES, logger=_SILENT)
        self.ping_interval, self.ping_timeout = PING_EVERY_S, PONG_WITHIN_S
        self._leaving = Leaving()
        self._stall_timer: asyncio.TimerHandle | None = None
        self._url = b""
        self._headers: Sequence[Header] = ()
        self._behind = b""  # the head, until the client is let in

    def take_over(
        self, transport: asyncio.Transport, url: bytes, headers: Sequence[Header], behind: bytes
    ) -> None:
        """The connection is this protocol's from now on. `behind`: what has come after the head."""
        self._url, self._headers = url, headers
        transport.set_protocol(self)
        self.connection_made(transport)
        needed = b"".join(b"%b: %b\r\n" % header for header in headers if header[0] in _NEEDED)
        self._behind = behind
        super().data_received(b"GET / HTTP/1.1\r\n" + needed + b"\r\n")

    def data_received(self, data: bytes) -> None:
        """Nobody is heard who has not been let in; a client has to wait for that (RFC 6455 §4.1)."""
        if self.handshake_complete:
            super().data_received(data)
            return
        self._behind += data
        if len(self._behind) > MAX_EARLY_BYTES:
            self.transport.abort()

    async def send(self, message: Any) -> None:
        """ASGI's. What was sent too early is heard once the client is in."""
        await super().send(message)
        if self._behind and self.handshake_complete:
            behind, self._behind = self._behind, b""
            super().data_received(behind)

    def handle_connect(self, event: Request) -> None:
        """The handshake, of which the library has read only what it needs."""
        super().handle_connect(event)
        path, _, query = self._url.partition(b"?")
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]  # whose task begins at the loop's next turn
        scope["path"], scope["raw_path"], scope["query_string"] = unquote(path.decode("latin-1")), path, query
        scope["headers"] = list(self._headers)
        scope[LEAVING] = self._leaving

    def handle_cont(self, event: Frame) -> None:
        """A further piece of a message."""
        if len(self.frames) < MAX_PIECES:
            super().handle_cont(event)
        else:
            self.conn.fail(1009, "too many pieces")
            self.handle_parser_exception()

    def handle_ping(self) -> None:
        """Answered, unless the client does not take what is sent: its pings must not fill the memory."""
        output = self.conn.data_to_send()
        if self.writable.is_set():
            self.transport.write(b"".join(output))

    def pause_writing(self) -> None:
        """The client takes no more for now."""
        super().pause_writing()
        self._stall_timer = self.loop.call_later(CLIENT_STALL_S, self.transport.abort)

    def resume_writing(self) -> None:
        """The client takes bytes again."""
        self._end_stall()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._end_stall()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """The server ends: whoever speaks may finish, within the server's grace."""
        if self.handshake_complete and not self.close_sent and self._leaving.give():
            return
        super().shutdown()

    def _end_stall(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None
