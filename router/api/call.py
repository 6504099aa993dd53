"""One client request as the hot routes see it: what came in, and the reply that goes out.

Plain ASGI, no framework: whoever starts the reply ends it, and an answer that cannot be finished is cut, never
passed off as whole.
"""

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from email.utils import formatdate
from typing import Any, Final

from router.api.dialects import Dialect
from router.errors import ClientGone, PayloadTooLarge, RouterError, TooSlow
from router.interruptible import Interruptible
from router.ports import Header, Monotonic, Record

Scope = Mapping[str, Any]
Receive = Any
Send = Any

BODY_DEADLINE_S: Final = 60.0  # for the whole request body to arrive
CLIENT_STALL_S: Final = 300.0  # for a client to take some bytes; a laptop that was carried away never says goodbye
_JSON: Final[Header] = (b"content-type", b"application/json")


class Reply:
    """Implements `forward.Reply`: an ASGI response, started at most once."""

    def __init__(
        self, send: Send, record: Record, dialect: Dialect, clock: Monotonic, extra: Sequence[Header] = ()
    ) -> None:
        self._send = send
        self._record = record
        self._dialect = dialect
        self._clock = clock
        self._extra = extra
        self._is_started = False
        self._is_finished = False

    @property
    def is_started(self) -> bool:
        return self._is_started

    @property
    def is_finished(self) -> bool:
        return self._is_finished

    async def start(self, status: int, headers: Sequence[Header]) -> None:
        """Status and headers; what the router has to say is added."""
        assert not self._is_started
        self._is_started = True
        record = self._record
        record.status = status
        record.first_byte = self._clock()
        message = {
            "type": "http.response.start",
            "status": status,
            "headers": [*headers, *_date(headers), *_own_headers(record), *self._extra],
        }
        await self._send(message)

    async def send(self, chunk: bytes) -> None:
        """A piece of the body. Raises ClientGone when the client takes nothing for too long."""
        try:
            async with asyncio.timeout(CLIENT_STALL_S):
                await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
        except TimeoutError as exc:
            raise ClientGone(f"the client took no byte for {CLIENT_STALL_S:g} s") from exc

    async def finish(self) -> None:
        self._is_finished = True
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def whole(self, status: int, headers: Sequence[Header], body: bytes) -> None:
        """A complete answer."""
        length = (b"content-length", str(len(body)).encode())
        await self.start(status, [*headers, length])
        self._is_finished = True
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def fail(self, error: RouterError) -> None:
        """End with `error`: as an error reply, or, when a reply has begun, by cutting it.

        A cut reply is left unfinished, upon which the server closes the connection, so that a short body is
        never taken for a whole one. A stream of events is told first.
        """
        if self._is_finished:
            return
        if not self._is_started:
            extra = [_JSON, (b"x-router-error", error.reason.encode())]
            if error.retry_after_s is not None:
                extra.append((b"retry-after", str(max(1, round(error.retry_after_s))).encode()))
            if allow := getattr(error, "allow", None):
                extra.append((b"allow", allow.encode()))
            await self.whole(error.status, extra, self._dialect.error_body(error))
        elif self._record.streamed:
            with contextlib.suppress(Exception):  # the client may be gone as well
                await self.send(self._dialect.error_event(error))


def printable(text: str) -> bytes:
    """A header value: what is not printable ASCII is escaped, so nothing can end the line (RFC 9110 §5.5)."""
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


def _date(headers: Sequence[Header]) -> list[Header]:
    """RFC 9110 §6.6.1: an answer has a Date; an upstream's own is kept."""
    if any(name == b"date" for name, _ in headers):
        return []
    return [date_header()]


def date_header() -> Header:
    """The Date of an answer that begins now."""
    return (b"date", _http_date(int(time.time())))


@functools.lru_cache(maxsize=1)
def _http_date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()


async def read_body(scope: Scope, receive: Receive, limit_bytes: int) -> bytes:
    """The request body. Raises PayloadTooLarge, ClientGone, TooSlow."""
    if _declared_length(scope) > limit_bytes:
        raise _too_large(limit_bytes)
    try:
        async with asyncio.timeout(BODY_DEADLINE_S):
            return await _read_body(receive, limit_bytes)
    except TimeoutError as exc:
        raise TooSlow(f"The body did not arrive within {BODY_DEADLINE_S:g} s.") from exc


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
            raise _too_large(limit_bytes)
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


def _too_large(limit_bytes: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The body is larger than {limit_bytes / 2**20:g} MiB (server.max_body_mb).")


@contextlib.asynccontextmanager
async def while_connected(receive: Receive, reply: Reply) -> AsyncIterator[None]:
    """Run the block for as long as the client stays; when it leaves, the block ends with ClientGone.

    The request body must have been read. ASGI tells of a disconnect only to who asks, so somebody always asks;
    it says the same after a finished reply, where it means nothing.
    """
    async with Interruptible() as block:

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            if not reply.is_finished:
                block.interrupt(ClientGone("the client hung up"))

        watcher = asyncio.get_running_loop().create_task(watch())
        try:
            yield
        finally:
            watcher.cancel()
