"""The load: connections that are kept, each with one request at a time."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from typing import Final

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class BadAnswer(Exception):
    """The router did not answer with 200; the message is its answer's beginning."""


class Connection:
    """One kept connection to the router."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, request: bytes) -> None:
        """At once: requests are small."""
        self._writer.write(request)

    async def read_head(self) -> bytes:
        """The answer's. Raises BadAnswer."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise BadAnswer((head + await self._reader.read(500)).decode(errors="replace"))
        return head

    async def ask(self, request: bytes) -> bytes:
        """Send `request`; the answer's head. Raises BadAnswer."""
        self.send(request)
        return await self.read_head()

    async def read_body(self, head: bytes) -> None:
        """To its end."""
        length = _LENGTH.search(head)
        if length is not None:
            await self._reader.readexactly(int(length[1]))
            return
        while await self._chunk():
            pass

    async def read_piece(self, size: int) -> None:
        """Of an answer whose length was told, the next `size` bytes."""
        await self._reader.readexactly(size)

    async def read_event(self) -> None:
        """Of a stream, the next event; comments between are passed over."""
        seen = b""
        while b"data: " not in seen or not seen.endswith(b"\n\n"):
            seen += await self._chunk()

    async def _chunk(self) -> bytes:
        size = int(await self._reader.readline(), 16)
        piece = await self._reader.readexactly(size + 2)
        return piece[:-2]

    def close(self) -> None:
        self._writer.close()


@contextlib.asynccontextmanager
async def connected(port: int, connections: int) -> AsyncIterator[list[Connection]]:
    """That many connections, for as long as the block lasts. Raises OSError."""
    made: list[Connection] = []
    try:
        for _ in range(connections):
            made.append(Connection(*await asyncio.open_connection("127.0.0.1", port)))  # noqa: PERF401  closed below
        yield made
    finally:
        for each in made:
            each.close()


async def ask_all(connections: list[Connection], request: bytes, times: int) -> None:
    """`request` on every connection at once, and again when all have their answers; `times` in all.

    So a busy machine hardly changes how many of them the router finds at a time.
    Raises BadAnswer, OSError, EOFError.
    """
    rounds, over = divmod(times, len(connections))
    assert not over, f"{times} requests make no whole rounds over {len(connections)} connections"
    for _ in range(rounds):
        for connection in connections:
            connection.send(request)
        for connection in connections:
            await connection.read_body(await connection.read_head())
