"""Many clients at once, on raw sockets: what each one got, when, and whether its answer was whole.

Raw, because the question is how an answer ended, which HTTP clients tell in too few words.
"""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from llm.wire import READ_BYTES, ResponseReader

CLIENT_TIMEOUT_S: Final = 30.0


@dataclass(slots=True)
class Answer:
    """What a client got. Times are monotonic; `first_s` is None when not a byte came."""

    what: Any
    asked_s: float
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
        return [event for event in self.body.split(b"\n\n") if event]

    def header(self, name: str) -> str:
        """The one value of a header."""
        (value,) = self.reader.header(name)
        return value

    def __str__(self) -> str:
        return f"{self.what}: status {self.status}, whole: {self.is_whole}, {self.failure} {self.body[:300]!r}"


def opened(port: int, path: str, document: object) -> socket.socket:
    """POST JSON on a connection of its own."""
    body = json.dumps(document).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection = socket.create_connection(("127.0.0.1", port), timeout=CLIENT_TIMEOUT_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(head.encode() + body)
    return connection


def read(connection: socket.socket, answer: Answer) -> bool:
    """Some more of the answer; False at its end."""
    data = connection.recv(READ_BYTES)
    if data:
        answer.first_s = answer.first_s or time.monotonic()
        answer.reader.feed(data)
    return bool(data)


def ask(port: int, path: str, document: object, what: Any = None) -> Answer:
    """POST JSON, and read until the other side ends it."""
    answer = Answer(what, time.monotonic())
    try:
        with opened(port, path, document) as connection:
            while read(connection, answer):
                pass
    except OSError as exc:
        answer.failure = repr(exc)
    answer.ended_s = time.monotonic()
    return answer


@contextmanager
def crowd(size: int, ask_once: Callable[[int], Answer]) -> Iterator[list[Answer]]:
    """`size` clients that ask again and again while the block runs; then each finishes what it asked."""
    answers: list[Answer] = []
    stop = threading.Event()
    failures: list[BaseException] = []

    def client(index: int) -> None:
        try:
            while not stop.is_set():
                answers.append(ask_once(index))
        except BaseException as exc:
            failures.append(exc)
            raise

    threads = [threading.Thread(target=client, args=(index,), daemon=True) for index in range(size)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        stop.set()
        for thread in threads:
            thread.join(CLIENT_TIMEOUT_S * 2)
    assert failures == []
    assert not any(thread.is_alive() for thread in threads), "a client still waits for its answer"
