"""uvicorn's way of sending an answer, in fewer steps: head and first bytes in one write, headers checked together.

uvicorn writes the head alone, after two regular expressions for each header; the second write costs the kernel as
much as everything the router decides about a request. What is rare (HEAD, answers without a body) stays uvicorn's.
"""

from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

_NO_BODY: Final = frozenset({204, 304})
_TAB: Final = 9
# What no header may hold (RFC 9110 §5.5): it would end the line, or worse.
_CONTROLS: Final = bytes(code for code in [*range(32), 127] if code != _TAB)


class Answer:
    """The `send` of one cycle. A start is kept until the first part of the body, which replies send at once."""

    __slots__ = ("_cycle", "_left", "_plainly", "_start")

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._plainly = cycle.send
        self._start: Any = None
        self._left: int | None = None  # bytes of the body still to come; None: chunked

    async def __call__(self, message: Any) -> None:
        """ASGI's `send`. Raises RuntimeError for what would break the framing."""
        cycle = self._cycle
        if cycle.flow.write_paused and not cycle.disconnected:
            await cycle.flow.drain()
        if cycle.disconnected:
            return
        if message["type"] == "http.response.start":
            if cycle.scope["method"] == "HEAD" or message["status"] in _NO_BODY:
                cycle.send = self._plainly  # type: ignore[method-assign]
                await self._plainly(message)
                return
            assert not cycle.response_started
            cycle.response_started = True
            self._start = message
        else:
            self._write(message["body"], is_last=not message.get("more_body", False))

    def _write(self, part: bytes, *, is_last: bool) -> None:
        """Raises RuntimeError when the parts are not as long as Content-Length says."""
        cycle = self._cycle
        assert not cycle.response_complete
        pieces: list[bytes] = []
        if self._start is not None:
            pieces.append(self._head(self._start))
            self._start = None
        if self._left is None:
            if part:
                pieces += (b"%x\r\n" % len(part), part, b"\r\n")
            if is_last:
                pieces.append(b"0\r\n\r\n")
        else:
            self._left -= len(part)
            if self._left < 0 or (is_last and self._left):
                raise RuntimeError(f"the body is {-self._left} bytes longer than its Content-Length")
            pieces.append(part)
        cycle.transport.writelines(pieces)
        if is_last:
            cycle.response_complete = True
            cycle.message_event.set()
            if not cycle.keep_alive:
                cycle.transport.close()
            cycle.on_response()

    def _head(self, start: Any) -> bytes:
        """Status line and headers; how the body is framed is decided here."""
        cycle = self._cycle
        cycle.waiting_for_100_continue = False
        lines = [STATUS_LINE[start["status"]]]
        is_closing = False
        for name, value in start["headers"]:
            lines.append(b"%b: %b\r\n" % (name, value))
            if name == b"content-length":
                self._left = int(value)
            elif name == b"connection" and value.lower() == b"close":
                is_closing = True
                cycle.keep_alive = False
        if not (cycle.keep_alive or is_closing):
            lines.append(b"connection: close\r\n")
        if self._left is None:
            lines.append(b"transfer-encoding: chunked\r\n")
        lines.append(b"\r\n")
        head = b"".join(lines)
        if len(head) - len(head.translate(None, _CONTROLS)) != 2 * len(lines):
            raise RuntimeError("a header holds a control character")
        return head
