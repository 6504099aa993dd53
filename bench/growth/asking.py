"""The client: so many requests, one after the other on each of a few connections; and streams that stay open."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Final, cast

import httptools

_WITHIN_S: Final = 120.0


class NotAnswered(Exception):
    """A request was not answered as it should be, so the figures would mean nothing."""


def request(path: str, key: str, document: Mapping[str, object] | None = None) -> bytes:
    """A GET, or a POST of `document`."""
    body = json.dumps(document, separators=(",", ":")).encode() if document is not None else b""
    head = (
        f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n"
        "User-Agent: OpenAI/Python 2.8.0\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def ask(port: int, requests: Sequence[bytes], connections: int, status: int = 200) -> None:
    """Ask all of them and wait for the last answer's end. Raises NotAnswered."""
    left = iter(requests)
    count = min(connections, len(requests))
    try:
        async with asyncio.timeout(_WITHIN_S), asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(_ask_on_one(port, left, status))
    except ExceptionGroup as several:
        why = several.exceptions[0]
        raise why if isinstance(why, NotAnswered) else NotAnswered(f"no answer: {why!r}") from None
    except TimeoutError as error:
        raise NotAnswered(f"no answer within {_WITHIN_S:.0f} s") from error


async def _ask_on_one(port: int, left: Iterator[bytes], status: int) -> None:
    loop = asyncio.get_running_loop()
    transport, client = await loop.create_connection(_Client, "127.0.0.1", port)
    try:
        for each in left:
            client.answered = loop.create_future()
            transport.write(each)
            await client.answered
            if client.status != status:
                raise NotAnswered(f"status {client.status}: {client.said[:300]!r}")
    finally:
        transport.abort()


@contextlib.asynccontextmanager
async def streaming(port: int, each: bytes, count: int) -> AsyncIterator[None]:
    """`count` streams that have begun. Raises NotAnswered when one of them ended meanwhile."""
    loop = asyncio.get_running_loop()
    clients: list[_Client] = []
    try:
        for _ in range(count):
            transport, client = await loop.create_connection(_Client, "127.0.0.1", port)
            clients.append(client)
            client.begun = loop.create_future()
            transport.write(each)
            if len(clients) % 50 == 0:
                await _begun(clients[-50:])
        await _begun(clients)
        yield
        if any(client.lost.done() for client in clients):
            raise NotAnswered("an open stream was cut")
    finally:
        for client in clients:
            client.close()
        await asyncio.gather(*(client.lost for client in clients))  # a router that ends waits for its streams


async def _begun(clients: Sequence["_Client"]) -> None:
    try:
        async with asyncio.timeout(_WITHIN_S):
            await asyncio.gather(*(client.begun for client in clients if client.begun is not None))
    except TimeoutError as error:
        raise NotAnswered("a stream did not begin") from error


class _Client(asyncio.Protocol):
    """One connection. `said`: the beginning of the last answer's body."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self.answered: asyncio.Future[None] | None = None
        self.begun: asyncio.Future[None] | None = None
        self.status = 0
        self.said = b""
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(None)
        for future in (self.answered, self.begun):
            if future is not None and not future.done():
                future.set_exception(NotAnswered(f"the connection was lost: {exc}"))

    # llhttp's callbacks

    def on_message_begin(self) -> None:
        self.said = b""

    def on_body(self, body: bytes) -> None:
        self.said = self.said or body
        if self.begun is not None and not self.begun.done():
            self.begun.set_result(None)

    def on_message_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self.answered is not None and not self.answered.done():
            self.answered.set_result(None)
