"""A scriptable upstream with a fault that is switched while it runs; a process of its own.

`python faulty.py ADDRESS PORT CONTROL_PORT NAME [CERTIFICATE KEY]`. Standard library only. On one port it is an
OpenAI-compatible server (chat as JSON and paced SSE, responses, speech as WAV) and a tts-node (/health, lists,
speech as PCM), so that the same fault meets each dialect; with a certificate it does so over TLS. Model and health
routes answer well whatever the fault, but for those that take the machine or the process away (`refuse`, `gone`,
`black_hole`, and `hang_all`) or its TLS (`hang_tls` accepts and never shakes hands, `plain_tls` answers in clear).
Connections that are open outlive `refuse`; with `gone`, `hang_tls` and `plain_tls` they end with what is on them.

The control port on 127.0.0.1 takes a JSON object a line and answers each with one: `{"do": "fault", "name": …}`
(with `retry_after`, `delay_s`, `events`, `pace_s` where they matter), `{"do": "report"}`, `{"do": "forget"}`,
`{"do": "hang_up"}` (closes idle connections).
Times are time.monotonic(), which all processes of a machine share.
"""

import asyncio
import json
import socket
import ssl
import struct
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Final

RATE_HZ: Final = 24_000
SPEECH_S: Final = 1.0
FRAME: Final = struct.pack("<h", 1000) + struct.pack("<h", -1000)
PCM: Final = FRAME * int(RATE_HZ * SPEECH_S / 2)
STATUSES: Final = {
    "status_400": 400,
    "status_413": 413,
    "status_422": 422,
    "status_401": 401,
    "status_402": 402,
    "status_404": 404,
    "status_429": 429,
    "status_500": 500,
    "status_503": 503,
}
TRICKLE_PARTS: Final = 20
ENDING: Final = {"gone", "hang_tls", "plain_tls"}
TLS_HANDSHAKE: Final = b"\x16"  # the first byte of a ClientHello's record (RFC 8446 5.1)
HUGE_HEADER_BYTES: Final = 200 * 1024
MANY_HEADERS: Final = 500


@dataclass(slots=True)
class Fault:
    """What is wrong at the moment, and how the good answers look."""

    name: str = "none"
    retry_after: int = 1
    delay_s: float = 0.1
    events: int = 5
    pace_s: float = 0.02


@dataclass(slots=True)
class Seen:
    """One inference that came. `lost_s`: when its connection was closed before its answer was sent."""

    connection: int
    path: str
    fault: str
    headers: list[tuple[str, str]]
    body: str
    began_s: float
    finished_s: float | None = None
    lost_s: float | None = None


@dataclass(slots=True)
class Line:
    """One connection; `gone_s` is when the other side closed it, `is_busy` while a request is on it."""

    number: int
    opened_s: float
    requests: int = 0
    is_busy: bool = False
    is_inference: bool = False
    gone_s: float | None = None
    closed_s: float | None = None


class Wire(asyncio.StreamReaderProtocol):
    """Notes when the other side goes, whether anybody reads or not."""

    def __init__(self, house: "House") -> None:
        loop = asyncio.get_running_loop()
        super().__init__(asyncio.StreamReader(loop=loop, limit=2**26), house.connected, loop)
        house.count += 1
        self.line = Line(house.count, time.monotonic())
        self.gone = asyncio.Event()
        house.lines[self.line.number] = self.line

    def eof_received(self) -> bool:
        self._note_end()
        return bool(super().eof_received())

    def connection_lost(self, exc: Exception | None) -> None:
        self._note_end()
        self.line.closed_s = time.monotonic()
        super().connection_lost(exc)

    def _note_end(self) -> None:
        self.line.gone_s = self.line.gone_s or time.monotonic()
        self.gone.set()


