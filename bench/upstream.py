"""The mock upstream: an LLM server whose every byte was prepared beforehand, so that it is never what is measured.

It counts what it was asked (`GET /counts`), because the gateway's CPU time is divided by what really arrived here,
not by what a load generator believes. `GET /end` ends all open streams: some gateways leave them behind when their
clients have gone. Any other GET is answered with a list of models: health probes, which are not counted.
"""

import asyncio
import json
import re
import sys
import time
from collections.abc import Callable
from typing import Final, cast

import httptools
import uvloop

from bench.cases import PACED_EVENTS_PER_S
from bench.prepared import STREAM_END, STREAM_HEAD, WHOLE, chunk, event, listing, whole

MAX_STREAM_S: Final = 120.0
_SHORT_STREAM_S: Final = 0.01
_INTERVAL_S: Final = 1 / PACED_EVENTS_PER_S
_PHASES: Final = 100
_BACKLOG: Final = 4096
_FIRST: Final = b'{"model":"'
_MODEL: Final = re.compile(rb'"model"\s*:\s*"(bench-[a-z]+)"')
_UNKNOWN: Final = whole("application/json", b'{"error":{"message":"no such model"}}').replace(
    b"200 OK", b"404 Not Found"
)


class Tally:
    """What was asked of this upstream. `streams`: those that are open now."""

    def __init__(self) -> None:
        self.requests = 0
        self.events = 0
        self.streams: set[_Connection] = set()
        self.begun_streams = 0

    def answer(self) -> bytes:
        """As JSON, over HTTP; `at_ns`: by the clock of the events' stamps."""
        counts = {
            "requests": self.requests,
            "events": self.events,
            "streams": len(self.streams),
            "at_ns": time.monotonic_ns(),
        }
        return whole("application/json", json.dumps(counts).encode())


def model_of(body: bytes) -> bytes:
    """Which model a request names: first if it comes as it was sent, anywhere if a gateway wrote it anew. Nothing
    where there is none of this benchmark's."""
    if body.startswith(_FIRST):
        return body[len(_FIRST) : body.index(b'"', len(_FIRST))]
    found = _MODEL.search(body)
    return found[1] if found else b""


class _Connection(asyncio.Protocol):
    """One client. Requests are answered in the same call that completes them."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._url = b""
        self._body: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._until = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._forget_stream()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    # llhttp's callbacks

    def on_url(self, url: bytes) -> None:
        self._url = url
        self._body = []

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        assert self._transport is not None
        if not self._body:
            self._transport.write(self._told())
            return
        self._tally.requests += 1
        model = model_of(self._body[0] if len(self._body) == 1 else b"".join(self._body))
        self._body = []
        prepared = WHOLE.get(model)
        if prepared is not None:
            self._tally.events += prepared.events
            self._transport.write(prepared.content)
        elif model == b"bench-paced":
            self._begin_paced()
        elif model == b"bench-first":
            self._begin_at_once(_SHORT_STREAM_S, self.end_stream)
        elif model == b"bench-idle":
            self._begin_at_once(MAX_STREAM_S, self._transport.close)
        else:
            self._transport.write(_UNKNOWN)

    def end_stream(self) -> None:
        """In order: the connection serves the next request."""
        assert self._transport is not None
        self._transport.write(STREAM_END)
        self._forget_stream()

    def _told(self) -> bytes:
        if self._url == b"/end":
            for each in list(self._tally.streams):
                each.end_stream()
        return self._tally.answer() if self._url in {b"/counts", b"/end"} else listing(self._url)

    def _begin_paced(self) -> None:
        """Events on a grid of time, each stream with a phase of its own: no two arrive as one."""
        assert self._transport is not None
        loop = asyncio.get_running_loop()
        phase_s = self._tally.begun_streams % _PHASES / _PHASES * _INTERVAL_S
        self._tally.begun_streams += 1
        self._tally.streams.add(self)
        now = loop.time()
        self._until = now + MAX_STREAM_S
        self._due = now - now % _INTERVAL_S + _INTERVAL_S + phase_s
        self._transport.write(STREAM_HEAD)
        self._timer = loop.call_at(self._due, self._send_event)

    def _send_event(self) -> None:
        assert self._transport is not None
        if self._due > self._until:
            self._transport.close()
            return
        self._tally.events += 1
        self._transport.write(chunk(event(time.monotonic_ns())))
        self._due += _INTERVAL_S
        self._timer = asyncio.get_running_loop().call_at(self._due, self._send_event)

    def _begin_at_once(self, lasts_s: float, end: Callable[[], None]) -> None:
        """Head and first event in one write; then silence, and `end`."""
        assert self._transport is not None
        self._tally.streams.add(self)
        self._tally.events += 1
        self._transport.write(STREAM_HEAD + chunk(event(time.monotonic_ns())))
        self._timer = asyncio.get_running_loop().call_later(lasts_s, end)

    def _forget_stream(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._tally.streams.discard(self)


async def serve(port: int) -> None:
    """Serve on loopback until the process is ended."""
    tally = Tally()
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(tally), "127.0.0.1", port, backlog=_BACKLOG
    )
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
