"""What a request leaves behind: nothing that waits for a garbage collection, which comes every 10,000 objects.

A circle holds all that hangs on it: bodies of up to 32 MiB, connections, timers.
"""

import asyncio
import collections
import contextlib
import gc
import json
import socket
import types
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from houses import FakeHouse
from listening import listening
from loopback import Peer, ok, serving
from running import run
from wired import MODELS, chat, get

from router.api.admission import key_hash
from router.app import House
from router.config import Settings
from router.roster import Roster

TIMES = 200
KEY = b"Authorization: Bearer lar-desk"
JSON = ok(b'{"id":"x"}', "Content-Type: application/json")
BROKEN = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\n{}"
HALF = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"half"'
EVENT = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n"
)
EVENTS = EVENT + b"9\r\ndata: 2\n\n\r\n0\r\n\r\n"


@contextlib.asynccontextmanager
async def _router(first: bytes, then: bytes) -> AsyncIterator[int]:
    """Its port. The preferred of two upstreams answers `first`, and hangs up unless that is whole; the other
    answers `then`; nothing at all is an answer that does not come."""

    def answering(answer: bytes) -> Any:
        async def script(peer: Peer) -> None:
            while True:
                request = await peer.request()
                if request.line.startswith("GET"):
                    peer.send(MODELS)
                elif not answer:
                    await peer.until_closed()
                else:
                    peer.send(answer)
                    if answer in (HALF, EVENT):
                        return

        return script

    async with serving(answering(first)) as one, serving(answering(then)) as two:
        tree = {
            "providers": {
                name: {"kind": "openai", "url": f"http://127.0.0.1:{up.port}", "tier": tier}
                for tier, (name, up) in enumerate({"one": one, "two": two}.items())
            },
            "clients": {"desk": {"key_sha256": key_hash("lar-desk"), "role": "admin"}},
        }
        settings = Settings.model_validate_json(json.dumps(tree))
        async with House(settings, None).open() as house, listening(cast("FakeHouse", house)) as running:
            yield running.port


def _ask(port: int, request: bytes, ending: bytes, times: int) -> None:
    """So many requests, on one connection for as long as the server keeps it. Without an ending the client leaves
    as soon as it has asked, or has read something of the answer."""
    client: socket.socket | None = None
    for _ in range(times):
        client = client or socket.create_connection(("127.0.0.1", port), timeout=10)
        client.sendall(request)
        received = b""
        if not ending:
            client.settimeout(0.005)
            with contextlib.suppress(TimeoutError):
                client.recv(65536)
        while ending and not received.endswith(ending) and (more := client.recv(65536)):
            received += more
        if not received.endswith(ending or b"never"):
            client.close()
            client = None
    if client is not None:
        client.close()


def _is_ours(each: object) -> bool:
    """Not the client's, the upstream's or the event loop's own."""
    if isinstance(each, types.FrameType):
        return "/router/" in each.f_code.co_filename and "/tests/" not in each.f_code.co_filename
    return type(each).__module__.partition(".")[0] in {"router", "uvicorn", "httptools"}


KINDS: dict[str, tuple[bytes, bytes, bytes, bytes]] = {
    "JSON": (chat(KEY), JSON, JSON, b"}"),
    "SSE": (chat(KEY), EVENTS, JSON, b"0\r\n\r\n"),
    "401": (chat(), JSON, JSON, b"}"),
    "404": (chat(KEY, body=b'{"model":"nobody"}'), JSON, JSON, b"}"),
    "400": (chat(KEY, body=b"{"), JSON, JSON, b"}"),
    "no route": (get(b"/nowhere", KEY), JSON, JSON, b"}"),
    "health": (get(), JSON, JSON, b"}"),
    "early": (b"PUT /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n", JSON, JSON, b"never"),
    "no HTTP": (b"HELO\r\n\r\n", JSON, JSON, b"never"),
    "offer": (chat(KEY, b"Connection: Upgrade", b"Upgrade: h2c"), JSON, JSON, b"}"),
    "failover": (chat(KEY), BROKEN, JSON, b"}"),
    "failover from half": (chat(KEY), HALF, JSON, b"}"),
    "nobody": (chat(KEY), BROKEN, BROKEN, b"}"),
    "gone before an answer": (chat(KEY), b"", JSON, b""),
    "gone in a stream": (chat(KEY), EVENTS[:-5], JSON, b""),
    "gone with half a request": (chat(KEY)[:-3], JSON, JSON, b""),
    "cut": (chat(KEY), EVENT, JSON, b"never"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_leaves_no_circles(loop: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hundred of each on a real server, with nobody collecting."""
    monkeypatch.setattr(Roster, "note_fault", lambda *_: None)  # whoever failed is asked again
    request, first, then, ending = KINDS[kind]

    async def main() -> dict[str, int]:
        async with _router(first, then) as port:
            await asyncio.to_thread(_ask, port, request, ending, 5)
            gc.collect()
            gc.disable()
            gc.set_debug(gc.DEBUG_SAVEALL)
            try:
                await asyncio.to_thread(_ask, port, request, ending, TIMES)
                await asyncio.sleep(0.1)  # what ended a moment ago may let go
                gc.collect()
                ours = collections.Counter(type(each).__qualname__ for each in gc.garbage if _is_ours(each))
            finally:
                gc.set_debug(0)
                gc.garbage.clear()
                gc.enable()
        return {name: count for name, count in ours.items() if count > TIMES // 10}

    assert {} == run(main(), loop)
