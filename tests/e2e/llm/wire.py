"""HTTP/1.1 responses as bytes with the times they came at: what "byte for byte" is judged by.

Stands on nothing of the router, whose parser it checks, and on no HTTP library, which would hide bytes.
"""

import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, auto

READ_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes as they came in one piece. `at_s` is time.monotonic(), one clock for all processes of a machine."""

    at_s: float
    data: bytes


class _State(Enum):
    HEAD = auto()
    SIZE = auto()
    CHUNK = auto()
    CHUNK_END = auto()
    TRAILER = auto()
    LENGTH = auto()
    UNTIL_CLOSE = auto()
    DONE = auto()


@dataclass(slots=True)
class ResponseReader:
    """One response, fed piece by piece (RFC 9112 section 6.3 for where it ends)."""

    to_head_request: bool = False
    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    _state: _State = _State.HEAD
    _buffer: bytearray = field(default_factory=bytearray)
    _left: int = 0

    @property
    def is_complete(self) -> bool:
        return self._state is _State.DONE

    @property
    def ends_with_connection(self) -> bool:
        return self._state is _State.UNTIL_CLOSE

    def header(self, name: str) -> list[str]:
        """Every value of a header, for duplicates are what a proxy gets wrong."""
        return [value for key, value in self.headers if key == name.lower()]

    def feed(self, data: bytes) -> None:
        self._buffer += data
        while self._advance():
            pass

    def _advance(self) -> bool:
        if self._state is _State.DONE:
            if self._buffer:
                raise ValueError(f"{len(self._buffer)} bytes after the end of the response")
            return False
        if self._state is _State.UNTIL_CLOSE:
            return self._take(len(self._buffer))
        if self._state in {_State.LENGTH, _State.CHUNK}:
            return self._take(min(self._left, len(self._buffer)))
        return self._read_line()

    def _take(self, count: int) -> bool:
        if not count:
            return False
        self.body += self._buffer[:count]
        del self._buffer[:count]
        self._left -= count
        if not self._left and self._state is _State.CHUNK:
            self._state = _State.CHUNK_END
        elif not self._left and self._state is _State.LENGTH:
            self._state = _State.DONE
        return True

    def _read_line(self) -> bool:
        mark = b"\r\n\r\n" if self._state is _State.HEAD else b"\r\n"
        line, found, rest = self._buffer.partition(mark)
        if not found:
            return False
        self._buffer = rest
        if self._state is _State.HEAD:
            self._read_head(line.decode("latin-1"))
        elif self._state is _State.SIZE:
            self._left = int(line.split(b";")[0], 16)
            self._state = _State.CHUNK if self._left else _State.TRAILER
        elif self._state is _State.CHUNK_END:
            if line:
                raise ValueError(f"chunk is longer than it said: {bytes(line[:40])!r}")
            self._state = _State.SIZE
        elif not line:
            self._state = _State.DONE
        return True

    def _read_head(self, head: str) -> None:
        status_line, *lines = head.split("\r\n")
        self.status = int(status_line.split(" ", 2)[1])
        self.headers = [
            (name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)
        ]
        if 100 <= self.status < 200:
            return  # an interim response; the real one follows
        length = self.header("content-length")
        if self.to_head_request or self.status in {204, 304} or length == ["0"]:
            self._state = _State.DONE
        elif "chunked" in self.header("transfer-encoding"):
            self._state = _State.SIZE
        elif length:
            self._left = int(length[0])
            self._state = _State.LENGTH
        else:
            self._state = _State.UNTIL_CLOSE


def body_of(raw_response: bytes) -> bytes:
    """The body of one whole response, freed from its chunks; ValueError when it was cut short."""
    return bytes(response_of(raw_response).body)


def response_of(raw_response: bytes) -> ResponseReader:
    reader = ResponseReader()
    reader.feed(raw_response)
    if not (reader.is_complete or reader.ends_with_connection):
        raise ValueError(f"the response is cut short after {len(raw_response)} bytes")
    return reader


def events_of(chunks: Iterable[Chunk]) -> list[Chunk]:
    """Each SSE event of a response with the time its last byte came."""
    reader, events, seen = ResponseReader(), list[Chunk](), 0
    for chunk in chunks:
        reader.feed(chunk.data)
        while (end := reader.body.find(b"\n\n", seen)) >= 0:
            events.append(Chunk(chunk.at_s, bytes(reader.body[seen : end + 2])))
            seen = end + 2
    return events


def request(port: int, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> list[Chunk]:
    """Sends one request to this machine on a connection of its own; the response as it came."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    chunks: list[Chunk] = []
    with socket.create_connection(("127.0.0.1", port), timeout=30.0) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(head + body)
        while data := connection.recv(READ_BYTES):
            chunks.append(Chunk(time.monotonic(), data))
    return chunks


def joined(chunks: Iterable[Chunk]) -> bytes:
    return b"".join(chunk.data for chunk in chunks)
