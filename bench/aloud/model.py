"""A language model that takes its time: an OpenAI-compatible server, in the benchmark's own process, that writes a
known reply at a steady pace and remembers when it wrote what.

`user` of the request names the answer, `reply` says which, `tokens_per_s` how fast: fields that the router passes
on. The replies (`replies.txt`, written for this) are such as assistants of a house give: three to eight sentences,
some with markdown.
"""

import asyncio
import contextlib
import json
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

REPLIES: Final = tuple(Path(__file__).with_name("replies.txt").read_text().rstrip("\n").split("\n%\n"))
MODEL: Final = "writer"
_TOKEN: Final = re.compile(r"\s*[^\W_]{1,6}|\s*[^\w\s]+|\s+|_")  # as byte pairs cut English: 4 characters, about
_LISTING: Final = {"object": "list", "data": [{"id": MODEL, "object": "model"}]}
_EVENTS: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


@dataclass(slots=True)
class Written:
    """An answer: its pieces and when each was sent, in monotonic seconds."""

    pieces: list[str] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)

    @property
    def finished_s(self) -> float:
        return self.times_s[-1]


def tokens(text: str) -> list[str]:
    """The text in the pieces in which it is written."""
    return _TOKEN.findall(text)


class Writer:
    """Serves; `written` holds what it wrote, by the request's `user`."""

    def __init__(self) -> None:
        self.written: dict[str, Written] = {}
        self._connections: set[asyncio.Task[Any]] = set()

    @contextlib.asynccontextmanager
    async def listening(self, port: int) -> AsyncIterator[None]:
        """Whoever asks must have gone when the block ends."""
        async with await asyncio.start_server(self._connected, "127.0.0.1", port):
            try:
                yield
            finally:
                await asyncio.gather(*self._connections)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while (body := await _body(reader)) is not None:
                if body:
                    await self._answer(json.loads(body), writer)
                else:
                    writer.write(_json(_LISTING))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the other side is gone
        finally:
            self._connections.discard(task)
            writer.close()

    async def _answer(self, request: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        written = self.written[request["user"]] = Written()
        text, is_streamed = REPLIES[request["reply"]], bool(request.get("stream"))
        if is_streamed:
            writer.write(_EVENTS)
        began_s, pause_s = time.monotonic(), 1 / request["tokens_per_s"]
        for number, piece in enumerate(tokens(text), 1):
            await asyncio.sleep(began_s + number * pause_s - time.monotonic())
            written.pieces.append(piece)
            written.times_s.append(time.monotonic())
            if is_streamed:
                writer.write(_event(_chunk({"content": piece})))
                await writer.drain()
        message = {"role": "assistant", "content": text}
        writer.write(_event(_chunk({}, "stop")) + _end() if is_streamed else _json(_whole(message)))


def _chunk(delta: dict[str, str], finish_reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": MODEL, "choices": [choice]}


def _whole(message: dict[str, str]) -> dict[str, Any]:
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "c", "object": "chat.completion", "created": 0, "model": MODEL, "choices": [choice]}


def _event(document: dict[str, Any]) -> bytes:
    data = b"data: " + json.dumps(document).encode() + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(data), data)


def _end() -> bytes:
    return b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


def _json(document: dict[str, Any]) -> bytes:
    body = json.dumps(document).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def _body(reader: asyncio.StreamReader) -> bytes | None:
    """Of the next request; None at the end of the connection."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
    except asyncio.IncompleteReadError:
        return None
    length = re.search(rb"content-length: *(\d+)", head)
    return await reader.readexactly(int(length[1])) if length else b""
