"""A WebSocket client at a whole router behind its real server, and what it hears."""

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from houses import FakeHouse
from listening import Listening, listening
from websockets.asyncio.client import ClientConnection, connect

from router.api.speech_socket import SPEECH_SOCKET_PATH


@dataclass(slots=True)
class Heard:
    """One utterance: what was told of each chunk, and the chunks."""

    told: list[dict[str, Any]] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)

    @property
    def audio(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def last(self) -> dict[str, Any]:
        return self.told[-1]


@contextlib.asynccontextmanager
async def connected(
    port: int, path: str = SPEECH_SOCKET_PATH, *, name: str = "127.0.0.1", **options: Any
) -> AsyncIterator[ClientConnection]:
    """A client of the library's, with its own defaults but for proxies of the environment. `name`: what it calls
    the server."""
    async with connect(f"ws://{name}:{port}{path}", host="127.0.0.1", port=port, proxy=None, **options) as socket:
        yield socket


@contextlib.asynccontextmanager
async def at_house(house: FakeHouse, **options: Any) -> AsyncIterator[tuple[ClientConnection, Listening]]:
    """A client, and the server that it talks to."""
    async with listening(house) as running, connected(running.port, **options) as socket:
        yield socket, running


async def say(socket: ClientConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))


async def told(socket: ClientConnection) -> dict[str, Any]:
    """The next text frame."""
    message = await socket.recv()
    assert isinstance(message, str)
    document: dict[str, Any] = json.loads(message)
    return document


async def hear(socket: ClientConnection, heard: Heard | None = None) -> Heard:
    """One utterance, to its end; or to the message that ends it otherwise, which is the last of `told` then."""
    heard = heard or Heard()
    while True:
        heard.told.append(await told(socket))
        if heard.last["type"] != "chunk":
            return heard
        chunk = await socket.recv()
        assert isinstance(chunk, bytes)
        heard.chunks.append(chunk)
        if heard.last["is_final"]:
            return heard


def lengths_ms(heard: Heard) -> Sequence[float]:
    return [each["duration_ms"] for each in heard.told]
