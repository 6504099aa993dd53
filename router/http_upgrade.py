"""Offers to change the protocol: a WebSocket may be accepted, all others are declined.

Java's HttpClient and others offer HTTP/2 (`Upgrade: h2c`) with every request. The offer may be ignored (RFC 9110
§7.8), but llhttp stops behind such a head and leaves its body unread; what comes next would be taken for another
request. So a fresh parser is told the framing of that body, without a word to the listener, and goes on with it.
"""

import base64
import binascii
from typing import Any, Final

import httptools

from router.api.fields import Fields
from router.ports import Header

_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})
_KEY_BYTES: Final = 16


def is_socket_offer(method: bytes, fields: Fields) -> bool:
    """Whether a head that offers to change the protocol offers a WebSocket, as RFC 6455 §4.2.1 has it. One that
    does so in another way, or has a body, is a request like any other."""
    return (
        method == b"GET"
        and fields.get(b"upgrade", b"").strip().lower() == b"websocket"
        and b"upgrade" in [word.strip() for word in fields.get(b"connection", b"").lower().split(b",")]
        and fields.get(b"sec-websocket-version") == b"13"
        and _is_key(fields.get(b"sec-websocket-key", b""))
        and fields.get(b"content-length", b"0") == b"0"
        and b"transfer-encoding" not in fields
    )


def _is_key(key: bytes) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == _KEY_BYTES
    except binascii.Error:
        return False


class _Muffled:
    """A listener that does not hear of a head which it knows already."""

    def __init__(self, listener: Any) -> None:
        self._listener = listener
        self.is_loud = False
        self.on_body = listener.on_body
        self.on_message_complete = listener.on_message_complete

    def on_message_begin(self) -> None:
        if self.is_loud:
            self._listener.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if self.is_loud:
            self._listener.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.is_loud:
            self._listener.on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.is_loud:
            self._listener.on_headers_complete()


def parser_behind_head(listener: Any, headers: list[Header]) -> httptools.HttpRequestParser:
    """A parser that stands where the body of a request with these headers begins; it becomes `listener.parser`."""
    muffled = _Muffled(listener)
    parser = listener.parser = httptools.HttpRequestParser(muffled)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's own
    framing = b"".join(b"%b: %b\r\n" % header for header in headers if header[0] in _FRAMING)
    parser.feed_data(b"POST / HTTP/1.1\r\n" + framing + b"\r\n")
    muffled.is_loud = True
    return parser
