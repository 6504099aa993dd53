"""Plain HTTP/1.1 to one upstream: a pool of connections, and the life of an exchange on them.

One pool per upstream, so that a server that stalls every request holds up nobody else's. Connections idle for
longer than `idle_s` are dropped, before the upstream drops them; when it was quicker, the request goes out
again on a fresh connection, because not a byte of an answer had come (RFC 9110 §9.2.2 allows that for what has
no effect yet; the race is the upstream's keep-alive timer, not its work). A body in memory goes out in one write;
an upload piece by piece, by a task of the exchange's, no faster than it is taken.
"""

import asyncio
import functools
import re
from collections import deque
from collections.abc import Coroutine
from typing import Final, cast

from router.errors import ConnectionLost, NotSent, UpstreamFault
from router.mailbag import mailbag
from router.ports import Exchange, Monotonic, Sink, Upload, UpstreamRequest
from router.transport.connection import Connection
from router.transport.dialling import dial

MAX_CONNECTIONS: Final = 1024
SEND_STALL_S: Final = 30.0  # an upload of which the upstream takes nothing for so long is given up
IDLE_S: Final = 4.0  # uvicorn, behind which many LLM servers live, drops idle connections after 5 s
# RFC 9110 §5.5, §5.6.2; RFC 9112 §3. Whatever else could end its line and be read as a second header or request.
_REQUEST_LINE: Final = re.compile(r"(?!(?:HEAD|CONNECT) )[\w!#$%&'*+.^`|~-]+ [!-~]+", re.ASCII)
_NAME: Final = re.compile(
    rb"(?!(?:host|content-length|transfer-encoding)\Z)[\w!#$%&'*+.^`|~-]+", re.ASCII | re.IGNORECASE
)
_CONTROLS: Final = bytes(code for code in [*range(32), 127] if code != ord("\t"))  # RFC 9110 §5.5
_REMEMBERED: Final = 1024  # request lines, and headers, of which a house has a handful
_LONGEST_REMEMBERED: Final = 512


@functools.lru_cache(_REMEMBERED)
def _request_line(method: str, target: str) -> bytes | None:
    """None when it could be read as another. Not HEAD and CONNECT, whose answers are framed differently (RFC 9112
    §6.3)."""
    line = f"{method} {target}"
    return f"{line} HTTP/1.1\r\n".encode() if _REQUEST_LINE.fullmatch(line) else None


def _checked_line(name: bytes, value: bytes) -> bytes | None:
    """None when it could be read as another, or frames the request: that is ours to do."""
    is_fine = _NAME.fullmatch(name) is not None and len(value.translate(None, _CONTROLS)) == len(value)
    return b"%b: %b\r\n" % (name, value) if is_fine else None


_header_line: Final = functools.lru_cache(_REMEMBERED)(_checked_line)  # clients send the same ones again and again


class Http1Transport:
    """Implements `ports.Transport` for `http://host:port`. `idle_s=0` dials anew for every request."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        connect_s: float,
        clock: Monotonic,
        idle_s: float = IDLE_S,
        send_stall_s: float = SEND_STALL_S,
    ) -> None:
        self._host = host
        self._port = port
        self._connect_s = connect_s
        self._idle_s = idle_s
        self.send_stall_s = send_stall_s
        self._clock = clock
        self._name = f"{host}:{port}"
        shown = f"[{host}]" if ":" in host else host
        self._host_line = f"Host: {shown}:{port}\r\n".encode()
        self._all: set[Connection] = set()
        self._idle: deque[Connection] = deque()
        self._single_use: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()  # redials, and uploads on their way
        self._is_closed = False

    def __repr__(self) -> str:
        return f"<Http1Transport {self._name} open={len(self._all)} idle={len(self._idle)}>"

    async def send(self, request: UpstreamRequest, sink: Sink) -> Exchange:
        """See `ports.Transport.send`."""
        payload = self._payload(request)
        upload = None if isinstance(request.body, bytes) else request.body
        exchange = _Exchange(self, payload, upload, sink)
        connection = None if request.is_once else self._take_idle()
        if connection is None:
            connection = await self.dial()
        if request.is_once:  # where every request is, nobody would ever take it from among the idle
            self._single_use.add(connection)
        exchange.start(connection)
        return exchange

    async def touch(self) -> None:
        """See `ports.Transport.touch`."""
        (await self.dial()).close()

    async def aclose(self) -> None:
        """Close every connection; exchanges under way end with ConnectionLost."""
        self._is_closed = True
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in tuple(self._all):
            connection.fail(ConnectionLost(f"the connections to {self._name} were closed"))

    async def dial(self) -> Connection:
        """A fresh connection. Raises NotSent."""
        self._check_open(None)
        if len(self._all) >= MAX_CONNECTIONS:
            raise NotSent(f"{MAX_CONNECTIONS} connections to {self._name} are open already")
        connection = await dial(self._new_connection, self._host, self._port, self._connect_s)
        self._all.add(connection)
        self._check_open(connection)
        return connection

    def own(self, work: Coroutine[object, object, None]) -> "asyncio.Task[None]":
        """A task for `work` of an exchange's; this transport owns it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _check_open(self, dialled: Connection | None) -> None:
        """Raise NotSent, and hang up what was just dialled, when this transport has been closed."""
        if self._is_closed:
            if dialled is not None:
                dialled.close()
            raise NotSent(f"the connections to {self._name} are closed")

    def _new_connection(self) -> Connection:
        return Connection(self._name, self._on_idle, self._on_closed, mailbag())

    def _take_idle(self) -> Connection | None:
        """The most recently used connection that is still good; stale ones are closed on the way."""
        oldest = self._clock() - self._idle_s
        while self._idle and self._idle[0].idle_since < oldest:
            self._idle.popleft().close()
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return None

    def _on_idle(self, connection: Connection) -> None:
        if self._is_closed or self._idle_s == 0 or connection in self._single_use:
            connection.close()
            return
        connection.idle_since = self._clock()
        self._idle.append(connection)

    def _on_closed(self, connection: Connection) -> None:
        self._all.discard(connection)
        self._single_use.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def _payload(self, request: UpstreamRequest) -> bytes:
        """The request as it goes over the wire, an upload's without its body. Raises NotSent when a server could
        read it as another."""
        line = _request_line(request.method, request.target)
        if line is None:
            raise NotSent(f"'{request.method} {request.target}' cannot be asked of {self._name}")
        headers = [
            _header_line(name, value) if len(value) <= _LONGEST_REMEMBERED else _checked_line(name, value)
            for name, value in request.headers
        ]
        if None in headers:  # its value may be a secret: not repeated
            raise NotSent(f"the header {request.headers[headers.index(None)][0]!r} cannot be sent to {self._name}")
        lines: list[bytes] = [line, self._host_line, *cast("list[bytes]", headers)]
        body, size = (
            (request.body, len(request.body)) if isinstance(request.body, bytes) else (b"", request.body.size)
        )
        if size or request.method in {"POST", "PUT", "PATCH"}:
            lines.append(b"Content-Length: %d\r\n" % size)
        lines += (b"\r\n", body)
        return b"".join(lines)


