"""A whole router behind its real server, in front of a scripted upstream on a real socket."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

from houses import FakeHouse
from listening import listening
from loopback import Peer, ok, serving

from router.app import House
from router.config import Settings

MODELS = ok(b'{"data":[{"id":"m"}]}', "Content-Type: application/json")
BODY = b'{"model":"m"}'


def chat(*headers: bytes, body: bytes = BODY, version: bytes = b"1.1") -> bytes:
    """A chat request, whole."""
    lines = [
        b"POST /v1/chat/completions HTTP/" + version,
        b"Host: localhost",
        b"Content-Length: %d" % len(body),
        *headers,
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def get(path: bytes = b"/health", *headers: bytes, method: bytes = b"GET", version: bytes = b"1.1") -> bytes:
    """A request without a body."""
    return b"\r\n".join([method + b" " + path + b" HTTP/" + version, b"Host: localhost", *headers]) + b"\r\n\r\n"


LAST = get(b"/health", b"Connection: close")  # what a test ends its connection with


@contextlib.asynccontextmanager
async def wired(*answers: bytes, server: Mapping[str, Any] | None = None) -> AsyncIterator[int]:
    """The router's port. The upstream lists the model `m` and gives its n-th chat the n-th answer, the last one
    again and again."""
    left = list(answers)

    async def script(peer: Peer) -> None:
        while True:
            request = await peer.request()
            if request.line.startswith("GET"):
                peer.send(MODELS)
            else:
                peer.send(left.pop(0) if len(left) > 1 else left[0])

    async with serving(script) as upstream:
        providers = {"up": {"kind": "openai", "url": f"http://127.0.0.1:{upstream.port}"}}
        settings = Settings.model_validate_json(json.dumps({"providers": providers, "server": server or {}}))
        async with House(settings, None).open() as house, listening(cast("FakeHouse", house)) as running:
            yield running.port


async def told(port: int, *parts: bytes, within_s: float = 10) -> bytes:
    """All that the server says on one connection to what is sent, until it closes or resets it. Each part is its
    own segment."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    said = b""
    try:
        for part in parts:
            writer.write(part)
            await asyncio.sleep(0.005)  # so that the parts arrive as they are, one by one
        async with asyncio.timeout(within_s):
            while more := await reader.read(65536):
                said += more
    except ConnectionError:
        pass
    finally:
        writer.close()
    return said


def split(said: bytes) -> tuple[bytes, list[tuple[str, str]], bytes]:
    """Status line and headers of the first answer, and all that follows its head."""
    head, _, rest = said.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    headers = [(name.lower(), value) for name, _, value in (field.partition(": ") for field in fields)]
    return line.encode(), headers, rest
