"""Many clients at once on raw sockets and one event loop: what each one got, when, and whether it was whole.

Raw, because the question is how an answer ended, which HTTP clients tell in too few words.
"""

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from llm.wire import READ_BYTES, ResponseReader

CLIENT_TIMEOUT_S: Final = 60.0
START_DEADLINE_S: Final = 60.0
What = TypeVar("What")


@dataclass(slots=True)
class Answer(Generic[What]):
    """What a client got; `what` is what it asked. Times are monotonic; `first_s` is None when not a byte came."""

    what: What
    asked_s: float = field(default_factory=time.monotonic)
    first_s: float | None = None
    ended_s: float = 0.0
    reader: ResponseReader = field(default_factory=ResponseReader)
    failure: str = ""

    @property
    def status(self) -> int:
        return self.reader.status

    @property
    def is_whole(self) -> bool:
        return self.reader.is_complete and not self.failure

    @property
    def body(self) -> bytes:
        return bytes(self.reader.body)

    @property
    def events(self) -> list[bytes]:
        return [event.strip() for event in self.body.split(b"\n\n") if event.strip()]

    @property
    def provider(self) -> str:
        """Who served it; empty when nobody did."""
        return next(iter(self.reader.header("x-router-provider")), "")

    def header(self, name: str) -> str:
        """The one value of a header."""
        (value,) = self.reader.header(name)
        return value

    def take(self, data: bytes) -> None:
        """Some more of the answer has come."""
        self.first_s = self.first_s or time.monotonic()
        self.reader.feed(data)

    def __str__(self) -> str:
        return f"{self.what}: status {self.status}, whole: {self.is_whole}, {self.failure} {self.body[:300]!r}"


Given = TypeVar("Given", bound=Answer[Any])


def posted(port: int, path: str, document: object, headers: Sequence[str] = ()) -> bytes:
    """A POST of JSON, byte for byte."""
    body = json.dumps(document).encode()
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


# one client, step by step


def opened(port: int, path: str, document: object) -> socket.socket:
    """POST JSON on a connection of its own."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=CLIENT_TIMEOUT_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(posted(port, path, document))
    return connection


def read(connection: socket.socket, answer: Answer[What]) -> bool:
    """Some more of the answer; False at its end."""
    if data := connection.recv(READ_BYTES):
        answer.take(data)
    return bool(data)


# one client, to the end


async def asked(answer: Given, port: int, path: str, document: object, headers: Sequence[str] = ()) -> Given:
    """POST JSON on a connection of its own and read until the other side ends it; `answer`, filled in."""
    try:
        async with asyncio.timeout(CLIENT_TIMEOUT_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(posted(port, path, document, headers))
                while data := await reader.read(READ_BYTES):
                    answer.take(data)
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError) as exc:
        answer.failure = repr(exc)
    answer.ended_s = time.monotonic()
    return answer


def ask(port: int, path: str, document: object, what: str = "") -> Answer[str]:
    """The same for a test that blocks."""
    return asyncio.run(asked(Answer(what), port, path, document))


# many


@dataclass(slots=True)
class Crowd(Generic[Given]):
    """Clients at work, and every answer so far."""

    answers: list[Given] = field(default_factory=list)

    async def until(self, what: str, is_so: Callable[[Given], bool], deadline_s: float) -> Given:
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
async def crowd(size: int, ask_once: Callable[[int], Awaitable[Given]]) -> AsyncIterator[Crowd[Given]]:
    """`size` clients that ask again and again while the block runs; then each finishes what it asked.

    `ask_once` is given the client's number.
    """
    clients: Crowd[Given] = Crowd()
    is_over = False

    async def client(index: int) -> None:
        while not is_over:
            clients.answers.append(await ask_once(index))

    tasks = [asyncio.create_task(client(index)) for index in range(size)]
    try:
        yield clients
    finally:
        is_over = True
        await asyncio.gather(*tasks)


@contextmanager
def crowd_beside(size: int, ask_once: Callable[[int], Awaitable[Given]]) -> Iterator[list[Given]]:
    """The same for a test that blocks: the clients have an event loop and a thread of their own."""
    answers: list[Given] = []
    failures: list[BaseException] = []
    is_begun, stop, loop = threading.Event(), asyncio.Event(), asyncio.new_event_loop()

    async def main() -> None:
        async with crowd(size, ask_once) as clients:
            clients.answers = answers
            is_begun.set()
            await stop.wait()

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(main())
        except BaseException as exc:
            failures.append(exc)
            raise

    thread = threading.Thread(target=run, name="crowd", daemon=True)
    thread.start()
    assert is_begun.wait(START_DEADLINE_S), "the crowd did not start"
    try:
        yield answers
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(CLIENT_TIMEOUT_S * 2)
    assert failures == []
    assert not thread.is_alive(), "a client still waits for its answer"
