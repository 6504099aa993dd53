"""One client request as the hot routes see it: what came in, and the reply that goes out.

Plain ASGI, no framework: whoever starts the reply ends it, and an answer that cannot be finished is cut, never
passed off as whole.
"""

import asyncio
import contextlib
import functools
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from email.utils import formatdate
from types import TracebackType
from typing import Any, Final

from router.api.cors import beside
from router.api.dialects import Dialect
from router.api.fields import Fields
from router.errors import ClientGone, PayloadTooLarge, RouterError, TooSlow
from router.interruptible import Interruptible
from router.ports import Header, Monotonic, Record

Scope = Mapping[str, Any]
Receive = Any
Send = Any

BODY_DEADLINE_S: Final = 60.0  # for the whole request body to arrive
DISCONNECT_NOTICE: Final = "router.disconnect"  # a key of the ASGI scope
REQUEST_ID: Final = "router.request_id"  # another, for the rest of the house
_JSON: Final[Header] = (b"content-type", b"application/json")


class Reply:
    """Implements `forward.Reply`: an ASGI response, started at most once."""

    def __init__(
        self, send: Send, record: Record, dialect: Dialect, clock: Monotonic, extra: Sequence[Header] = ()
    ) -> None:
        self._send = send
        self._push: Callable[[bytes], bool] | None = getattr(send, "push", None)  # the server's own, beyond ASGI
        self._record = record
        self._dialect = dialect
        self._clock = clock
        self._extra = extra
        self.is_started = False
        self.is_finished = False
        self._last = b""

    async def start(self, status: int, headers: Sequence[Header]) -> None:
        """Status and headers; what the router has to say is added."""
        assert not self.is_started
        self.is_started = True
        record = self._record
        record.status = status
        record.first_byte = self._clock()
        own = [*headers, *_own_headers(record)]
        if b"date" not in [name for name, _ in headers]:  # RFC 9110 §6.6.1; an upstream's own is kept
            own.append(date_header())
        told = beside(own, self._extra) if self._extra else own
        await self._send({"type": "http.response.start", "status": status, "headers": told})

    async def send(self, chunk: bytes, *, is_last: bool = False) -> None:
        """A piece of the body; with `is_last` the reply is finished by it."""
        self.is_finished = is_last
        self._last = chunk
        await self._send({"type": "http.response.body", "body": chunk, "more_body": not is_last})

    def push(self, chunk: bytes) -> bool:
        """See `forward.Reply.push`. Where the server has no such way, everything is sent."""
        is_sent = self._push is not None and self._push(chunk)
        if is_sent:
            self._last = chunk
        return is_sent

    async def whole(self, status: int, headers: Sequence[Header], body: bytes) -> None:
        """A complete answer."""
        length = (b"content-length", str(len(body)).encode())
        await self.start(status, [*headers, length])
        self.is_finished = True
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def fail(self, error: RouterError) -> None:
        """End with `error`: as an error reply, or, when a reply has begun, by cutting it.

        A cut reply is left unfinished, upon which the server closes the connection, so that a short body is
        never taken for a whole one. A stream of events is told first.
        """
        if self.is_finished:
            return
        if not self.is_started:
            extra = [_JSON, (b"x-router-error", error.reason.encode())]
            if isinstance(error, PayloadTooLarge | TooSlow):  # the rest of the body is not wanted
                extra.append((b"connection", b"close"))
            if error.retry_after_s is not None:
                extra.append((b"retry-after", str(max(1, round(error.retry_after_s))).encode()))
            if allow := getattr(error, "allow", None):
                extra.append((b"allow", allow.encode()))
            await self.whole(error.status, extra, self._dialect.body(error, self._record.request_id))
        elif self._record.streamed:
            with contextlib.suppress(Exception):  # the client may be gone as well
                ends = self._dialect.event_ends
                is_between = self._last.endswith(ends) or not self._last
                # The cut may be in the middle of an event: end that first.
                await self.send((b"" if is_between else ends[0]) + self._dialect.error_event(error))


def printable(text: str) -> bytes:
    """A header value: what is not printable ASCII is escaped, so nothing can end the line (RFC 9110 §5.5)."""
    if text.isascii() and text.isprintable():
        return text.encode()
    return "".join(c if " " <= c <= "~" else ascii(c)[1:-1] for c in text).encode()


def _own_headers(record: Record) -> list[Header]:
    headers = [(b"x-request-id", record.request_id.encode())]
    if record.provider:
        headers += [
            (b"x-router-provider", record.provider.encode()),
            (b"x-router-model", printable(record.model[:200])),
            (b"x-router-attempts", str(record.attempts).encode()),
            (b"x-router-overhead-ms", f"{record.overhead_s * 1000:.2f}".encode()),
        ]
    return headers


def date_header() -> Header:
    """The Date of an answer that begins now."""
    return (b"date", _http_date(int(time.time())))


@functools.lru_cache(maxsize=1)
def _http_date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()


