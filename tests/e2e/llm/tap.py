"""A TCP tap between the router and an LLM server: hands every byte on, and keeps a copy with its time.

Two requests never get the same answer (ids, timestamps), so "the client got what the server sent" can only
be shown on one: this is where the server's side of it is seen. It parses responses, but only to tell one
exchange on a connection from the next; what it hands on is never touched.
"""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from llm.wire import READ_BYTES, Chunk, ResponseReader, body_of, joined

__all__ = ["Exchange", "Tap", "body_of", "running_tap"]

START_DEADLINE_S = 10.0


@dataclass(slots=True)
class Exchange:
    """One request and its response. `at_s` of a chunk is when the tap was about to hand it on; `left_s` when
    the asking side closed its connection, if it did so before the response was complete."""

    request: bytearray = field(default_factory=bytearray)
    chunks: list[Chunk] = field(default_factory=list)
    reader: ResponseReader = field(default_factory=ResponseReader)
    left_s: float | None = None

    @property
    def method(self) -> str:
        return self._request_line[0]

    @property
    def path(self) -> str:
        return self._request_line[1]

    @property
    def request_body(self) -> bytes:
        return bytes(self.request.partition(b"\r\n\r\n")[2])

    @property
    def raw_response(self) -> bytes:
        return joined(self.chunks)

    @property
    def _request_line(self) -> list[str]:
        return self.request.split(b"\r\n", 1)[0].decode("latin-1").split(" ")

    def request_header(self, name: str) -> list[str]:
        lines = self.request.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
        pairs = (line.partition(":") for line in lines)
        return [value.strip() for key, _, value in pairs if key.lower() == name.lower()]


@dataclass(slots=True)
class Tap:
    """Listens on `port` of 127.0.0.1. `exchanges` holds everything that passed, probes of the router too."""

    upstream_host: str
    upstream_port: int
    port: int = 0
    exchanges: list[Exchange] = field(default_factory=list)
    _connections: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def on(self, path: str) -> list[Exchange]:
        """The exchanges of one route, in the order they began."""
        return [exchange for exchange in self.exchanges if exchange.path == path]

    def last(self, path: str) -> Exchange:
        return self.on(path)[-1]

    async def serve(self, started: threading.Event, stop: asyncio.Event) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await stop.wait()
        server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._pass_on(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # one side is gone, or the tap ends: the finally of _pass_on has cut the other side
        finally:
            self._connections.discard(task)
            writer.close()

    async def _pass_on(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection(self.upstream_host, self.upstream_port)
        current: list[Exchange] = []
        requests = asyncio.create_task(self._requests(from_client, to_server, current))
        responses = asyncio.create_task(self._responses(from_server, to_client, current))
        try:
            # Either side's end is the end of both: the server must see that a client went away.
            ended, _ = await asyncio.wait({requests, responses}, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()  # a response that the reader cannot make sense of is shown, not swallowed
        finally:
            to_server.close()
            for task in (requests, responses):
                task.cancel()
            await asyncio.gather(requests, responses, return_exceptions=True)

    async def _requests(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, current: list[Exchange]
    ) -> None:
        while data := await source.read(READ_BYTES):
            if not current or current[0].reader.is_complete:
                current[:] = [Exchange()]
                self.exchanges.append(current[0])
            current[0].request += data
            current[0].reader.to_head_request = current[0].request.startswith(b"HEAD ")
            sink.write(data)
            await sink.drain()
        if current and not current[0].reader.is_complete:
            current[0].left_s = time.monotonic()

    async def _responses(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, current: list[Exchange]
    ) -> None:
        while data := await source.read(READ_BYTES):
            # Kept before it is sent: whoever has received a byte finds it here.
            current[0].chunks.append(Chunk(time.monotonic(), data))
            sink.write(data)
            current[0].reader.feed(data)
            await sink.drain()


@contextmanager
def running_tap(upstream_host: str, upstream_port: int) -> Iterator[Tap]:
    """A tap on an event loop and thread of its own, so that tests may use any client, blocking ones too."""
    tap = Tap(upstream_host, upstream_port)
    started, stop, loop = threading.Event(), asyncio.Event(), asyncio.new_event_loop()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(tap.serve(started, stop))

    thread = threading.Thread(target=run, name="tap", daemon=True)
    thread.start()
    try:
        if not started.wait(START_DEADLINE_S):
            raise RuntimeError("the tap did not start")
        yield tap
    finally:
        with suppress(RuntimeError):  # the loop has ended by itself, with an error the thread has shown
            loop.call_soon_threadsafe(stop.set)
        thread.join(START_DEADLINE_S)
