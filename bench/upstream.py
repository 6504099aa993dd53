"""The mock upstream: an LLM server whose every byte was prepared beforehand, so that it is never what is measured.

It counts what it was asked (`GET /counts`), because the gateway's CPU time is divided by what really arrived here,
not by what a load generator believes. `GET /v1/models` is for health probes and is not counted.
"""

import asyncio
import json
import random
import sys
import time
from typing import Final, cast

import httptools
import uvloop

from bench.cases import BINARY_BYTES, EVENTS_PER_BURST, MODELS, PACED_EVENTS_PER_S

MAX_STREAM_S: Final = 120.0
_INTERVAL_S: Final = 1 / PACED_EVENTS_PER_S
_PHASES: Final = 100
_MODEL_AT: Final = len(b'{"model":"')


def _whole(content_type: str, body: bytes) -> bytes:
    return (
        f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\nServer: mock\r\n\r\n"
    ).encode() + body


def _chunk(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)


def _event(stamp: int) -> bytes:
    """A chat completion chunk. `stamp`: CLOCK_MONOTONIC in ns when it was sent."""
    return (
        b'data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1767225600,"model":"bench",'
        b'"stamp":%d,"choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}\n\n' % stamp
    )


_COMPLETION: Final = json.dumps(
    {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 1767225600,
        "model": "bench",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "The first one that is awake. " * 8},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 37, "completion_tokens": 56, "total_tokens": 93},
    }
).encode()
_STREAM_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n"
    b"Transfer-Encoding: chunked\r\nX-Accel-Buffering: no\r\n"
    b"Date: Thu, 01 Jan 2026 00:00:00 GMT\r\nServer: mock\r\n\r\n"
)
_BURST: Final = (
    _STREAM_HEAD
    + b"".join(_chunk(_event(0)) for _ in range(EVENTS_PER_BURST - 1))
    + _chunk(b"data: [DONE]\n\n")
    + b"0\r\n\r\n"
)
_LISTING: Final = _whole(
    "application/json",
    json.dumps({"object": "list", "data": [{"id": name, "object": "model"} for name in MODELS]}).encode(),
)
_ANSWERS: Final = {
    b"bench-json": (_whole("application/json", _COMPLETION), 0),
    b"bench-burst": (_BURST, EVENTS_PER_BURST),
    b"bench-binary": (_whole("audio/mpeg", random.Random(1).randbytes(BINARY_BYTES)), 0),  # noqa: S311  audio-like
}


class Tally:
    """What was asked of this upstream. `streams`: paced streams that are open now."""

    def __init__(self) -> None:
        self.requests = 0
        self.events = 0
        self.streams = 0
        self.begun_streams = 0

    def answer(self) -> bytes:
        counts = {"requests": self.requests, "events": self.events, "streams": self.streams}
        return _whole("application/json", json.dumps(counts).encode())


class _Connection(asyncio.Protocol):
    """One client. Requests are answered in the same call that completes them."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._url = b""
        self._body = b""
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._until = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._end_stream()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    # llhttp's callbacks

    def on_url(self, url: bytes) -> None:
        self._url = url
        self._body = b""

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        assert self._transport is not None
        body = self._body
        if not body:
            self._transport.write(self._tally.answer() if self._url == b"/counts" else _LISTING)
            return
        self._tally.requests += 1
        model = body[_MODEL_AT : body.index(b'"', _MODEL_AT)]
        if model == b"bench-paced":
            self._begin_stream()
            return
        answer, events = _ANSWERS[model]
        self._tally.events += events
        self._transport.write(answer)

    def _begin_stream(self) -> None:
        """Events on a grid of time, each stream with a phase of its own: no two arrive as one."""
        assert self._transport is not None
        loop = asyncio.get_running_loop()
        phase_s = self._tally.begun_streams % _PHASES / _PHASES * _INTERVAL_S
        self._tally.begun_streams += 1
        self._tally.streams += 1
        now = loop.time()
        self._until = now + MAX_STREAM_S
        self._due = now - now % _INTERVAL_S + _INTERVAL_S + phase_s
        self._transport.write(_STREAM_HEAD)
        self._timer = loop.call_at(self._due, self._send_event)

    def _send_event(self) -> None:
        assert self._transport is not None
        if self._due > self._until:
            self._transport.close()
            return
        self._tally.events += 1
        self._transport.write(_chunk(_event(time.monotonic_ns())))
        self._due += _INTERVAL_S
        self._timer = asyncio.get_running_loop().call_at(self._due, self._send_event)

    def _end_stream(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._tally.streams -= 1


async def serve(port: int) -> None:
    """Serve on loopback until the process is ended."""
    tally = Tally()
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(tally), "127.0.0.1", port, backlog=1024
    )
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
