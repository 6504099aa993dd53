"""A faulty upstream's connections: when the other side goes, what comes on them, and when they are hung up."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final

from faulty_answers import Answers
from faulty_http import read_request, reset
from faulty_scene import ENDING, Line, Scene, Seen

TLS_HANDSHAKE: Final = b"\x16"  # the first byte of a ClientHello's record (RFC 8446 5.1)


class Wire(asyncio.StreamReaderProtocol):
    """Notes when the other side goes, whether anybody reads or not."""

    def __init__(self, connections: "Connections") -> None:
        loop = asyncio.get_running_loop()
        super().__init__(asyncio.StreamReader(loop=loop, limit=2**26), connections.connected, loop)
        connections.count += 1
        self.line = Line(connections.count, time.monotonic())
        self.gone = asyncio.Event()
        connections.scene.lines[self.line.number] = self.line

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
class Connections:
    """Those that are open, and what is asked on them."""

    scene: Scene
    answers: Answers
    transports: dict[int, asyncio.WriteTransport] = field(default_factory=dict)
    count: int = 0

    def hang_up(self) -> None:
        """Close connections that nobody uses at the moment, as a server's keep-alive timer would."""
        for number, transport in tuple(self.transports.items()):
            if not self.scene.lines[number].is_busy:
                transport.close()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = writer.transport.get_protocol()
        assert isinstance(wire, Wire)
        self.transports[wire.line.number] = writer.transport
        try:
            while await self.served(wire, reader, writer) and self.scene.fault.name not in ENDING:
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
        if self.scene.fault.name == "plain_tls" and first == TLS_HANDSHAKE:
            writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            return False
        line.requests += 1
        line.is_busy = True
        if self.scene.fault.name == "keep_alive_race" and line.requests > 1:
            reset(writer)
            return False
        method, path, headers, body = await read_request(first, reader)
        await self.scene.thawed.wait()
        if method == "GET":
            if self.scene.fault.name == "hang_all":
                await wire.gone.wait()
                return False
            writer.write(self.answers.listing(path))
            await writer.drain()
            return True
        line.is_inference = True
        seen = Seen(line.number, path, self.scene.fault.name, headers, body.decode("latin-1"), time.monotonic())
        self.scene.seen.append(seen)
        answer = asyncio.ensure_future(self.answers.answer(path, body, writer))
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
