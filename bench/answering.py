"""Servers behind a router: requests come in whole, answers go out in the call that makes them."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Final, cast

import httptools

_BACKLOG: Final = 4096


class Connection(asyncio.Protocol, ABC):
    """One client's. `timer`: of the stream that is being sent; it ends with the connection."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._body: list[bytes] = []
        self.timer: asyncio.TimerHandle | None = None
        self.transport: asyncio.Transport

    @abstractmethod
    def answer(self, url: bytes, body: bytes) -> None:
        """A request is here."""

    def send_each(self, pieces: Iterator[bytes], after_s: float, every_s: float) -> None:
        """The first at once, the next in `after_s`, then one each `every_s` by the clock, however late one was."""
        loop = asyncio.get_running_loop()

        def send(due_s: float) -> None:
            piece = next(pieces, None)
            if piece is not None:
                self.transport.write(piece)
                self.timer = loop.call_at(due_s, send, due_s + every_s)

        send(loop.time() + after_s)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self.timer is not None:
            self.timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    # llhttp's callbacks

    def on_url(self, url: bytes) -> None:
        self._url, self._body = url, []

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        body, self._body = b"".join(self._body), []
        self.answer(self._url, body)


async def serve(connection: Callable[[], Connection], port: int, hosts: Sequence[str] = ("127.0.0.1",)) -> None:
    """Until the process is ended."""
    server = await asyncio.get_running_loop().create_server(connection, hosts, port, backlog=_BACKLOG)
    async with server:
        await server.serve_forever()
