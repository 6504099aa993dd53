"""One client's streams, over a connection of its own."""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final, cast

import httptools

from bench.cases import Case, request_headers
from bench.samples import SampleFailed
from bench.wire import request

OPEN_WITHIN_S: Final = 20.0
_SETTLE_S: Final = 0.5
_AT_ONCE: Final = 64
_STAMP: Final = re.compile(rb'@(\d+)"')


def request_of(case: Case, key: str, extra: Mapping[str, str]) -> bytes:
    """As it goes over the wire."""
    return request(case.path, request_headers(key, extra), case.body)


class Stream(asyncio.Protocol):
    """Streams, one after another: each `ask` begins one. `note` is called with each event's delay in µs, which is
    from its stamp (CLOCK_MONOTONIC, one for all processes of a machine) until now."""

    def __init__(self, request: bytes, note: Callable[[float], None]) -> None:
        self._request = request
        self._note = note
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self.has_begun: asyncio.Future[float] = self._loop.create_future()
        self.has_ended: asyncio.Future[None] = self._loop.create_future()
        self.is_lost = False

    def ask(self) -> None:
        """Begin a stream. `has_begun` gives the time of its first event (CLOCK_MONOTONIC, seconds) or raises
        SampleFailed; `has_ended` tells its end in order."""
        assert self._transport is not None
        self._parser = httptools.HttpResponseParser(self)
        self.has_begun = self._loop.create_future()
        self.has_ended = self._loop.create_future()
        self._transport.write(self._request)
        if self.is_lost:
            self._fail("the connection was closed")
            self.has_ended.set_result(None)

    @property
    def is_begun(self) -> bool:
        """Its first event is there. (Who gives up waiting for it cancels the future.)"""
        it = self.has_begun
        return it.done() and not it.cancelled() and it.exception() is None

    @property
    def can_ask(self) -> bool:
        """Another stream on this connection."""
        return not self.is_lost and self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        """At once, whatever is under way."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"no HTTP: {error}")

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        self._fail(f"a stream ended before its first event ({exc})")
        if not self.has_ended.done():
            self.has_ended.set_result(None)

    # llhttp's callbacks

    def on_headers_complete(self) -> None:
        if (status := self._parser.get_status_code()) != 200:
            self._fail(f"a stream was answered with status {status}")

    def on_body(self, body: bytes) -> None:
        now = time.monotonic_ns()
        for stamp in _STAMP.findall(body):
            self._note((now - int(stamp)) / 1000)
            if not self.has_begun.done():
                self.has_begun.set_result(now / 1e9)

    def on_message_complete(self) -> None:
        if not self.has_ended.done():
            self.has_ended.set_result(None)

    def _fail(self, why: str) -> None:
        if not self.has_begun.done():
            self.has_begun.set_exception(SampleFailed(why))
            self.has_begun.exception()  # told to who waits, and to nobody else


async def connected(port: int, request: bytes, note: Callable[[float], None]) -> Stream:
    """A connection on which nothing was asked yet. Raises SampleFailed."""
    loop = asyncio.get_running_loop()
    try:
        _, stream = await loop.create_connection(lambda: Stream(request, note), "127.0.0.1", port)
    except OSError as error:
        raise SampleFailed(f"it takes no connection: {error}") from error
    return stream


async def open_streams(port: int, request: bytes, count: int, note: Callable[[float], None]) -> list[Stream]:
    """`count` streams of which every one has brought its first event; _AT_ONCE are waited for at a time, because
    not the onslaught is looked at. Raises SampleFailed, with none left open."""
    streams: list[Stream] = []
    try:
        async with asyncio.timeout(OPEN_WITHIN_S):
            for number in range(count):
                streams.append(await connected(port, request, note))
                streams[-1].ask()
                if number >= _AT_ONCE:
                    await streams[number - _AT_ONCE].has_begun
            await asyncio.gather(*(stream.has_begun for stream in streams))
    except (SampleFailed, TimeoutError) as error:
        begun = sum(stream.is_begun for stream in streams)
        await _close(streams)
        why = str(error) or f"no more came within {OPEN_WITHIN_S:.0f} s"
        raise SampleFailed(f"{begun} of {count} streams began, then {why}", count - begun) from error
    return streams


@contextlib.asynccontextmanager
async def held(port: int, request: bytes, count: int, note: Callable[[float], None]) -> AsyncIterator[None]:
    """`count` streams that are open and have settled, for as long as the block lasts. Raises SampleFailed, also
    when one was cut meanwhile."""
    streams = await open_streams(port, request, count, note)
    try:
        await asyncio.sleep(_SETTLE_S)
        yield
        if lost := sum(stream.is_lost for stream in streams):
            raise SampleFailed(f"{lost} of {count} open streams were cut", lost)
    finally:
        await _close(streams)


async def _close(streams: list[Stream]) -> None:
    for stream in streams:
        stream.close()
    await asyncio.gather(*(stream.has_ended for stream in streams))  # a server that ends waits for its streams