class _Exchange:
    """A request and its answer. A sink in front of the caller's, so that a stale connection goes unnoticed."""

    __slots__ = (
        "_connection",
        "_is_done",
        "_is_retried",
        "_payload",
        "_pool",
        "_redial",
        "_sender",
        "_sink",
        "_upload",
        "data",
        "head",
    )

    def __init__(self, pool: Http1Transport, payload: bytes, upload: Upload | None, sink: Sink) -> None:
        self._pool = pool
        self._payload = payload
        self._upload = upload
        self._sender: asyncio.Task[None] | None = None
        self._sink = sink
        self.head = sink.head
        self.data = sink.data
        self._connection: Connection | None = None
        self._redial: asyncio.Task[None] | None = None
        self._is_retried = False
        self._is_done = False

    def start(self, connection: Connection) -> None:
        self._connection = connection
        connection.start(self._payload, self, is_whole=self._upload is None)
        if self._upload is not None:
            self._sender = self._pool.own(self._send(self._upload, connection))

    async def _send(self, upload: Upload, connection: Connection) -> None:
        """The body behind the head, from its beginning."""
        sent_bytes = 0
        try:
            while sent_bytes < upload.size:
                piece = await upload.read(sent_bytes)
                await connection.send(piece, self._pool.send_stall_s)
                if not connection.wants_more:
                    return
                sent_bytes += len(piece)
        except UpstreamFault as fault:
            connection.fail(fault)
        else:
            connection.note_sent()

    def _end(self) -> None:
        """The exchange is over: nothing more is sent, and nothing of the request is kept."""
        self._is_done = True
        self._payload = b""
        self._upload = None
        self._stop_sending()

    def _stop_sending(self) -> None:
        sender, self._sender = self._sender, None
        if sender is not None:
            sender.cancel()

    async def restart(self) -> None:
        try:
            connection = await self._pool.dial()
        except NotSent as fault:
            self._give_up(fault)
            return
        except asyncio.CancelledError:  # the pool closes; a no-op when the exchange was aborted
            self._give_up(NotSent("the connections are closed"))
            raise
        if self._is_done:
            connection.close()
        else:
            self.start(connection)

    def _give_up(self, fault: NotSent) -> None:
        if not self._is_done:
            self._end()
            self._sink.error(fault)

    # ports.Exchange

    def pause(self) -> None:
        if self._connection is not None:
            self._connection.pause()

    def resume(self) -> None:
        if self._connection is not None:
            self._connection.resume()

    def abort(self) -> None:
        if self._is_done:
            return
        self._end()
        if self._redial is not None:
            self._redial.cancel()
        if self._connection is not None:
            self._connection.close()

    # ports.Sink; `head` and `data` are the caller's own

    def end(self) -> None:
        self._end()
        self._connection = None  # it may serve somebody else by now
        self._sink.end()

    def error(self, fault: UpstreamFault) -> None:
        if self._is_done:
            return
        was_reused = self._connection is not None and self._connection.exchanges > 1
        is_stale = isinstance(fault, ConnectionLost) and not fault.had_bytes and was_reused
        self._connection = None
        if is_stale and not self._is_retried:
            self._is_retried = True
            self._stop_sending()
            self._redial = self._pool.own(self.restart())
            return
        self._end()
        self._sink.error(fault)
