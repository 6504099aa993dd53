"""A scripted HTTP server on a real loopback socket: each test writes what it sends, byte by byte."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came off the wire."""

    line: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def get(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class Peer:
    """The server's end of one connection. `number` counts connections from 1."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: "Loopback") -> None:
        self._reader = reader
        self.writer = writer
        self._server = server
        self.number = server.connections

    async def head(self) -> Received:
        """The next request's head; of its body nothing is read."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *rest = head.split("\r\n")[:-2]
        headers = tuple((name, value) for name, _, value in (entry.partition(": ") for entry in rest))
        return Received(line, headers, b"")

    async def some(self, count: int) -> bytes:
        """So many bytes of the body."""
        return await self._reader.readexactly(count)

    async def request(self) -> Received:
        """The next request, whole."""
        head = await self.head()
        body = await self.some(int(head.get("content-length") or 0))
        received = Received(head.line, head.headers, body)
        self._server.requests.append(received)
        return received

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def reset(self) -> None:
        """Close with a TCP reset."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.writer.transport.abort()

    async def until_closed(self) -> None:
        """Wait until the other side has closed its end."""
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while await self._reader.read(65536):
                pass


Script = Callable[[Peer], Awaitable[None]]


@dataclass(slots=True)
class Loopback:
    """What the server saw."""

    port: int = 0
    connections: int = 0
    requests: list[Received] = field(default_factory=list)


@contextlib.asynccontextmanager
async def serving(script: Script, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Loopback]:
    """Serve every connection by `script`; a connection ends when its script does. A script's failure is the
    test's, but for the client's leaving."""
    seen = Loopback()
    tasks: list[asyncio.Task[None]] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        seen.connections += 1
        try:
            await script(Peer(reader, writer, seen))
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    seen.port = server.sockets[0].getsockname()[1]
    try:
        yield seen
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def answering(answer: bytes) -> Script:
    """A script that gives every request the same answer and keeps the connection."""

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            peer.send(answer)

    return script


def ok(body: bytes, *headers: str) -> bytes:
    """A plain 200."""
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """A port that never answers a dial: a listening socket whose backlog is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@contextlib.contextmanager
def nobody() -> Iterator[int]:
    """A port on which nobody listens, on any address; it is held, so that nobody can begin to."""
    with socket.socket() as sock:
        sock.bind(("", 0))
        yield sock.getsockname()[1]
