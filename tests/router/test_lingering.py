"""An early answer reaches its client, and a client that never stops is cut. On real sockets."""

import asyncio
import contextlib
import socket
import statistics
import time

import pytest
from houses import FakeHouse
from listening import Response, calling, listening, lone_house
from running import WITHIN_S, run, until

from router import lingering
from router.lingering import MAX_LINGERING, Lingering

HOST = b"Host: localhost\r\n"
CHAT = b"POST /v1/chat/completions HTTP/1.1\r\n" + HOST
WHOLE = CHAT + b'Content-Length: 13\r\n\r\n{"model":"m"}'
MEGABYTE = 2**20
TIMES = 50


def _house() -> FakeHouse:
    return lone_house(max_body_mb=0.01)


def _sent_whole(port: int, data: bytes) -> bytes:
    """What a client reads that first sends all it has, as most do. Raises ConnectionError after a reset."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(data)
        received = b""
        while more := client.recv(65_536):
            received += more
    return received


def _is_cut_at_last(port: int, data: bytes) -> bool:
    """Whether a client that sends `data` and then goes on for as long as a test may take is cut."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        try:
            client.sendall(data)
            while time.monotonic() - began < WITHIN_S / 2:
                client.sendall(b"x" * 65_536)
        except ConnectionError:
            return True
    return False


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (CHAT + b"X-Pad: aaaaaaaa\r\n" * (MEGABYTE // 17), 431),
        (CHAT + b"X-Pad: " + b"a" * MEGABYTE, 431),
        (b"HELO" + b"a" * MEGABYTE, 400),
        (CHAT + b"Content-Length: %d\r\n\r\n" % (4 * MEGABYTE) + b"x" * 4 * MEGABYTE, 413),
        (CHAT + b"Transfer-Encoding: chunked\r\n\r\n400000\r\n" + b"x" * 4 * MEGABYTE, 413),
        (b"PUT" + CHAT[4:] + b"Content-Length: %d\r\n\r\n" % (4 * MEGABYTE) + b"x" * 4 * MEGABYTE, 405),
        (CHAT.replace(b"localhost", b"evil.example") + b"Content-Length: 4194304\r\n\r\n" + b"x" * 4_194_304, 403),
    ],
    ids=["headers", "header", "no HTTP", "declared body", "chunked body", "method", "unknown host"],
)
def test_an_early_answer_is_always_read(loop: str, data: bytes, status: int) -> None:
    """A megabyte and more after the byte that decided it, and no reset in place of the status."""

    async def main() -> set[bytes]:
        async with listening(_house()) as server:
            return {(await asyncio.to_thread(_sent_whole, server.port, data))[:12] for _ in range(TIMES)}

    assert {b"HTTP/1.1 %d" % status} == run(main(), loop)


@pytest.mark.parametrize(
    "data",
    [
        CHAT + b"X-Pad: " + b"a" * MEGABYTE,
        CHAT + b"Content-Length: 999999999999\r\n\r\n",
        b"PUT" + CHAT[4:] + b"Content-Length: 999999999999\r\n\r\n",
    ],
    ids=["head", "body", "answered early on a kept connection"],
)
@pytest.mark.parametrize("bound", ["LINGER_S", "LINGER_BYTES"])
def test_who_never_stops_is_cut(loop: str, data: bytes, bound: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By time on a slow network, by bytes on a fast one."""
    monkeypatch.setattr(lingering, bound, {"LINGER_S": 0.1, "LINGER_BYTES": 4 * MEGABYTE}[bound])
    monkeypatch.setattr(lingering, "LINGER_BYTES" if bound == "LINGER_S" else "LINGER_S", 2**40)

    async def main() -> bool:
        async with listening(_house()) as server:
            is_cut = await asyncio.to_thread(_is_cut_at_last, server.port, data)
            await until(lambda: not Lingering._all)
            return is_cut

    assert run(main(), loop)


def test_as_shipped_nobody_is_waited_for_longer_than_three_seconds(loop: str) -> None:
    """A client that reads nothing, sends nothing and does not close."""

    async def main() -> float:
        async with listening(_house()) as server, calling(server.port) as caller:
            began = time.monotonic()
            caller.send(b"HELO\r\n\r\n")
            await until(lambda: bool(Lingering._all))
            await until(lambda: not Lingering._all)
            return time.monotonic() - began

    assert 1 < lingering.LINGER_S < 3
    assert 0.99 * lingering.LINGER_S <= run(main(), loop) < 10 * lingering.LINGER_S


def test_many_who_never_stop_hold_nobody_up(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 200 at once only the latest are waited for; others are served meanwhile."""
    monkeypatch.setattr(lingering, "LINGER_S", 3.0)
    most, waits = 0, list[float]()

    async def hostile(port: int) -> None:
        async with calling(port) as caller:
            with contextlib.suppress(ConnectionError):
                caller.send(b"HELO\r\n\r\n")
                while True:
                    caller.send(b"x" * 4096)
                    await caller.writer.drain()
                    await asyncio.sleep(0.01)

    async def asked(port: int) -> Response:
        nonlocal most
        async with calling(port) as caller:
            caller.send(WHOLE)
            response = await caller.response()
        most = max(most, len(Lingering._all))
        return response

    async def main() -> None:
        async with listening(_house()) as server:
            crowd = [asyncio.ensure_future(hostile(server.port)) for _ in range(200)]
            await until(lambda: len(Lingering._all) == MAX_LINGERING)
            while not all(task.done() for task in crowd):
                began = time.monotonic()
                assert 200 == (await asked(server.port)).status
                waits.append(time.monotonic() - began)
            await asyncio.gather(*crowd)

    run(main(), loop)
    assert MAX_LINGERING == most
    assert statistics.median(waits) < 1


def test_the_end_of_the_server_waits_for_none(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shutting down is no time for courtesy."""
    monkeypatch.setattr(lingering, "LINGER_S", 3600.0)

    async def main() -> bool:
        async with listening(_house()) as server, calling(server.port) as caller:
            caller.send(b"HELO\r\n\r\n")
            await caller.response()
            server.stop()
            await server.task
            return bool(Lingering._all)

    assert not run(main(), loop)
