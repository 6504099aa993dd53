"""A router's side of conversations, made up for tests: events of a spoken chat, and routers that send them."""

import base64
import contextlib
import json
import threading
import wave
from asyncio import Event, get_running_loop
from asyncio import run as run_alone
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loopback import Loopback, Peer, Received, Script, ok, serving

from router.domain import BYTES_PER_S
from router.talk.client import Model
from router.talk.happenings import Arrived, Happening, Segment, Sounded, Summed

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\nX-Router-Provider: ollama\r\n"
    b"X-Router-Model: llama3.2\r\nX-Router-Attempts: 2\r\nX-Request-Id: req-1\r\n"
)
MODELS = {"data": [{"id": "llama3.2", "modality": "chat", "state": "up"}, {"id": "demo", "modality": "chat"}]}
DONE = b"data: [DONE]\n\n"


def pcm(seconds: float, value: int = 1) -> bytes:
    """So much sound, which one can tell by its value."""
    return bytes([value]) * round(seconds * BYTES_PER_S)


def frames_in(path: Path) -> bytes:
    """The sound in a WAV file."""
    with wave.open(str(path), "rb") as file:
        assert (1, 2, 24_000) == (file.getnchannels(), file.getsampwidth(), file.getframerate())
        return file.readframes(file.getnframes())


def event(document: object) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def delta(**fields: object) -> bytes:
    """A chunk of a chat."""
    return event({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": fields}], "usage": None})


def wrote(text: str, **more: object) -> bytes:
    return delta(audio={"transcript": text, **more})


def spoke(sound: bytes, index: int, text: str, provider: str = "gaming-pc-tts") -> bytes:
    segment = {"index": index, "text": text, "audio_duration": len(sound) / BYTES_PER_S, "provider": provider}
    return delta(audio={"data": base64.b64encode(sound).decode(), "segment": segment})


def summed(*providers: str, **more: object) -> bytes:
    segments = [
        {"index": index, "provider": provider, "engine": "turbo", "audio_duration": 1.0, "cached": False}
        for index, provider in enumerate(providers)
    ]
    sums = {"expires_at": 1, "audio_duration": 2.0, "generation_time": 0.5, "substitution": None}
    return delta(audio={**sums, "segments": segments, **more})


WHOLE = (
    delta(role="assistant", content=""),
    wrote("Hello. ", id="audio_1"),
    wrote("Bye."),
    spoke(pcm(0.1), 0, "Hello."),
    delta(audio={"data": base64.b64encode(pcm(0.1, 2)).decode()}),
    spoke(pcm(0.1, 3), 1, "Bye.", "local-tts"),
    summed("gaming-pc-tts", "local-tts"),
    event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
    event({"choices": [], "usage": {"total_tokens": 7}}),
    DONE,
)


def routing(*answers: bytes, models: object = MODELS) -> Script:
    """A router that gives its n-th chat the n-th answer, the last one again and again, then hangs up."""
    left = list(answers)

    async def script(peer: Peer) -> None:
        request = await peer.request()
        if request.line.startswith("POST"):
            peer.send(left.pop(0) if len(left) > 1 else left[0])
        elif "/v1/models" in request.line:
            peer.send(ok(json.dumps(models).encode(), "Connection: close"))
        else:
            peer.send(ok(b'{"failovers":["provider_host_lost"]}', "Connection: close"))

    return script


def streamed(*events: bytes, headers: bytes = HEAD) -> bytes:
    """A stream that ends with the connection, and is whole only if its events are."""
    return headers + b"\r\n" + b"".join(events)


def refusal(status: int, code: str, message: str) -> bytes:
    body = json.dumps({"error": {"message": message, "type": "x", "param": None, "code": code}}).encode()
    return b"HTTP/1.1 %d No\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body


@contextlib.contextmanager
def elsewhere(script: Script) -> Iterator[Loopback]:
    """The same server on a loop of its own, for what runs one itself."""
    ready = threading.Event()
    shared: dict[str, Any] = {}

    async def main() -> None:
        shared["loop"], shared["stop"] = get_running_loop(), Event()
        async with serving(script) as seen:
            shared["seen"] = seen
            ready.set()
            await shared["stop"].wait()

    thread = threading.Thread(target=lambda: run_alone(main()))
    thread.start()
    assert ready.wait(60)
    try:
        yield shared["seen"]
    finally:
        shared["loop"].call_soon_threadsafe(shared["stop"].set)
        thread.join()


def asked(requests: Sequence[Received]) -> list[dict[str, Any]]:
    """The bodies of the chats among them."""
    return [json.loads(request.body) for request in requests if request.line.startswith("POST")]


def sounded(seconds: float, index: int, text: str, provider: str = "gaming-pc-tts") -> Sounded:
    return Sounded(pcm(seconds), Segment(index, provider, text))


SUMMED = Summed(2.0, 0.5, None, (Segment(0, "gaming-pc-tts", engine="turbo"),), None)


@dataclass(slots=True)
class FakeRouter:
    """Answers each question with the next list; an error in it is raised, an event in it is waited for."""

    answers: list[list[Happening | Exception | Event]]
    requests: list[Mapping[str, Any]] = field(default_factory=list)
    at_s: float = 1000.0
    closed: int = 0

    async def models(self) -> list[Model]:
        return []

    async def answer(self, request: Mapping[str, Any]) -> AsyncGenerator[Arrived, None]:
        self.requests.append(request)
        try:
            for happening in self.answers.pop(0):
                if isinstance(happening, Event):
                    await happening.wait()
                elif isinstance(happening, Exception):
                    raise happening
                else:
                    yield Arrived(self.at_s, happening)
        finally:
            self.closed += 1

    async def failovers(self, request_id: str) -> tuple[str, ...]:
        return (f"provider_{request_id}",)


@dataclass(slots=True)
class FakeSound:
    """`played` is what somebody has heard; `holds`: until when."""

    played: float | None = None
    calls: list[str] = field(default_factory=list)
    pcm: bytes = b""
    error: Exception | None = None
    holds: Event | None = None

    def begin(self) -> None:
        self.calls.append("begin")

    def add(self, pcm: bytes) -> None:
        self.pcm += pcm
        if self.error is not None:
            raise self.error

    def played_s(self) -> float | None:
        return self.played

    async def finish(self) -> None:
        self.calls.append("finish")
        if self.holds is not None:
            await self.holds.wait()

    async def stop(self) -> None:
        self.calls.append("stop")


@dataclass(slots=True)
class FakeScreen:
    """What was shown."""

    text: str = ""
    lines: list[str] = field(default_factory=list)

    def wait(self, what: str) -> None: ...

    def write(self, text: str) -> None:
        self.text += text

    def end_text(self) -> None: ...

    def tell(self, line: str) -> None:
        self.lines.append(line)

    def note(self, line: str) -> None:
        self.lines.append(f"note: {line}")
