"""What a faulty upstream answers: the good documents, sounds and streams, and what each fault leaves of them."""

import asyncio
import json
import struct
from dataclasses import dataclass
from typing import Any, Final

from faulty_http import head, reset, whole
from faulty_scene import Scene

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
HUGE_HEADER_BYTES: Final = 200 * 1024
MANY_HEADERS: Final = 500


@dataclass(slots=True)
class Answers:
    """Answers to probes and to inferences."""

    scene: Scene

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
        fault = self.scene.fault
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
            error = {"message": f"{self.scene.name} fails", "type": "x", "param": None, "code": None}
            writer.write(whole(status, {"error": error}, extra))
            await writer.drain()
            return True
        await self.paced(fault.delay_s)
        kind, parts, extra = self.good(path, request)
        if name == "interim":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        if name == "cookie":
            extra += [("Set-Cookie", f"session={len(self.scene.seen)}; Path=/"), ("Set-Cookie2", "old=1")]
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
        name = self.scene.fault.name
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
            await self.scene.thawed.wait()
            writer.write(body[at : at + size])
            await writer.drain()
            if name == "trickle":
                await asyncio.sleep(0.02)
        return name not in {"length_long", "length_short"}

    async def stream(self, parts: list[bytes], extra: list[tuple[str, str]], writer: asyncio.StreamWriter) -> bool:
        """Events, each a chunk."""
        name = self.scene.fault.name
        writer.write(head(200, [("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked"), *extra]))
        if name == "hang_body":
            await asyncio.Event().wait()
        if name == "empty":
            writer.write(b"0\r\n\r\n")
            return True
        for index, part in enumerate(parts):
            await self.paced(self.scene.fault.pace_s)
            if index >= len(parts) // 2 and self.scene.fault.name in {"stall", "cut", "reset_body"}:
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
        await self.scene.thawed.wait()

    async def broken(self, writer: asyncio.StreamWriter) -> bool:
        await asyncio.sleep(0.02)  # so that what was sent so far is read on its own
        if self.scene.fault.name == "stall":
            await asyncio.Event().wait()
        if self.scene.fault.name == "reset_body":
            reset(writer)
        return False

    def good(self, path: str, request: dict[str, Any]) -> tuple[str, list[bytes], list[tuple[str, str]]]:
        """Media type, pieces and headers of a good answer."""
        if path == "/v1/audio/speech":
            if request.get("response_format") == "pcm":  # a tts-node, which tells the duration
                return "audio/pcm", [PCM], [("X-Audio-Duration", f"{SPEECH_S:.6f}")]
            return "audio/wav", [wav(PCM)], []
        words = [f"word{index} " for index in range(self.scene.fault.events)]
        if path == "/v1/responses":
            made = {"id": f"resp_{self.scene.name}_{len(self.scene.seen)}", "object": "response", "output": []}
            return "application/json", [json.dumps(made).encode()], []
        if request.get("stream"):
            events = [b"data: " + json.dumps(self.document(request, word)).encode() + b"\n\n" for word in words]
            return "text/event-stream", [*events, b"data: [DONE]\n\n"], []
        return "application/json", [json.dumps(self.document(request, "".join(words))).encode()], []

    def document(self, request: dict[str, Any], content: str) -> dict[str, Any]:
        message = {"role": "assistant", "content": content}
        choice = {"index": 0, "message": message, "delta": message, "finish_reason": None}
        return {
            "id": self.scene.name,
            "object": "chat.completion",
            "model": request.get("model"),
            "choices": [choice],
        }


def wav(pcm: bytes) -> bytes:
    """A WAV file whose header tells the length."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE_HZ, RATE_HZ * 2, 2, 16)
    return (
        struct.pack("<4sI4s", b"RIFF", 36 + len(pcm), b"WAVE")
        + form
        + struct.pack("<4sI", b"data", len(pcm))
        + pcm
    )
