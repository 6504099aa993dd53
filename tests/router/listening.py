"""A real server around the rooms, in this process, on loopback."""

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, cast

from fakes import FakeForward, Step, chat_card, head
from houses import FakeHouse

from router import server


def lone_house(*steps: Step, **server: Any) -> FakeHouse:
    """A house with one model, m, at the provider `a`, which answers {} unless `steps` say otherwise; with these
    settings of its server."""
    script = steps or (head(200, (b"Content-Length", b"2")), b"{}")
    house = FakeHouse(
        FakeForward(chat_card("a", first_byte_s=60, stall_s=60), script), settings={"server": server}
    )
    house.report("a", "m")
    return house


@dataclass(slots=True)
class Listening:
    """A server that runs. `stop` is what SIGTERM does; `ended` is set when it has."""

    port: int
    task: "asyncio.Task[None]"
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self) -> None:
        signal.raise_signal(signal.SIGTERM)


@contextlib.asynccontextmanager
async def listening(house: FakeHouse) -> AsyncIterator[Listening]:
    """Serve `house` until the block ends, as `local-ai-router serve` does."""
    with server.bind("127.0.0.1", 0) as listener:
        ready = asyncio.Event()
        port: int = listener.getsockname()[1]
        task = asyncio.ensure_future(server.serve(cast("Any", house), listener, ready.set))
        running = Listening(port, task)
        task.add_done_callback(lambda _: running.ended.set())
        await ready.wait()
        try:
            yield running
        finally:
            if not task.done():
                running.stop()
            await task


@dataclass(frozen=True, slots=True)
class Response:
    """An answer off the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = json.loads(self.body)["error"]
        return error


class Caller:
    """A client's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def response(self) -> Response:
        """The next answer; it must tell its length."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *rest = head.split("\r\n")[:-2]
        headers = {name.lower(): value for name, _, value in (entry.partition(": ") for entry in rest)}
        body = await self.reader.readexactly(int(headers["content-length"]))
        return Response(int(line.split(" ")[1]), headers, body)

    async def rest(self) -> bytes:
        """Everything until the server closes."""
        return await self.reader.read()


@contextlib.asynccontextmanager
async def calling(port: int) -> AsyncIterator[Caller]:
    """A fresh connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Caller(reader, writer)
    finally:
        writer.close()
