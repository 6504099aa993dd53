"""Many clients on one event loop, each on raw sockets: what each one got, when, and whether it was whole."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from llm.wire import READ_BYTES, ResponseReader

CLIENT_TIMEOUT_S: Final = 30.0
TEXT: Final = "The quick brown fox jumps over the lazy dog."
SPEECH_BYTES: Final = 48_000  # one second of PCM, which is what a good machine says
CHAT: Final = "/v1/chat/completions"
SPEECH: Final = "/v1/audio/speech"


@dataclass(frozen=True, slots=True)
class Question:
    """What a client asks. `label` is the kind of request that it stands for."""

    label: str
    path: str
    document: Mapping[str, Any]

    @property
    def is_stream(self) -> bool:
        return bool(self.document.get("stream"))

    @property
    def is_speech(self) -> bool:
        return self.path == SPEECH


def chat(model: str, label: str = "chat JSON", *, stream: bool = False) -> Question:
    """A short chat."""
    messages = [{"role": "user", "content": "hello"}]
    return Question(label, CHAT, {"model": model, "messages": messages, "stream": stream})


def speech(model: str, label: str = "speech") -> Question:
    """A short text as PCM, so that its length can be checked to the sample."""
    document = {"model": model, "input": TEXT, "seed": 7, "response_format": "pcm"}
    return Question(label, SPEECH, document)


@dataclass(slots=True)
class Answer:
    """What a client got. Times are monotonic; `first_s` is None when not a byte came."""

    question: Question
    asked_s: float
    first_s: float | None = None
    ended_s: float = 0.0
    reader: ResponseReader = field(default_factory=ResponseReader)
    failure: str = ""

    @property
    def status(self) -> int:
        return self.reader.status

    @property
    def body(self) -> bytes:
        return bytes(self.reader.body)

    @property
    def is_whole(self) -> bool:
        return self.reader.is_complete and not self.failure

    @property
    def provider(self) -> str:
        return next(iter(self.reader.header("x-router-provider")), "")

    @property
    def attempts(self) -> int:
        return int(next(iter(self.reader.header("x-router-attempts")), "0"))

    @property
    def events(self) -> list[bytes]:
        return [event.strip() for event in self.body.split(b"\n\n") if event.strip()]

    @property
    def fault(self) -> str:
        """What is wrong with it; empty for a whole, right answer."""
        if self.status != 200 or not self.is_whole:
            return f"status {self.status}, whole: {self.is_whole}"
        if self.question.is_speech:
            return "" if len(self.body) == SPEECH_BYTES else f"{len(self.body)} bytes of PCM"
        try:
            if self.question.is_stream:
                *events, last = self.events or [b""]
                said = "".join(words(json.loads(event.removeprefix(b"data: "))) for event in events)
                return "" if said and last == b"data: [DONE]" else "the stream has no proper end"
            return "" if words(json.loads(self.body)) else "no words"
        except (ValueError, KeyError, TypeError) as exc:
            return f"not what an LLM says: {exc!r}"

    @property
    def is_honest_break(self) -> bool:
        """A stream that had begun, ended by an error event and a cut, never a clean end."""
        if not self.question.is_stream or self.status != 200 or self.is_whole:
            return False
        if not self.events:
            return False
        *before, last = self.events
        try:
            error = json.loads(last.removeprefix(b"data: "))["error"]
        except (ValueError, KeyError, TypeError):
            return False
        return bool(before) and sorted(error) == ["code", "message", "param", "type"]

    def __str__(self) -> str:
        took_s = self.ended_s - self.asked_s
        said = f"{self.fault} {self.failure} after {took_s:.2f} s"
        return f"{self.question.label} by {self.provider or 'nobody'}: {said} {self.body[:300]!r}"


def words(document: Any) -> str:
    """What a chat completion says."""
    return str(document["choices"][0]["message"]["content"])


async def ask(port: int, question: Question, headers: Sequence[str] = (), host: str = "127.0.0.1") -> Answer:
    """POST on a connection of its own, and read until the other side ends it."""
    body = json.dumps(question.document).encode()
    lines = [
        f"POST {question.path} HTTP/1.1",
        f"Host: {host}:{port}",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    answer = Answer(question, time.monotonic())
    try:
        async with asyncio.timeout(CLIENT_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
                while data := await reader.read(READ_BYTES):
                    answer.first_s = answer.first_s or time.monotonic()
                    answer.reader.feed(data)
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError) as exc:
        answer.failure = repr(exc)
    answer.ended_s = time.monotonic()
    return answer


@dataclass(slots=True)
class Crowd:
    """Clients at work, and every answer so far."""

    answers: list[Answer] = field(default_factory=list)

    async def until(self, what: str, is_so: Callable[[Answer], bool], deadline_s: float) -> Answer:
        """The first answer from now on of which `is_so` holds; a failure that says `what` never came."""
        deadline = time.monotonic() + deadline_s
        at = len(self.answers)
        while True:
            for answer in self.answers[at:]:
                at += 1
                if is_so(answer):
                    return answer
            if time.monotonic() > deadline:
                last = "\n".join(str(answer) for answer in self.answers[-5:])
                raise AssertionError(f"not within {deadline_s:g} s: {what}; the last answers:\n{last}")
            await asyncio.sleep(0.005)


@asynccontextmanager
async def crowd(port: int, questions: Sequence[Question], size: int) -> AsyncIterator[Crowd]:
    """`size` clients that ask the questions in turn, again and again; at the end each finishes what it asked."""
    house = Crowd()
    is_over = False

    async def client(question: Question) -> None:
        while not is_over:
            house.answers.append(await ask(port, question))

    tasks = [asyncio.create_task(client(questions[index % len(questions)])) for index in range(size)]
    try:
        yield house
    finally:
        is_over = True
        await asyncio.gather(*tasks)
