"""A scripted server: OpenAI-compatible, as a process of its own, told by each request how to behave.

`python upstream.py PORT NAME MODEL…`. Standard library only. The request's own JSON fields script the answer,
for the router passes bodies on untouched:

    "stream": true     SSE, else JSON
    "x_events": 5      how many words the answer has
    "x_text": "…"      what it says instead, four characters an event
    "x_pace_s": 0.05   silence before each event, or before all of a JSON answer
    "x_first_s": 60    silence before the first byte of the answer, headers included
    "x_status": 500    an error with this status, whose message repeats the key it was asked with
    "x_headers": {…}   added to the answer's headers
    "x_big": 100000    pads each event to so many bytes

POST /v1/audio/speech gives a tone as WAV. GET /_exchanges tells what came and when each exchange's connection
was closed; DELETE /_exchanges forgets it.
Times are time.monotonic(), which all processes of a machine share.
"""

import asyncio
import io
import json
import math
import struct
import sys
import time
import wave
from typing import Any

RATE_HZ = 24_000
CHARS_PER_S = 15
Headers = list[tuple[str, str]]


class Exchange:
    """One request on a connection, as it is reported."""

    def __init__(self, method: str, path: str, headers: Headers, body: bytes) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.began_s = time.monotonic()
        self.finished_s: float | None = None
        self.lost_s: float | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "path": self.path,
            "headers": self.headers,
            "body": self.body.decode("latin-1"),
            "began_s": self.began_s,
            "finished_s": self.finished_s,
            "lost_s": self.lost_s,
        }


class Protocol(asyncio.StreamReaderProtocol):
    """Knows when the other side went, whether anybody reads or not."""

    def __init__(self, server: "Server") -> None:
        loop = asyncio.get_running_loop()
        super().__init__(asyncio.StreamReader(loop=loop), server.connected, loop)
        self.gone = asyncio.Event()
        self.gone_s: float | None = None

    def eof_received(self) -> bool:
        self._note_end()
        return bool(super().eof_received())

    def connection_lost(self, exc: Exception | None) -> None:
        self._note_end()
        super().connection_lost(exc)

    def _note_end(self) -> None:
        self.gone_s = self.gone_s or time.monotonic()
        self.gone.set()


class Server:
    """Answers, and remembers."""

    def __init__(self, name: str, models: list[str]) -> None:
        self.name = name
        self.models = models
        self.exchanges: list[Exchange] = []

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while exchange := await read_request(reader):
                if exchange.path == "/v1/models":
                    rows = [{"id": model, "object": "model"} for model in self.models]
                    writer.write(json_answer(200, {"object": "list", "data": rows}))
                elif exchange.path == "/_exchanges":
                    if exchange.method == "DELETE":
                        self.exchanges.clear()
                    writer.write(json_answer(200, [kept.as_json() for kept in self.exchanges]))
                elif exchange.method == "GET":  # whoever looks what kind of server this is
                    writer.write(json_answer(404, {"error": {"message": "no such route"}}))
                elif not await self.served(exchange, writer):
                    return
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the other side is gone
        finally:
            writer.close()

    async def served(self, exchange: Exchange, writer: asyncio.StreamWriter) -> bool:
        """Answers for as long as the client listens; whether it listened to the end."""
        self.exchanges.append(exchange)
        protocol = writer.transport.get_protocol()
        assert isinstance(protocol, Protocol)
        answer = asyncio.create_task(self.answer(exchange, writer))
        gone = asyncio.create_task(protocol.gone.wait())
        try:
            await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
            if answer.done() and answer.exception() is None:
                exchange.finished_s = time.monotonic()
                return True
            exchange.lost_s = protocol.gone_s
            return False
        finally:
            answer.cancel()
            gone.cancel()
            await asyncio.gather(answer, gone, return_exceptions=True)

    async def answer(self, exchange: Exchange, writer: asyncio.StreamWriter) -> None:
        request = json.loads(exchange.body)
        await asyncio.sleep(request.get("x_first_s", 0))
        extra = list(request.get("x_headers", {}).items())
        if status := request.get("x_status"):
            said = f"Incorrect API key provided: {dict(exchange.headers).get('authorization')}"
            error = {"message": said, "type": "x", "param": None, "code": None}
            writer.write(json_answer(status, {"error": error}, extra))
        elif exchange.path.endswith("/audio/speech"):
            fields = [("content-type", "audio/wav"), *extra]
            writer.write(answer_of(200, wav(len(request["input"]) / CHARS_PER_S), fields))
        elif request.get("stream"):
            await self.stream(request, writer, extra)
        else:
            await asyncio.sleep(request.get("x_pace_s", 0))
            writer.write(json_answer(200, self.document(request, text(request)), extra))
        await writer.drain()

    async def stream(self, request: dict[str, Any], writer: asyncio.StreamWriter, extra: Headers) -> None:
        writer.write(head(200, [("content-type", "text/event-stream"), ("transfer-encoding", "chunked"), *extra]))
        for piece in pieces(request):
            await asyncio.sleep(request.get("x_pace_s", 0))
            writer.write(chunk(event(self.document(request, piece) | {"object": "chat.completion.chunk"})))
            await writer.drain()
        writer.write(chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")

    def document(self, request: dict[str, Any], content: str) -> dict[str, Any]:
        message = {"role": "assistant", "content": content}
        whole = {"index": 0, "message": message, "delta": message, "text": content, "finish_reason": None}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        return {
            "id": self.name,
            "object": "chat.completion",
            "created": 0,
            "model": request.get("model"),
            "choices": [whole],
            "usage": usage,
            "padding": "x" * request.get("x_big", 0),
        }


def pieces(request: dict[str, Any]) -> list[str]:
    said: str | None = request.get("x_text")
    if said is not None:
        return [said[at : at + 4] for at in range(0, len(said), 4)]
    return [f"word{index} " for index in range(request.get("x_events", 5))]


def text(request: dict[str, Any]) -> str:
    return "".join(pieces(request))


async def read_request(reader: asyncio.StreamReader) -> Exchange | None:
    try:
        raw = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    line, *fields = raw.removesuffix("\r\n\r\n").split("\r\n")
    method, path, _ = line.split(" ", 2)
    pairs = (field.partition(":") for field in fields)
    headers = [(name.lower(), value.strip()) for name, _, value in pairs]
    length = next((int(value) for name, value in headers if name == "content-length"), 0)
    return Exchange(method, path, headers, await reader.readexactly(length))


def head(status: int, headers: Headers) -> bytes:
    lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def json_answer(status: int, document: object, extra: Headers | None = None) -> bytes:
    return answer_of(status, json.dumps(document).encode(), [("content-type", "application/json"), *(extra or [])])


def answer_of(status: int, body: bytes, headers: Headers) -> bytes:
    return head(status, [("content-length", str(len(body))), *headers]) + body


def wav(duration_s: float) -> bytes:
    """A 440 Hz tone."""
    samples = (round(9000 * math.sin(2 * math.pi * 440 * n / RATE_HZ)) for n in range(int(duration_s * RATE_HZ)))
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        out.writeframes(struct.pack(f"<{int(duration_s * RATE_HZ)}h", *samples))
    return file.getvalue()


def event(document: object) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def main(port: int, name: str, models: list[str]) -> None:
    house = Server(name, models)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Protocol(house), "127.0.0.1", port, backlog=512)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
