"""The client: so many requests, one after the other on each of a few connections."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import httptools

from bench import wire
from bench.servers import CannotMeasure

_WITHIN_S: Final = 120.0


class NotAnswered(CannotMeasure):
    """A request was not answered as it should be, so the figures would mean nothing."""


def request(path: str, key: str, document: Mapping[str, object] | None = None) -> bytes:
    """A GET, or a POST of `document`."""
    body = json.dumps(document, separators=(",", ":")).encode() if document is not None else b""
    headers = {
        "Accept": "*/*",
        "User-Agent": "OpenAI/Python 2.8.0",
        "Content-Type": "application/json",
        "Authorization": f"Bearer {key}",
    }
    return wire.request(path, headers, body)


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


class _Client(asyncio.Protocol):
    """One connection. `said`: the beginning of the last answer's body."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.answered: asyncio.Future[None] | None = None
        self.status = 0
        self.said = b""

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.answered is not None and not self.answered.done():
            self.answered.set_exception(NotAnswered(f"the connection was lost: {exc}"))

    # llhttp's callbacks

    def on_message_begin(self) -> None:
        self.said = b""

    def on_body(self, body: bytes) -> None:
        self.said = self.said or body

    def on_message_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self.answered is not None and not self.answered.done():
            self.answered.set_result(None)
