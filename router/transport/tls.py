"""Everything over TLS, through httpx.

httpx's client is left aside and its transport used alone: a client keeps a cookie jar and would replay one
caller's `Set-Cookie` on the next caller's request, follows redirects and reads proxies from the environment.
One TLS context for the process: building one costs 30 ms of CPU.
"""

import asyncio
import functools
import logging
import re
import ssl
from collections.abc import AsyncIterator
from typing import cast

import httpx

from router.errors import (
    ConnectionLost,
    DialRefused,
    DialTimeout,
    Malformed,
    NotSent,
    Silent,
    TlsRefused,
    UpstreamFault,
)
from router.ports import Exchange, Header, ResponseHead, Sink, Upload, UpstreamRequest
from router.transport.connection import MAX_HEADERS
from router.transport.http1 import IDLE_S
from router.transport.pumped import PumpedExchange

_CONNECTIONS = 256
_log = logging.getLogger(__name__)
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_BROKEN = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)  # how a connection's end shows
_READ_S = 600.0  # a last resort: the caller's own deadlines are shorter


class _Course:
    """How far one attempt came, as httpcore traces it: its exceptions do not tell a machine that is silent from a
    server that will not shake hands, nor a connection that was kept too long from one that broke."""

    __slots__ = ("has_answered", "is_dialled", "is_fresh")

    def __init__(self) -> None:
        self.is_fresh = False
        self.is_dialled = False
        self.has_answered = False

    async def __call__(self, event: str, _info: object) -> None:
        """httpcore's "trace" extension."""
        if event == "connection.connect_tcp.started":
            self.is_fresh = True
        elif event == "connection.connect_tcp.complete":
            self.is_dialled = True
        elif event == "http11.receive_response_headers.complete":
            self.has_answered = True

    @property
    def is_stale(self) -> bool:
        """A failure now says only that a kept connection had ended."""
        return not (self.is_fresh or self.has_answered)


