"""The mock upstream: an LLM server whose every byte was prepared beforehand, so that it is never what is measured.

It counts what it was asked (`GET /counts`), because the gateway's CPU time is divided by what really arrived here,
not by what a load generator believes. `GET /end` ends all open streams: some gateways leave them behind when their
clients have gone. Any other GET is answered with a list of models: health probes, which are not counted.
"""

import asyncio
import functools
import re
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final

import uvloop

from bench import answering
from bench.answers import STREAM_END, json_of, stamped_event, whole
from bench.cases import PACED_EVENTS_PER_S
from bench.prepared import STREAM_HEAD, WHOLE, listing

MAX_STREAM_S: Final = 120.0
_SHORT_STREAM_S: Final = 0.01
_INTERVAL_S: Final = 1 / PACED_EVENTS_PER_S
_PHASES: Final = 100
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
        return json_of(counts)


def model_of(body: bytes) -> bytes:
    """Which model a request names: first if it comes as it was sent, anywhere if a gateway wrote it anew. Nothing
    where there is none of this benchmark's."""
    if body.startswith(_FIRST):
        return body[len(_FIRST) : body.index(b'"', len(_FIRST))]
    found = _MODEL.search(body)
    return found[1] if found else b""


class _Connection(answering.Connection):
    """One client."""

    def __init__(self, tally: Tally) -> None:
        super().__init__()
        self._tally = tally

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._tally.streams.discard(self)

    def answer(self, url: bytes, body: bytes) -> None:
        """See `answering.Connection`."""
        if not body:
            self.transport.write(self._told(url))
            return
        self._tally.requests += 1
        model = model_of(body)
        prepared = WHOLE.get(model)
        if prepared is not None:
            self._tally.events += prepared.events
            self.transport.write(prepared.content)
        elif model == b"bench-paced":
            self._begin_paced()
        elif model == b"bench-first":
            self._begin_at_once(_SHORT_STREAM_S, self.end_stream)
        elif model == b"bench-idle":
            self._begin_at_once(MAX_STREAM_S, self.transport.close)
        else:
            self.transport.write(_UNKNOWN)

    def end_stream(self) -> None:
        """In order: the connection serves the next request."""
        self.transport.write(STREAM_END)
        if self.timer is not None:
            self.timer.cancel()
        self._tally.streams.discard(self)

    def _told(self, url: bytes) -> bytes:
        if url == b"/end":
            for each in list(self._tally.streams):
                each.end_stream()
        return self._tally.answer() if url in {b"/counts", b"/end"} else listing(url)

    def _begin_paced(self) -> None:
        """Events on a grid of time, each stream with a phase of its own: no two arrive as one."""
        phase_s = self._tally.begun_streams % _PHASES / _PHASES * _INTERVAL_S
        self._tally.begun_streams += 1
        self._tally.streams.add(self)
        now_s = asyncio.get_running_loop().time()
        self.send_each(self._paced(), _INTERVAL_S - now_s % _INTERVAL_S + phase_s, _INTERVAL_S)

    def _paced(self) -> Iterator[bytes]:
        yield STREAM_HEAD
        for _ in range(round(MAX_STREAM_S / _INTERVAL_S)):
            self._tally.events += 1
            yield stamped_event()
        self.transport.close()

    def _begin_at_once(self, lasts_s: float, end: Callable[[], None]) -> None:
        """Head and first event in one write; then silence, and `end`."""
        self._tally.streams.add(self)
        self._tally.events += 1
        self.transport.write(STREAM_HEAD + stamped_event())
        self.timer = asyncio.get_running_loop().call_later(lasts_s, end)


async def serve(port: int) -> None:
    """Serve on loopback until the process is ended."""
    await answering.serve(functools.partial(_Connection, Tally()), port)


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
