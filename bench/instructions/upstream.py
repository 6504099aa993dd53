"""The mock upstream of the count: in the client's process, so that an event is sent when the last one is there."""

import asyncio
import contextlib
import json
import random
import re
from collections.abc import AsyncIterator
from typing import Final, cast

from bench.instructions.cases import (
    EVENTS_PER_BURST,
    MODEL_BURST,
    MODEL_EVENTS,
    MODEL_JSON,
    MODEL_OPAQUE,
    MODELS,
    PIECE_BYTES,
    PIECES,
)

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_MODEL: Final = re.compile(rb'"model": *"([^"]+)"')


def _whole(content_type: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\nServer: mock\r\n\r\n"
    )
    return head.encode() + body


def _chunk(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)


_EVENT: Final = _chunk(
    b'data: {"id":"chatcmpl-count","object":"chat.completion.chunk","created":1767225600,"model":"count",'
    b'"choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}\n\n'
)
_END: Final = _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"
_STREAM_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n"
    b"Transfer-Encoding: chunked\r\nServer: mock\r\n\r\n"
)
_COMPLETION: Final = {
    "id": "chatcmpl-count",
    "object": "chat.completion",
    "created": 1767225600,
    "model": "count",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "The first one that is awake. " * 8},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 37, "completion_tokens": 56, "total_tokens": 93},
}
_LISTING: Final = {"object": "list", "data": [{"id": name, "object": "model"} for name in MODELS]}
_PIECE: Final = random.Random(1).randbytes(PIECE_BYTES)  # noqa: S311  audio-like
_OPAQUE_HEAD: Final = (
    "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
    f"Content-Length: {PIECES * PIECE_BYTES}\r\nServer: mock\r\n\r\n"
).encode()
_ANSWERS: Final = {
    MODEL_JSON: _whole("application/json", json.dumps(_COMPLETION).encode()),
    MODEL_BURST: _STREAM_HEAD + _EVENT * (EVENTS_PER_BURST - 1) + _END,
    MODEL_OPAQUE: _OPAQUE_HEAD + _PIECE,
    MODEL_EVENTS: _STREAM_HEAD + _EVENT,  # without an event a stream has not begun
}


class Upstream:
    """An LLM server that answers by the model's name. Of an answer in steps it sends the next one when it is told
    to; there is one such answer at a time."""

    def __init__(self) -> None:
        self.port = 0
        self.stepped: asyncio.Transport | None = None

    def send_event(self) -> None:
        """The stream's next."""
        self._send(_EVENT)

    def send_piece(self) -> None:
        """The opaque answer's next."""
        self._send(_PIECE)

    def end_stream(self) -> None:
        """As LLM servers do; the connection stays."""
        self._send(_END)

    def _send(self, data: bytes) -> None:
        assert self.stepped is not None, "nobody has asked"
        self.stepped.write(data)


class _Connection(asyncio.Protocol):
    """The router's requests are small and come whole or in a few pieces."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._unread = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._unread += data
        head, end, rest = self._unread.partition(b"\r\n\r\n")
        if not end:
            return
        length = _LENGTH.search(head)
        size = int(length[1]) if length else 0
        if len(rest) >= size:
            self._unread = rest[size:]
            self._answer(rest[:size])

    def _answer(self, body: bytes) -> None:
        assert self._transport is not None
        model = _MODEL.search(body)
        if model is None:
            self._transport.write(_whole("application/json", json.dumps(_LISTING).encode()))
            return
        name = model[1].decode()
        if name in {MODEL_EVENTS, MODEL_OPAQUE}:
            self._upstream.stepped = self._transport
        self._transport.write(_ANSWERS[name])


@contextlib.asynccontextmanager
async def upstream() -> AsyncIterator[Upstream]:
    """Serve on loopback for as long as the block lasts."""
    it = Upstream()
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(it), "127.0.0.1", 0)
    it.port = server.sockets[0].getsockname()[1]
    try:
        yield it
    finally:
        server.close()
