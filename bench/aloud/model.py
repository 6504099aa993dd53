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
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench import answering
from bench.answers import STREAM_END, completion, event, json_of, models, stream_head

REPLIES: Final = tuple(Path(__file__).with_name("replies.txt").read_text().rstrip("\n").split("\n%\n"))
MODEL: Final = "writer"
_TOKEN: Final = re.compile(r"\s*[^\W_]{1,6}|\s*[^\w\s]+|\s+|_")  # as byte pairs cut English: 4 characters, about
_LISTING: Final = json_of(models(MODEL))


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
        self._lost: set[asyncio.Future[None]] = set()

    @contextlib.asynccontextmanager
    async def listening(self, port: int) -> AsyncIterator[None]:
        """Whoever asks must have gone when the block ends."""
        server = await asyncio.get_running_loop().create_server(self._connection, "127.0.0.1", port)
        async with server:
            try:
                yield
            finally:
                await asyncio.gather(*self._lost)

    def _connection(self) -> "_Connection":
        connection = _Connection(self.written)
        self._lost.add(connection.lost)
        return connection


class _Connection(answering.Connection):
    """One client. `lost`: done when it has gone."""

    def __init__(self, written: dict[str, Written]) -> None:
        super().__init__()
        self._written = written
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.lost.set_result(None)

    def answer(self, url: bytes, body: bytes) -> None:
        """See `answering.Connection`."""
        del url
        if not body:
            self.transport.write(_LISTING)
            return
        request = json.loads(body)
        written = self._written[request["user"]] = Written()
        pause_s = 1 / request["tokens_per_s"]
        self.send_each(_answer(request, written), pause_s, pause_s)


def _answer(request: dict[str, Any], written: Written) -> Iterator[bytes]:
    """What is sent at once, and then with each token: of an answer that is not streamed, all with the last."""
    text, is_streamed = REPLIES[request["reply"]], bool(request.get("stream"))
    end = event(_chunk({}, "stop")) + STREAM_END if is_streamed else json_of(completion(MODEL, text))
    pieces = tokens(text)
    yield stream_head() if is_streamed else b""
    for number, piece in enumerate(pieces, 1):
        written.pieces.append(piece)
        written.times_s.append(time.monotonic())
        told = event(_chunk({"content": piece})) if is_streamed else b""
        yield told if number < len(pieces) else told + end


def _chunk(delta: dict[str, str], finish_reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": MODEL, "choices": [choice]}
