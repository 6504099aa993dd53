"""The fake-vendor server: HTTP/1.1 on the loopback around one `Vendor`, which is well or fails as its `mode` says.

In a test's own process: `async with serving(ElevenLabs()) as fake`. As a process of its own, from the folder tests
or with it on PYTHONPATH: `python -m vendors.server elevenlabs [PORT] [MODE]`, which prints `listening on PORT`;
then `PUT /_mode` with a mode's name changes it, and `GET /_asked` tells what came.
"""

import asyncio
import contextlib
import importlib
import json
import re
import socket
import struct
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


class Mode(StrEnum):
    """What becomes of requests for speech. Lists are answered all the while, but for `BAD_KEY`."""

    WELL = "well"
    BAD_KEY = "bad_key"  # 401, of lists too
    QUOTA = "quota"  # no credits left, in the vendor's own words
    BUSY = "busy"  # 429 with Retry-After, where the vendor sends it
    BROKEN = "broken"  # 500
    UNAVAILABLE = "unavailable"  # 503
    SLOW = "slow"  # not a byte, for as long as the other side waits
    STALLED = "stalled"  # the head and half of the body, then nothing
    CUT = "cut"  # half of the body, then the connection ends
    RESET = "reset"  # not a byte, then RST
    GARBAGE = "garbage"  # 200, and no audio


RETRY_AFTER_S = 7
REFUSALS = frozenset({Mode.QUOTA, Mode.BUSY, Mode.BROKEN, Mode.UNAVAILABLE})


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. Names of headers in lower case."""

    method: str
    path: str  # unquoted
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    raw_path: str = ""  # as it came

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `is_chunked`: without a length, as what is sent while it is made."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    is_chunked: bool = False

    @classmethod
    def of(cls, document: object, status: int = 200, **headers: str) -> "Answer":
        """JSON."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status, json.dumps(document).encode(), {"content-type": "application/json", **names})


class Vendor:
    """A vendor's API. `key`: the one that it takes. Everything that came is in `asked`."""

    name = "vendor"
    garbage = Answer(200, b"<html>upstream connect error</html>", {"content-type": "text/html"})

    def __init__(self, mode: Mode = Mode.WELL, key: str = "vendor-key") -> None:
        self.mode = mode
        self.key = key
        self.asked: list[Asked] = []
        self.hung_up = 0  # how often who was kept waiting has closed the connection

    @property
    def spoken(self) -> list[Asked]:
        """The requests for speech among what came."""
        return [asked for asked in self.asked if self.is_speech(asked)]

    def is_speech(self, asked: Asked) -> bool:
        """Whether the mode applies to it."""
        raise NotImplementedError

    def has_key(self, asked: Asked) -> bool:
        """Whether the key is there, the way the vendor wants it."""
        raise NotImplementedError

    def refusal(self, mode: Mode) -> Answer:
        """BAD_KEY and `REFUSALS` in the vendor's words."""
        raise NotImplementedError

    def answer(self, asked: Asked) -> Answer:
        """When all is well."""
        raise NotImplementedError

    async def computed(self, asked: Asked) -> None:
        """Waits as long as the vendor computes before it answers: not at all."""

    def answered(self, asked: Asked) -> Answer:
        """As the mode says, as far as an answer says it."""
        if self.mode is Mode.BAD_KEY or not self.has_key(asked):
            return self.refusal(Mode.BAD_KEY)
        if self.is_speech(asked):
            if self.mode in REFUSALS:
                return self.refusal(self.mode)
            if self.mode is Mode.GARBAGE:
                return self.garbage
        return self.answer(asked)


@dataclass(slots=True)
class Running:
    """A vendor that listens on 127.0.0.1."""

    vendor: Vendor
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.asynccontextmanager
async def serving(vendor: Vendor, port: int = 0) -> AsyncIterator[Running]:
    """Serve until the block ends."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await _exchange(vendor, reader, writer):
                    pass
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", port)
    try:
        yield Running(vendor, server.sockets[0].getsockname()[1])
    finally:
        server.close()
        left = tuple(tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def _exchange(vendor: Vendor, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """One request and its answer; whether the connection goes on."""
    asked = await _read(reader)
    if asked.path.startswith("/_"):
        answer, mode = _ordered(vendor, asked), Mode.WELL
    else:
        vendor.asked.append(asked)
        await vendor.computed(asked)
        answer, mode = vendor.answered(asked), vendor.mode if vendor.is_speech(asked) else Mode.WELL
    match mode:
        case Mode.SLOW:
            await reader.read()  # until the other side has enough
            vendor.hung_up += 1
            return False
        case Mode.RESET:
            sock: socket.socket = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return False
        case Mode.CUT | Mode.STALLED:
            writer.write(_head(answer) + _body(answer, answer.body[: len(answer.body) // 2], is_whole=False))
            await writer.drain()
            if mode is Mode.STALLED:
                await reader.read()
            return False
    writer.write(_head(answer) + _body(answer, answer.body))
    await writer.drain()
    return True


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *fields = head.removesuffix("\r\n\r\n").split("\r\n")
    method, target, _ = line.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in fields)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return Asked(method, unquote(parts.path), query, headers, body, parts.path)


def _head(answer: Answer) -> bytes:
    length = "transfer-encoding: chunked" if answer.is_chunked else f"content-length: {len(answer.body)}"
    fields = [f"{name}: {value}" for name, value in answer.headers.items()]
    return "\r\n".join([f"HTTP/1.1 {answer.status} Scripted", length, *fields, "", ""]).encode("latin-1")


def _body(answer: Answer, body: bytes, *, is_whole: bool = True) -> bytes:
    if not answer.is_chunked:
        return body
    pieces = [body[at : at + 4096] for at in range(0, len(body), 4096)]
    chunks = b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces)
    return chunks + (b"0\r\n\r\n" if is_whole else b"")


def _ordered(vendor: Vendor, asked: Asked) -> Answer:
    """What a test in another process wants of the fake itself."""
    if asked.path == "/_mode" and asked.method == "PUT":
        vendor.mode = Mode(asked.body.decode())
        return Answer.of({"mode": vendor.mode})
    told = [
        {"method": each.method, "path": each.path, "query": each.query, "headers": each.headers}
        | {"body": each.body.decode("latin-1")}
        for each in vendor.asked
    ]
    return Answer.of(told)


def vendor_called(name: str) -> Vendor:
    """The vendor of the module of that name: its only subclass of Vendor."""
    module = importlib.import_module(f"vendors.{re.sub(r'[^a-z0-9_]', '_', name)}")
    found = next(
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Vendor) and kind.__module__ == module.__name__
    )
    return found()


async def _main(name: str, port: str = "0", mode: str = "well") -> None:
    vendor = vendor_called(name)
    vendor.mode = Mode(mode)
    async with serving(vendor, int(port)) as running:
        print(f"listening on {running.port}", flush=True)  # noqa: T201  whoever started it reads that
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    from vendors import server  # not this module's second self, whose classes are others

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(server._main(*sys.argv[1:]))