@functools.cache
def tls_context() -> ssl.SSLContext:
    """The process's TLS context: the system's certificates, TLS 1.2 and up."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _transport(*, keep_alive: bool) -> httpx.AsyncHTTPTransport:
    # Equal limits: with fewer keep-alive connections than connections, httpcore closes and re-opens connections
    # while streams are open.
    limits = httpx.Limits(
        max_connections=_CONNECTIONS,
        max_keepalive_connections=_CONNECTIONS if keep_alive else 0,
        keepalive_expiry=IDLE_S,
    )
    return httpx.AsyncHTTPTransport(verify=tls_context(), limits=limits, trust_env=False)


class TlsTransport:
    """Implements `ports.Transport` for `https://host:port`."""

    def __init__(self, host: str, port: int, *, connect_s: float) -> None:
        shown = f"[{host}]" if ":" in host else host
        self._base = f"https://{shown}" if port == 443 else f"https://{shown}:{port}"
        self._name = f"{host}:{port}"
        self._host, self._port, self._connect_s = host, port, connect_s
        self._timeouts = {"connect": connect_s, "read": _READ_S, "write": 30.0, "pool": connect_s}
        self._kept = _transport(keep_alive=True)
        self._fresh = _transport(keep_alive=False)  # for what must not meet a connection that has ended
        self._tasks: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<TlsTransport {self._name} exchanges={len(self._tasks)}>"

    async def send(self, request: UpstreamRequest, sink: Sink) -> Exchange:
        """See `ports.Transport.send`. Every fault reaches the sink, a dial's too."""
        exchange = PumpedExchange(sink)

        async def pump() -> None:
            try:
                response = await self._answer_to(request)
                stream = cast("httpx.AsyncByteStream", response.stream)
                try:  # raw: still compressed if the upstream compressed it
                    headers = [(name.lower(), value) for name, value in response.headers.raw]
                    await exchange.pour(ResponseHead(response.status_code, headers), aiter(stream))
                finally:
                    await response.aclose()
            except UpstreamFault as fault:
                sink.error(fault)
            except httpx.HTTPError as exc:
                sink.error(self._mapped(exc))
            except Exception as exc:  # a fault of the library's must not leave the sink waiting
                _log.exception("an answer of %s could not be read", self._name)
                sink.error(Malformed(f"{self._name} sent what cannot be read: {exc}"))

        exchange.start(pump, self._tasks)
        return exchange

    async def _answer_to(self, request: UpstreamRequest) -> httpx.Response:
        """The head of the answer; over a fresh connection when a kept one had ended. Raises UpstreamFault."""
        if not request.is_once:
            course = _Course()
            try:
                return await self._attempt(self._kept, request, course)
            except httpx.HTTPError as exc:
                if not (course.is_stale and isinstance(exc, _BROKEN)):
                    raise self._mapped(exc, is_dialled=course.is_dialled) from exc
        course = _Course()
        try:
            return await self._attempt(self._fresh, request, course)
        except httpx.HTTPError as exc:
            raise self._mapped(exc, is_dialled=course.is_dialled) from exc

    async def _attempt(
        self, http: httpx.AsyncHTTPTransport, request: UpstreamRequest, course: _Course
    ) -> httpx.Response:
        content, framing = _content(request)
        outgoing = httpx.Request(
            request.method,
            self._base + request.target,
            headers=[*request.headers, *framing],
            content=content,
            extensions={"timeout": self._timeouts, "trace": course},
        )
        response = await http.handle_async_request(outgoing)
        try:
            self._check_head(response.headers.raw)
        except Malformed:
            await response.aclose()
            raise
        return response

    def _check_head(self, headers: list[tuple[bytes, bytes]]) -> None:
        """What httpx lets through and plain HTTP does not. Raises Malformed."""
        if len(headers) > MAX_HEADERS:
            raise Malformed(f"{self._name} sent more than {MAX_HEADERS} headers")
        if any(_CONTROL.search(value) for _, value in headers):
            raise Malformed(f"{self._name} sent a header with a control character")

    async def touch(self) -> None:
        """See `ports.Transport.touch`. Without a TLS handshake: it asks for the machine, not for the server."""
        try:
            async with asyncio.timeout(self._connect_s):
                _, writer = await asyncio.open_connection(self._host, self._port)
        except TimeoutError as exc:
            raise DialTimeout(f"{self._name} did not answer in time; is the machine awake?") from exc
        except OSError as exc:
            raise NotSent(f"{self._name} cannot be reached: {exc.strerror or exc}") from exc
        writer.close()

    async def aclose(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._kept.aclose()
        await self._fresh.aclose()

    def _mapped(self, exc: httpx.HTTPError, *, is_dialled: bool = True) -> UpstreamFault:
        match exc:
            case httpx.ConnectTimeout() if is_dialled:
                return TlsRefused(f"{self._name} accepts connections, but did not finish a TLS handshake in time")
            case httpx.ConnectTimeout():
                return DialTimeout(f"{self._name} did not answer in time; is the machine awake?")
            case httpx.ConnectError() if _cause(exc, ConnectionRefusedError):
                return DialRefused(f"nothing listens on {self._name}; is the server started?")
            case httpx.ConnectError() if _cause(exc, ssl.SSLError):
                return TlsRefused(f"{self._name} cannot be trusted: {exc}")
            case httpx.ConnectError() | httpx.PoolTimeout():
                return NotSent(f"{self._name} cannot be reached: {exc}")
            case httpx.TimeoutException():
                return Silent(f"{self._name} fell silent")
            case httpx.RemoteProtocolError() if _is_cut(exc):
                return ConnectionLost(f"{self._name} closed the connection: {exc}")
            case httpx.ProtocolError() | httpx.DecodingError():
                return Malformed(f"{self._name} does not speak HTTP/1.1: {exc}")
        return ConnectionLost(f"{self._name} ended the connection: {exc}")


def _content(request: UpstreamRequest) -> tuple[bytes | AsyncIterator[bytes], list[Header]]:
    """The body as httpx takes it, and how it is framed where httpx cannot tell: an upload's length is known, and
    servers that take no chunked request are many."""
    if isinstance(request.body, bytes):
        return request.body, []
    return _pieces(request.body), [(b"Content-Length", b"%d" % request.body.size)]


async def _pieces(upload: Upload) -> AsyncIterator[bytes]:
    at = 0
    while at < upload.size:
        piece = await upload.read(at)
        at += len(piece)
        yield piece


def _is_cut(exc: httpx.RemoteProtocolError) -> bool:
    """httpcore has one exception for garbage and for a connection that ends too early."""
    return "disconnected" in str(exc) or "closed connection" in str(exc)


def _cause(exc: BaseException, kind: type[BaseException]) -> bool:
    """Whether `exc` goes back to an error of `kind`, which httpx and httpcore wrap."""
    seen: BaseException | None = exc
    while seen is not None:
        if isinstance(seen, kind):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