class Presence(Interruptible):
    """A block that ends with ClientGone when the client leaves before the reply is finished.

    ASGI tells of a disconnect only to who asks, which takes a task per request. The server's own protocol
    (`router/http_protocol.py`) tells it by a callback, which costs nothing; any other server is asked.
    """

    __slots__ = ("_notice", "_receive", "_reply", "_watcher")

    def __init__(self, scope: Scope, receive: Receive, reply: Reply) -> None:
        super().__init__()
        self._receive = receive
        self._reply = reply
        self._notice: DisconnectNotice | None = scope.get(DISCONNECT_NOTICE)
        self._watcher: asyncio.Task[None] | None = None

    async def read_body(self, fields: Fields, limit_bytes: int) -> bytes:
        """The request body. Raises PayloadTooLarge, ClientGone, TooSlow."""
        _check_declared(fields, limit_bytes, "server.max_body_mb")
        body = self._notice.take_body() if self._notice is not None else None
        if body is None:
            body = await self._read_body_in_time(limit_bytes)
        elif len(body) > limit_bytes:
            raise _too_large(limit_bytes, "server.max_body_mb")
        self._watch()
        return body

    async def pour_body(
        self,
        fields: Fields,
        take: Callable[[bytes], Awaitable[None]],
        *,
        limit_bytes: int,
        silence_s: float,
        within_s: float,
    ) -> None:
        """An upload into `take`, piece by piece. `silence_s`: allowed before each; `within_s`: for all of them.
        Raises what `take` raises, PayloadTooLarge, ClientGone, TooSlow."""
        _check_declared(fields, limit_bytes, "transcription.max_upload_mb")
        late = TooSlow(f"The upload did not arrive within {within_s:g} s (transcription.upload_s).")
        timer = asyncio.get_running_loop().call_later(within_s, self.interrupt, late)
        size, is_whole = 0, False
        try:
            while not is_whole:
                piece, is_whole = await self._piece(silence_s)
                size += len(piece)
                if size > limit_bytes:
                    raise _too_large(limit_bytes, "transcription.max_upload_mb")
                await take(piece)
        finally:
            timer.cancel()
        self._watch()

    async def _piece(self, silence_s: float) -> tuple[bytes, bool]:
        """What comes next of the body, and whether it is the last."""
        silent = TooSlow(f"Nothing of the upload arrived for {silence_s:g} s.")
        timer = asyncio.get_running_loop().call_later(silence_s, self.interrupt, silent)
        try:
            message = await self._receive()
        finally:
            timer.cancel()
        if message["type"] == "http.disconnect":
            raise ClientGone("the client left before its request was complete")
        return message.get("body", b""), not message.get("more_body", False)

    async def _read_body_in_time(self, limit_bytes: int) -> bytes:
        late = TooSlow(f"The body did not arrive within {BODY_DEADLINE_S:g} s.")
        timer = asyncio.get_running_loop().call_later(BODY_DEADLINE_S, self.interrupt, late)
        try:
            return await _read_body(self._receive, limit_bytes)
        finally:
            timer.cancel()

    def _watch(self) -> None:
        """Notice from now on when the client leaves: its body is here, so the next word is its leaving."""
        if self._notice is None:
            self._watcher = asyncio.get_running_loop().create_task(self._ask())
        elif self._notice.is_gone:
            raise ClientGone("the client hung up")
        else:
            self._notice.tell = self._on_gone

    async def _ask(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._on_gone()

    def _on_gone(self) -> None:
        if not self._reply.is_finished:  # afterwards it means nothing
            self.interrupt(ClientGone("the client hung up"))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._notice is not None:
            self._notice.tell = None
        elif self._watcher is not None:
            self._watcher.cancel()
        if self._error is None:
            self._is_active = False
            self._task = None
        else:
            await super().__aexit__(kind, error, trace)


class DisconnectNotice:
    """What a server puts into the scope under `DISCONNECT_NOTICE`. `tell` is called when the client is gone."""

    __slots__ = ("is_gone", "tell")

    def __init__(self) -> None:
        self.is_gone = False
        self.tell: Callable[[], None] | None = None

    def take_body(self) -> bytes | None:
        """The whole body, if it is here; None where it must be received."""
        return None

    def gone(self) -> None:
        """The connection is lost."""
        self.is_gone = True
        if self.tell is not None:
            self.tell()


async def _read_body(receive: Receive, limit_bytes: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone("the client left before its request was complete")
        part = message.get("body", b"")
        size += len(part)
        if size > limit_bytes:
            raise _too_large(limit_bytes, "server.max_body_mb")
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _check_declared(fields: Fields, limit_bytes: int, setting: str) -> None:
    """Raise PayloadTooLarge when the head already says so."""
    declared = fields.get(b"content-length", b"0")
    if declared.isdigit() and int(declared) > limit_bytes:
        raise _too_large(limit_bytes, setting)


def _too_large(limit_bytes: int, setting: str) -> PayloadTooLarge:
    return PayloadTooLarge(f"The body is larger than {limit_bytes / 2**20:g} MiB ({setting}).")
