"""One WebSocket connection as its conversation sees it. Plain ASGI, no framework.

A browser can set no header for it, so its key comes as a subprotocol:
`new WebSocket(url, ["speech", "key." + key])`. The server chooses the other one, so the key never comes back.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from router.api.call import Receive, Scope, Send
from router.api.fields import Fields
from router.errors import ClientError, ClientGone, NothingCanServe, RateLimited, RouterError
from router.ports import Header

LEAVING: Final = "router.leaving"  # a key of the ASGI scope
SUBPROTOCOL: Final = "speech"
NORMAL: Final = 1000  # close codes: RFC 6455 §7.4.1, and IANA's registry
POLICY: Final = 1008
FAILED: Final = 1011
RESTART: Final = 1012
TRY_LATER: Final = 1013
_KEY: Final = b"key."
_LONGEST_REASON: Final = 120  # a close frame has room for 123 bytes (RFC 6455 §5.5.1)


class Leaving:
    """What a server puts into the scope under `LEAVING`: it wants to shut down. `tell` is called then."""

    __slots__ = ("is_given", "tell")

    def __init__(self) -> None:
        self.is_given = False
        self.tell: Callable[[], None] | None = None

    def give(self) -> bool:
        """Say so; whether somebody listens."""
        self.is_given = True
        if self.tell is None:
            return False
        self.tell()
        return True


class Socket:
    """A connection that may be accepted or refused, once. One task reads, and always: a message that nobody takes
    hides the client's leaving. One at a time sends."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, fields: Fields) -> None:
        self.fields = fields
        self.leaving: Leaving = scope.get(LEAVING) or Leaving()
        self._receive = receive
        self._send = send
        self._owed: bytes | None = None  # belongs to what was sent last
        self.is_accepted = False
        self.is_closed = False

    async def accept(self, headers: Sequence[Header]) -> None:
        """Raises ClientGone."""
        offered = [name.strip() for name in self.fields.get(b"sec-websocket-protocol", b"").split(b",")]
        chosen = SUBPROTOCOL if SUBPROTOCOL.encode() in offered else None
        await self._tell({"type": "websocket.accept", "subprotocol": chosen, "headers": list(headers)})
        self.is_accepted = True

    async def refuse(self, status: int, headers: Sequence[Header], body: bytes) -> None:
        """An HTTP answer in place of the connection. Raises ClientGone."""
        self.is_closed = True
        await self._tell({"type": "websocket.http.response.start", "status": status, "headers": list(headers)})
        await self._tell({"type": "websocket.http.response.body", "body": body})

    async def read(self) -> str | bytes:
        """The next message. Raises ClientGone at the end, whoever ended it."""
        message = await self._receive()
        if message["type"] == "websocket.connect":
            return await self.read()
        if message["type"] == "websocket.disconnect":
            self.is_closed = True
            raise ClientGone("the client left")
        text: str | None = message.get("text")
        data: bytes = message.get("bytes") or b""
        return text if text is not None else data

    async def send(self, told: msgspec.Struct, data: bytes | None = None) -> None:
        """A text frame, and a binary one with what it tells of. Whoever is cancelled in between leaves no half:
        the other follows before anything else. Raises ClientGone."""
        if self.is_closed:
            return
        await self._pay()
        await self._tell({"type": "websocket.send", "text": msgspec.json.encode(told).decode()})
        if data is not None:
            self._owed = data
            await self._pay()

    async def close(self, code: int, reason: str = "") -> None:
        """Idempotent. Raises ClientGone."""
        if self.is_closed:
            return
        await self._pay()
        self.is_closed = True
        await self._tell({"type": "websocket.close", "code": code, "reason": reason[:_LONGEST_REASON]})

    async def _pay(self) -> None:
        if self._owed is not None:
            await self._tell({"type": "websocket.send", "bytes": self._owed})
            self._owed = None

    async def _tell(self, message: dict[str, Any]) -> None:
        try:
            await self._send(message)
        except OSError as exc:  # as ASGI has it
            self.is_closed = True
            raise ClientGone("the client left") from exc


def with_key(fields: Fields) -> Fields:
    """The fields, with the key that a browser sends as a subprotocol where it is looked for."""
    if b"authorization" in fields:
        return fields
    for name in fields.get(b"sec-websocket-protocol", b"").split(b","):
        if (name := name.strip()).startswith(_KEY):
            return {**fields, b"authorization": b"Bearer " + name.removeprefix(_KEY)}
    return fields


def close_code_of(error: RouterError) -> int:
    """How a connection ends with it: the client's fault, to be tried again, or the router's."""
    if isinstance(error, RateLimited | NothingCanServe):
        return TRY_LATER
    return POLICY if isinstance(error, ClientError) else FAILED
