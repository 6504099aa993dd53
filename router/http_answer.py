"""uvicorn's way of sending an answer, in fewer steps: head and first bytes in one write, headers checked together.

uvicorn writes the head alone, after two regular expressions for each header; the second write costs the kernel as
much as everything the router decides about a request.
"""

from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

_as_line: Final = b": ".join
_LARGE: Final = 64 * 1024
_NO_BODY: Final = frozenset({204, 304})


class Answer:
    """The `send` of one cycle. A start is kept until the first part of the body, which replies send at once."""

    __slots__ = ("_cycle", "_is_bare", "_is_chunked", "_left", "_start")

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._start: Any = None
        self._is_bare = False  # a head and nothing behind it (RFC 9110 §6.4.1)
        self._is_chunked = False
        self._left: int | None = None  # bytes of the body still to come, where that is known

    async def __call__(self, message: Any) -> None:
        """ASGI's `send`. Raises RuntimeError for what would break the framing."""
        cycle = self._cycle
        if cycle.flow.write_paused and not cycle.disconnected:
            await cycle.flow.drain()
        if cycle.disconnected:
            return
        if message["type"] == "http.response.start":
            assert not cycle.response_started
            cycle.response_started = True
            self._start = message
        else:
            self._write(message["body"], is_last=not message.get("more_body", False))

    def push(self, part: bytes) -> bool:
        """A part of the body that is not the last, at once; False when the client takes no more for now. Without
        ASGI's message and coroutine, for the many small pieces of a stream."""
        cycle = self._cycle
        if cycle.disconnected:
            return True  # to nobody, as ASGI has it
        if cycle.flow.write_paused or self._start is not None or self._is_bare or self._left is not None:
            return False
        self._write(part, is_last=False)
        return True

    def _write(self, part: bytes, *, is_last: bool) -> None:
        cycle = self._cycle
        assert not cycle.response_complete
        pieces: list[bytes] = []
        if self._start is not None:
            pieces.append(self._head(self._start))
            self._start = None
        if not self._is_bare:
            self._frame(part, pieces, is_last=is_last)
        if len(part) < _LARGE:
            cycle.transport.write(b"".join(pieces))
        else:  # too large to be copied
            for piece in pieces:
                cycle.transport.write(piece)
        if is_last:
            self._finish()

    def _frame(self, part: bytes, pieces: list[bytes], *, is_last: bool) -> None:
        """Raises RuntimeError when the parts are not as long as Content-Length says."""
        if self._is_chunked:
            if part:
                pieces += (b"%x\r\n" % len(part), part, b"\r\n")
            if is_last:
                pieces.append(b"0\r\n\r\n")
            return
        if self._left is not None:
            self._left -= len(part)
            if self._left < 0 or (is_last and self._left):
                raise RuntimeError(f"the body is {-self._left} bytes longer than its Content-Length")
        pieces.append(part)

    def _finish(self) -> None:
        cycle = self._cycle
        cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()

    def _head(self, start: Any) -> bytes:
        """Status line and headers; how the body is framed is decided here."""
        cycle, status = self._cycle, start["status"]
        cycle.waiting_for_100_continue = False
        self._is_bare = status in _NO_BODY or cycle.scope["method"] == "HEAD"
        headers = start["headers"]
        names = [name for name, _ in headers]
        is_told = False
        if b"content-length" in names:
            self._left = int(headers[names.index(b"content-length")][1])
        if b"connection" in names and any(n == b"connection" and v.lower() == b"close" for n, v in headers):
            is_told = True
            cycle.keep_alive = False
        if status == 204:  # which has no length (RFC 9110 §8.6)
            headers = [header for header in headers if header[0] != b"content-length"]
            self._left = None
        lines = list(map(_as_line, headers))
        if self._left is None and not self._is_bare:
            # Older HTTP knows no chunks: there the connection's end is the body's (RFC 9112 §6.1).
            self._is_chunked = cycle.scope["http_version"] == "1.1"
            if self._is_chunked:
                lines.append(b"transfer-encoding: chunked")
            else:
                cycle.keep_alive = False
        if cycle.more_body:  # an early answer: the rest of the request is not wanted, and is not read
            cycle.keep_alive = False
        if not (cycle.keep_alive or is_told):
            lines.append(b"connection: close")
        elif cycle.keep_alive and cycle.scope["http_version"] == "1.0":  # who asked waits for word (RFC 9112 §9.3)
            lines.append(b"connection: keep-alive")
        head = b"\r\n".join(lines)
        breaks = len(lines) - 1
        # What no header may hold, for it would end the line (RFC 9110 §5.5).
        if head.count(b"\r") != breaks or head.count(b"\n") != breaks or b"\0" in head:
            raise RuntimeError("a header holds a control character")
        return b"%b%b\r\n\r\n" % (STATUS_LINE[status], head)