@dataclass(slots=True)
class House:
    """The listener, the fault, and what was seen."""

    address: str
    port: int
    name: str
    tls: ssl.SSLContext | None = None
    fault: Fault = field(default_factory=Fault)
    seen: list[Seen] = field(default_factory=list)
    lines: dict[int, Line] = field(default_factory=dict)
    transports: dict[int, asyncio.WriteTransport] = field(default_factory=dict)
    count: int = 0
    listener: socket.socket | None = None
    fillers: list[socket.socket] = field(default_factory=list)
    mute: list[socket.socket] = field(default_factory=list)
    thawed: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    # the listener

    def listen(self) -> None:
        if self.listener is None:
            self.listener = socket.socket()
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.setblocking(False)
            self.listener.bind((self.address, self.port))
        self.listener.listen(1024)
        asyncio.get_running_loop().add_reader(self.listener, self.accept)

    def accept(self) -> None:
        loop = asyncio.get_running_loop()
        assert self.listener is not None
        while True:
            try:
                accepted, _ = self.listener.accept()
            except OSError:
                return
            accepted.setblocking(False)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.keep(loop.create_task(self.connect(accepted)))

    async def connect(self, accepted: socket.socket) -> None:
        if self.fault.name == "hang_tls":
            self.mute.append(accepted)
            return
        tls = None if self.fault.name == "plain_tls" else self.tls
        with suppress(OSError):  # the other side may go, or may not like what it hears
            await asyncio.get_running_loop().connect_accepted_socket(lambda: Wire(self), accepted, ssl=tls)

    def keep(self, task: "asyncio.Task[Any]") -> None:
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def refuse(self) -> None:
        """Nobody listens any more."""
        if self.listener is not None:
            asyncio.get_running_loop().remove_reader(self.listener)
            self.listener.close()
            self.listener = None

    def swallow(self) -> None:
        """As if the cable were out: SYNs are dropped (a full backlog), connections that are there fall silent."""
        assert self.listener is not None
        self.thawed.clear()
        asyncio.get_running_loop().remove_reader(self.listener)
        self.listener.listen(0)
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((self.address, self.port))
            self.fillers.append(filler)

    def switch(self, fault: Fault) -> float:
        """From one fault to another; when."""
        self.fault = fault
        for held in (*self.fillers, *self.mute):
            held.close()
        self.fillers.clear()
        self.mute.clear()
        self.thawed.set()
        match fault.name:
            case "refuse" | "gone":
                self.refuse()
            case "black_hole":
                self.listen()
                self.swallow()
            case _:
                self.listen()
        if fault.name in ENDING:
            self.hang_up()
        return time.monotonic()

    # requests

    def hang_up(self) -> None:
        """Close connections that nobody uses at the moment, as a server's keep-alive timer would."""
        for number, transport in tuple(self.transports.items()):
            if not self.lines[number].is_busy:
                transport.close()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = writer.transport.get_protocol()
        assert isinstance(wire, Wire)
        self.transports[wire.line.number] = writer.transport
        try:
            while await self.served(wire, reader, writer) and self.fault.name not in ENDING:
                wire.line.is_busy = False
        except (OSError, asyncio.IncompleteReadError):
            pass  # the other side is gone
        finally:
            wire.line.is_busy = False
            del self.transports[wire.line.number]
            writer.close()

    async def served(self, wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether the connection may go on."""
        first = await reader.read(1)
        line = wire.line
        if not first:
            return False
        if self.fault.name == "plain_tls" and first == TLS_HANDSHAKE:
            writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            return False
        line.requests += 1
        line.is_busy = True
        if self.fault.name == "keep_alive_race" and line.requests > 1:
            reset(writer)
            return False
        method, path, headers, body = await read_request(first, reader)
        await self.thawed.wait()
        if method == "GET":
            if self.fault.name == "hang_all":
                await wire.gone.wait()
                return False
            writer.write(self.listing(path))
            await writer.drain()
            return True
        line.is_inference = True
        seen = Seen(line.number, path, self.fault.name, headers, body.decode("latin-1"), time.monotonic())
        self.seen.append(seen)
        answer = asyncio.ensure_future(self.answer(path, body, writer))
        gone = asyncio.ensure_future(wire.gone.wait())
        try:
            await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
            if answer.done() and answer.exception() is None:
                seen.finished_s = time.monotonic()
                return answer.result()
            seen.lost_s = wire.line.gone_s
            return False
        finally:
            answer.cancel()
            gone.cancel()
            await asyncio.gather(answer, gone, return_exceptions=True)

    def listing(self, path: str) -> bytes:
        """What probes ask for."""
        match path:
            case "/health":
                return whole(200, {"state": "up", "voices_revision": "1", "queue": {"depth": 0, "busy": False}})
            case "/v1/audio/voices":
                return whole(200, {"voices": [{"id": "alloy", "name": "Alloy"}]})
            case "/v1/models":
                names = ("json", "sse", "say", "speech", "m")
                return whole(200, {"object": "list", "data": [{"id": n, "object": "model"} for n in names]})
        return whole(404, {"error": {"message": "no such route", "type": "x", "param": None, "code": None}})

    async def answer(self, path: str, body: bytes, writer: asyncio.StreamWriter) -> bool:
        """The answer to an inference, or what the fault leaves of it; whether the connection may go on."""
        request: dict[str, Any] = json.loads(body)
        fault = self.fault
        name = fault.name
        if name in {"hang_head", "hang_all"}:
            await asyncio.Event().wait()
        if name == "reset":
            reset(writer)
            return False
        if name == "malformed_http":
            writer.write(b"NONSENSE/9.9 what is this\r\n\r\n\x00\x01\x02" + b"x" * 50 + b"\r\n\r\n")
            await writer.drain()
            return False
        if name in STATUSES:
            status = STATUSES[name]
            extra = [("Retry-After", str(fault.retry_after))] if status in {429, 503} else []
            error = {"message": f"{self.name} fails", "type": "x", "param": None, "code": None}
            writer.write(whole(status, {"error": error}, extra))
            await writer.drain()
            return True
        await self.paced(fault.delay_s)
        kind, parts, extra = self.good(path, request)
        if name == "interim":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        if name == "cookie":
            extra += [("Set-Cookie", f"session={len(self.seen)}; Path=/"), ("Set-Cookie2", "old=1")]
        if name == "huge_headers":
            extra.append(("X-Huge", "h" * HUGE_HEADER_BYTES))
        if name == "many_headers":
            extra += [(f"X-Many-{index}", "v") for index in range(MANY_HEADERS)]
        if kind == "text/event-stream":
            return await self.stream(parts, extra, writer)
        return await self.body(kind, b"".join(parts), extra, writer)

    async def body(
        self, kind: str, body: bytes, extra: list[tuple[str, str]], writer: asyncio.StreamWriter
    ) -> bool:
        """A body with its length."""
        name = self.fault.name
        if name == "malformed_json":
            body = body[:-7] if kind == "application/json" else b"\x00" * 301
        if name == "empty":
            body = b""
        length = len(body) + {"length_long": 100, "length_short": -(len(body) // 3)}.get(name, 0)
        writer.write(head(200, [("Content-Type", kind), ("Content-Length", str(length)), *extra]))
        if name == "hang_body":
            await asyncio.Event().wait()
        half = len(body) // 2
        if name in {"stall", "cut", "cut_event", "reset_body"}:
            writer.write(body[:half])
            await writer.drain()
            return await self.broken(writer)
        size = -(-len(body) // TRICKLE_PARTS) if name == "trickle" else max(1, len(body))
        for at in range(0, len(body), size):
            await self.thawed.wait()
            writer.write(body[at : at + size])
            await writer.drain()
            if name == "trickle":
                await asyncio.sleep(0.02)
        return name not in {"length_long", "length_short"}

    async def stream(self, parts: list[bytes], extra: list[tuple[str, str]], writer: asyncio.StreamWriter) -> bool:
        """Events, each a chunk."""
        name = self.fault.name
        writer.write(head(200, [("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked"), *extra]))
        if name == "hang_body":
            await asyncio.Event().wait()
        if name == "empty":
            writer.write(b"0\r\n\r\n")
            return True
        for index, part in enumerate(parts):
            await self.paced(self.fault.pace_s)
            if index >= len(parts) // 2 and self.fault.name in {"stall", "cut", "reset_body"}:
                return await self.broken(writer)
            if index and name == "cut_event":
                half = part[: len(part) // 2]
                writer.write(b"%x\r\n%b\r\n" % (len(half), half))
                return await self.broken(writer)
            data = b"%x\r\n%b\r\n" % (len(part) + (100 if name == "length_long" else 0), part)
            if name == "trickle":
                for at in range(0, len(data), 16):
                    writer.write(data[at : at + 16])
                    await asyncio.sleep(0.002)
            else:
                writer.write(data)
            await writer.drain()
            if name == "length_long":
                return False
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    async def paced(self, pause_s: float) -> None:
        await asyncio.sleep(pause_s)
        await self.thawed.wait()

    async def broken(self, writer: asyncio.StreamWriter) -> bool:
        await asyncio.sleep(0.02)  # so that what was sent so far is read on its own
        if self.fault.name == "stall":
            await asyncio.Event().wait()
        if self.fault.name == "reset_body":
            reset(writer)
        return False

    def good(self, path: str, request: dict[str, Any]) -> tuple[str, list[bytes], list[tuple[str, str]]]:
        """Media type, pieces and headers of a good answer."""
        if path == "/v1/audio/speech":
            if request.get("response_format") == "pcm":  # a tts-node, which tells the duration
                return "audio/pcm", [PCM], [("X-Audio-Duration", f"{SPEECH_S:.6f}")]
            return "audio/wav", [wav(PCM)], []
        words = [f"word{index} " for index in range(self.fault.events)]
        if path == "/v1/responses":
            made = {"id": f"resp_{self.name}_{len(self.seen)}", "object": "response", "output": []}
            return "application/json", [json.dumps(made).encode()], []
        if request.get("stream"):
            events = [b"data: " + json.dumps(self.document(request, word)).encode() + b"\n\n" for word in words]
            return "text/event-stream", [*events, b"data: [DONE]\n\n"], []
        return "application/json", [json.dumps(self.document(request, "".join(words))).encode()], []

    def document(self, request: dict[str, Any], content: str) -> dict[str, Any]:
        message = {"role": "assistant", "content": content}
        choice = {"index": 0, "message": message, "delta": message, "finish_reason": None}
        return {"id": self.name, "object": "chat.completion", "model": request.get("model"), "choices": [choice]}

    # control

    async def controlled(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while order := await reader.readline():
            asked = json.loads(order)
            match asked.pop("do"):
                case "fault":
                    said: dict[str, Any] = {"at": self.switch(Fault(**asked))}
                case "hang_up":
                    self.hang_up()
                    said = {}
                case "forget":
                    self.seen.clear()
                    self.lines = {n: line for n, line in self.lines.items() if line.closed_s is None}
                    said = {}
                case _:
                    lines = [asdict(line) for line in self.lines.values()]
                    said = {"seen": [asdict(seen) for seen in self.seen], "lines": lines}
            writer.write(json.dumps(said).encode() + b"\n")
            await writer.drain()
        writer.close()


def reset(writer: asyncio.StreamWriter) -> None:
    """RST instead of FIN (socket(7), SO_LINGER of zero)."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def read_request(
    first: bytes, reader: asyncio.StreamReader
) -> tuple[str, str, list[tuple[str, str]], bytes]:
    raw = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *fields = raw.removesuffix("\r\n\r\n").split("\r\n")
    method, path, _ = line.split(" ", 2)
    headers = [(name.lower(), value.strip()) for name, _, value in (field.partition(":") for field in fields)]
    length = next((int(value) for name, value in headers if name == "content-length"), 0)
    return method, path, headers, await reader.readexactly(length)


def head(status: int, headers: list[tuple[str, str]]) -> bytes:
    lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def whole(status: int, document: object, extra: list[tuple[str, str]] | None = None) -> bytes:
    body = json.dumps(document).encode()
    fields = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    return head(status, fields + (extra or [])) + body


def wav(pcm: bytes) -> bytes:
    """A WAV file whose header tells the length."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE_HZ, RATE_HZ * 2, 2, 16)
    return (
        struct.pack("<4sI4s", b"RIFF", 36 + len(pcm), b"WAVE")
        + form
        + struct.pack("<4sI", b"data", len(pcm))
        + pcm
    )


def certified(certificate: str, key: str) -> ssl.SSLContext:
    """A server's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


async def main(address: str, port: int, control: int, name: str, *pair: str) -> None:
    house = House(address, port, name, certified(*pair) if pair else None)
    house.switch(Fault())
    server = await asyncio.start_server(house.controlled, "127.0.0.1", control, limit=2**20)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:]))
