"""The servers behind the router: language models and a tts-node that answer at once, so that only the router's own
work is seen. `python -m bench.growth.upstream PORT HOSTS`: on 127.0.0.1 to 127.0.0.HOSTS, a machine each.

A language model's base URL is `/OWNER/COUNT`: it has the models `everywhere` and OWNER-0000 and so on. The
`shape` in a chat says how it is answered: `whole`, `events-N` (N events, a millisecond apart) or `held` (one event
now and one every ten seconds). The tts-node is at `/node`.
"""

import asyncio
import itertools
import json
import re
import sys
import time
from collections.abc import Iterator
from typing import Final, cast

import httptools
import uvloop

EVERYWHERE: Final = "everywhere"
CHARS_PER_S: Final = 100  # of the node's speech: nearly the fastest that is plausible, so that bytes matter least
BYTES_PER_S: Final = 48_000
_EVENT_S: Final = 0.001
_HELD_S: Final = 10.0
_BEAT_S: Final = 0.25
_BEGAN: Final = time.monotonic()
_SHAPE: Final = re.compile(rb'"shape":"([a-z]+)(?:-(\d+))?"')
_STREAM_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
_phases: Final = itertools.count()


def _whole(content_type: str, body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (
        content_type.encode(),
        len(body),
        body,
    )


def _json(document: object) -> bytes:
    return _whole("application/json", json.dumps(document).encode())


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


_MESSAGE: Final = {"role": "assistant", "content": "The first one that is awake. " * 8}
_COMPLETION: Final = _json(
    {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 1767225600,
        "model": "bench",
        "choices": [{"index": 0, "message": _MESSAGE, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 37, "completion_tokens": 56, "total_tokens": 93},
    }
)
_EVENT: Final = _chunk(
    b'data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1767225600,"model":"bench",'
    b'"choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}\n\n'
)
_END: Final = _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


class _Connection(asyncio.Protocol):
    """One client. Requests are answered in the call that completes them, streams by one timer each."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._url = b""
        self._body: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    # llhttp's callbacks

    def on_url(self, url: bytes) -> None:
        self._url, self._body = url, []

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        assert self._transport is not None
        if self._url == b"/node/events":
            self._stream(itertools.repeat(None), _BEAT_S, _BEAT_S)
        elif self._url.startswith(b"/node/"):
            self._transport.write(node_answer(self._url, b"".join(self._body)))
        elif self._body:
            self._chat(b"".join(self._body))
        else:
            self._transport.write(listing(self._url))

    def _chat(self, body: bytes) -> None:
        assert self._transport is not None
        shape = _SHAPE.search(body)
        kind = shape[1] if shape is not None else b"whole"
        if shape is not None and kind == b"events":
            self._stream(itertools.repeat(_EVENT, int(shape[2])), _EVENT_S, _EVENT_S)
        elif kind == b"held":
            phase_s = next(_phases) * 0.618 % 1 * _HELD_S  # spread evenly, however many there are
            self._stream(itertools.repeat(_EVENT), phase_s, _HELD_S)
        else:
            self._transport.write(_COMPLETION)

    def _stream(self, events: Iterator[bytes | None], after_s: float, every_s: float) -> None:
        """The first at once, the next in `after_s`; None is a beat of the node's heart."""
        assert self._transport is not None
        loop, transport = asyncio.get_running_loop(), self._transport

        def send(due: float) -> None:
            try:
                event = next(events)
            except StopIteration:
                transport.write(_END)
                return
            transport.write(event if event is not None else _beat())
            self._timer = loop.call_at(due, send, due + every_s)

        transport.write(_STREAM_HEAD)
        send(loop.time() + after_s)


def listing(url: bytes) -> bytes:
    """Of `/OWNER/COUNT/v1/models`."""
    _, owner, count, *_ = url.decode().split("/")
    names = [EVERYWHERE, *(f"{owner}-{number:04}" for number in range(int(count)))]
    return _json({"object": "list", "data": [{"id": name, "object": "model"} for name in names]})


def node_answer(url: bytes, body: bytes) -> bytes:
    """The tts-node's."""
    match url.removeprefix(b"/node").removeprefix(b"/v1"):
        case b"/audio/speech":
            duration_s = max(0.1, len(json.loads(body)["input"]) / CHARS_PER_S)
            pcm = b"\x10\x00" * int(duration_s * BYTES_PER_S / 2)
            return _whole("audio/pcm", pcm)
        case b"/audio/voices":
            return _json({"voices": [{"id": "alloy", "name": "alloy"}]})
        case b"/models":
            return _json({"data": [{"id": "espeak"}]})
        case _:
            return _json(_status())


def _status() -> dict[str, object]:
    uptime_s = time.monotonic() - _BEGAN
    return {"state": "up", "voices_revision": "1", "uptime_s": uptime_s, "models": {"espeak": {"state": "up"}}}


def _beat() -> bytes:
    return _chunk(b"data: " + json.dumps({"type": "beat", **_status()}).encode() + b"\n\n")


async def serve(port: int, hosts: int) -> None:
    """Serve on loopback until the process is ended."""
    addresses = [f"127.0.0.{number}" for number in range(1, hosts + 1)]
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Connection, addresses, port, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2])))
