"""A tts-node and a language model's server that cost next to nothing: what is measured is the router.

The node speaks a segment at once (`bench/voices/sound.py`) and beats like a real one, four times a second; the
other answers every chat with the same words. `python -m bench.voices.node NODE_PORT CHAT_PORT`.
"""

import asyncio
import functools
import json
import sys
import time
from collections.abc import Callable
from typing import Final, cast

import httptools
import uvloop

from bench.voices.sound import Voice, audio_s

CHAT_MODEL: Final = "writer"
ENGINE: Final = "speech"
_BEAT_S: Final = 0.25
_STATUS: Final = {"state": "up", "eta_s": 0.0, "rtf": 0.001, "queue": {"depth": 0, "busy": False, "eta_s": 0.0}}
_COMPLETION: Final = {
    "id": "chatcmpl-bench",
    "object": "chat.completion",
    "created": 1767225600,
    "model": CHAT_MODEL,
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "The first one that is awake. " * 8},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 37, "completion_tokens": 56, "total_tokens": 93},
}
_VOICES: Final = {"voices": [{"id": "alloy", "name": "Alloy", "language": "en"}]}
_EVENTS_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
Answer = Callable[["_Connection", bytes, bytes], None]
"""Answers a connection's request: its path and body."""


def _whole(content_type: str, body: bytes | memoryview, more: str = "") -> tuple[bytes, bytes | memoryview]:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode(), body


def _json(document: object) -> bytes:
    return b"".join(_whole("application/json", json.dumps(document).encode()))


def _models(*names: str) -> bytes:
    return _json({"object": "list", "data": [{"id": name, "object": "model", "state": "up"} for name in names]})


class _Node:
    """The tts-node: what it has spoken, and its clock."""

    def __init__(self) -> None:
        self._voice = Voice()
        self._began = time.monotonic()
        self._spoken = 0
        self._audio_s = 0.0
        self._answers = {b"/v1/models": _models(ENGINE), b"/v1/audio/voices": _json(_VOICES)}

    def answer(self, connection: "_Connection", path: bytes, body: bytes) -> None:
        """See `Answer`."""
        if path == b"/v1/audio/speech":
            self._speak(connection, body)
        elif path == b"/events":
            connection.beat(self.status)
        elif path == b"/counts":
            connection.send(_json({"spoken": self._spoken, "audio_s": self._audio_s}))
        else:
            connection.send(self._answers.get(path) or _json(self.status()))

    def status(self) -> dict[str, object]:
        """What /health and every beat say."""
        uptime_s = round(time.monotonic() - self._began, 3)
        told = {"type": "beat", "voices_revision": "1", "uptime_s": uptime_s, "models": {ENGINE: _STATUS}}
        return {**_STATUS, **told}

    def _speak(self, connection: "_Connection", body: bytes) -> None:
        pcm = self._voice.speak(json.loads(body)["input"])
        self._spoken += 1
        self._audio_s += audio_s(pcm)
        more = (
            f"X-Audio-Duration: {audio_s(pcm):.3f}\r\nX-Generation-Time: 0.001\r\n"
            f"X-TTS-Engine: {ENGINE}\r\nX-TTS-Voice: alloy\r\n"
        )
        connection.send(*_whole("audio/pcm", pcm, more))


class _Writer:
    """The language model."""

    def __init__(self) -> None:
        self._listing, self._completion = _models(CHAT_MODEL), _json(_COMPLETION)

    def answer(self, connection: "_Connection", path: bytes, body: bytes) -> None:
        """See `Answer`."""
        del path
        connection.send(self._completion if body else self._listing)


class _Connection(asyncio.Protocol):
    """One client's. Requests are answered in the same call that completes them."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._path, self._body = b"", bytearray()
        self._timer: asyncio.TimerHandle | None = None

    def send(self, *parts: bytes | memoryview) -> None:
        """Bytes of the answer."""
        assert self._transport is not None
        self._transport.writelines(parts)

    def beat(self, status: Callable[[], object]) -> None:
        """Tell it again and again, until the other side is gone."""
        self.send(_EVENTS_HEAD)
        self._beat(status)

    def _beat(self, status: Callable[[], object]) -> None:
        event = b"data: " + json.dumps(status()).encode() + b"\n\n"
        self.send(b"%x\r\n%b\r\n" % (len(event), event))
        self._timer = asyncio.get_running_loop().call_later(_BEAT_S, self._beat, status)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    # llhttp's callbacks

    def on_url(self, url: bytes) -> None:
        self._path, self._body = url, bytearray()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self._answer(self, self._path, bytes(self._body))


async def serve(node_port: int, chat_port: int) -> None:
    """Serve on loopback until the process is ended."""
    loop, node, writer = asyncio.get_running_loop(), _Node(), _Writer()
    answers: dict[int, Answer] = {node_port: node.answer, chat_port: writer.answer}
    servers = [
        await loop.create_server(functools.partial(_Connection, answer), "127.0.0.1", port, backlog=256)
        for port, answer in answers.items()
    ]
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2])))
