"""A connection becomes a WebSocket, or does not; and what it is bounded by then. On the wire."""

import asyncio
import contextlib
import json
import logging
from typing import Any

import pytest
from listening import calling, listening
from narrating import SEED, SENTENCES, TEXT, nodes, pcm_of, said
from running import LOOPS, run, until
from socketed import at_house, connected, hear, say
from websockets.exceptions import ConnectionClosed
from wired import LAST, chat, get, split, told, wired

from router import http_socket
from router.api.speech_socket import SPEECH_SOCKET_PATH
from router.http_upgrade import is_socket_offer

PATH = SPEECH_SOCKET_PATH.encode()
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
OFFER = (b"Connection: keep-alive, Upgrade", b"Upgrade: websocket", KEY, b"Sec-WebSocket-Version: 13")
FIELDS = {
    b"connection": b"Upgrade",
    b"upgrade": b"WebSocket",
    b"sec-websocket-version": b"13",
    b"sec-websocket-key": b"dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.fixture(params=list(LOOPS))
def loop(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def _frame(text: str) -> bytes:
    """A masked text frame (RFC 6455 §5.2), the mask being zeros."""
    data = text.encode()
    size = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0x80 | 126]) + len(data).to_bytes(2, "big")
    return b"\x81" + size + bytes(4) + data


@pytest.mark.parametrize(
    ("method", "changed", "expected"),
    [
        (b"GET", {}, True),
        (b"POST", {}, False),
        (b"GET", {b"upgrade": b"h2c"}, False),
        (b"GET", {b"connection": b"keep-alive"}, False),
        (b"GET", {b"sec-websocket-version": b"8"}, False),
        (b"GET", {b"sec-websocket-key": b"short"}, False),
        (b"GET", {b"sec-websocket-key": b"\xff" * 24}, False),
        (b"GET", {b"content-length": b"0"}, True),
        (b"GET", {b"content-length": b"5"}, False),
        (b"GET", {b"transfer-encoding": b"chunked"}, False),
    ],
)
def test_what_offers_a_websocket(method: bytes, changed: dict[bytes, bytes], *, expected: bool) -> None:
    """RFC 6455 §4.2.1; anything else is a request like any other."""
    assert expected is is_socket_offer(method, {**FIELDS, **changed})


def test_what_comes_behind_the_head_is_not_lost(loop: str) -> None:
    """A client may not wait for the answer."""

    async def main() -> bytes:
        async with listening(nodes(said)) as running:
            message = _frame(json.dumps({"text": SENTENCES[0], "seed": SEED}))
            goodbye = b"\x88\x80" + bytes(4)
            reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
            writer.write(get(PATH, *OFFER) + message)
            heard = b""
            while pcm_of(SENTENCES[0])[-100:] not in heard:
                heard += await reader.read(65536)
            writer.write(goodbye)
            heard += await reader.read()
            writer.close()
            return heard

    heard = run(main(), loop)
    line, headers, rest = split(heard)
    assert b"HTTP/1.1 101 Switching Protocols" == line
    assert ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") in headers
    assert b'"is_final":true' in rest


@pytest.mark.parametrize("noise", [b"\xff\xff\xff", b"\x80\x80" + bytes(4), b"\x89\x81" + bytes(4) + b"x"])
def test_nobody_is_heard_before_being_let_in(loop: str, caplog: pytest.LogCaptureFixture, noise: bytes) -> None:
    """What is no frame, or a ping, in the same packet as the offer: the answer to the offer comes first, and no
    client fills the log by it."""

    async def main() -> bytes:
        async with listening(nodes(said)) as running:
            reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
            writer.write(get(PATH, *OFFER) + noise)
            heard = await reader.readuntil(b"\r\n\r\n")
            writer.write(b"\x88\x80" + bytes(4))
            await reader.read()
            writer.close()
            return heard

    assert run(main(), loop).startswith(b"HTTP/1.1 101 ")
    assert "Traceback" not in caplog.text


def test_a_kept_connection_may_become_one(loop: str) -> None:
    """After an answer; the head may come in two."""

    async def main() -> tuple[int, bytes]:
        async with listening(nodes(said)) as running, calling(running.port) as caller:
            caller.send(chat(body=b"{}"))
            first = await caller.response()
            offer = get(PATH, *OFFER)
            caller.send(offer[:30])
            await asyncio.sleep(0.01)
            caller.send(offer[30:])
            return first.status, await caller.reader.readuntil(b"\r\n\r\n")

    status, head = run(main(), loop)
    assert (400, True) == (status, head.startswith(b"HTTP/1.1 101 "))


@pytest.mark.parametrize(
    "lines",
    [
        (),
        OFFER[:2],
        (*OFFER[:3], b"Sec-WebSocket-Version: 8"),
        (OFFER[0], b"Upgrade: h2c"),
        (*OFFER, b"Content-Length: 2"),
    ],
)
def test_what_is_no_websocket_is_told_so(loop: str, lines: tuple[bytes, ...]) -> None:
    """426, in the shape of errors elsewhere (RFC 9110 §15.5.22); the connection goes on."""

    async def main() -> bytes:
        async with wired(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as port:
            body = b"{}" if b"Content-Length: 2" in lines else b""
            return await told(port, get(PATH, *lines) + body, LAST)

    line, headers, rest = split(run(main(), loop))
    assert (b"HTTP/1.1 426 Upgrade Required", True) == (line, ("upgrade", "websocket") in headers)
    assert b'"upgrade_required"' in rest
    assert b"HTTP/1.1 200 OK" in rest


def test_an_offer_behind_an_unanswered_request_is_a_request(loop: str) -> None:
    """Its answer could not be told from frames."""

    async def main() -> tuple[int, int]:
        async with wired(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as port:
            said = await told(port, chat() + get(PATH, *OFFER) + LAST)
            return said.count(b"HTTP/1.1 "), said.count(b"HTTP/1.1 101")

    assert (3, 0) == run(main(), loop)


def test_another_path_is_no_websocket(loop: str) -> None:
    """The offer is not heard."""

    async def main() -> bytes:
        async with wired(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as port:
            return await told(port, get(b"/health", *OFFER), LAST)

    assert b"HTTP/1.1 200 OK" == split(run(main(), loop))[0]


def test_a_message_has_a_size(loop: str) -> None:
    """1009, as RFC 6455 §7.4.1 has it."""

    async def main() -> int | None:
        async with at_house(nodes(said)) as (socket, _):
            with contextlib.suppress(ConnectionClosed):
                await socket.send("x" * (http_socket.MAX_MESSAGE_BYTES + 1))
            with pytest.raises(ConnectionClosed):
                await socket.recv()
            return socket.close_code

    assert 1009 == run(main(), loop)


def test_a_message_has_so_many_pieces(loop: str) -> None:
    """Empty ones weigh nothing and would never end."""

    async def main() -> bytes:
        async with listening(nodes(said)) as running:
            pieces = b"\x01\x80" + bytes(4) + (b"\x00\x80" + bytes(4)) * (http_socket.MAX_PIECES + 10)
            return await told(running.port, get(PATH, *OFFER), pieces)

    assert b"too many pieces" in run(main(), loop)


def test_a_text_that_is_none_is_1007(loop: str, caplog: pytest.LogCaptureFixture) -> None:
    """And no client fills the log by it."""

    async def main() -> bytes:
        async with listening(nodes(said)) as running:
            return await told(running.port, get(PATH, *OFFER), b"\x81\x82" + bytes(4) + b"\xff\xff")

    caplog.set_level(logging.INFO)
    said_back = run(main(), loop)
    assert b"\x88" in said_back
    assert (1007).to_bytes(2, "big") in said_back
    assert "UTF-8" not in caplog.text


def test_nothing_of_the_query_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Somebody may have put a key there."""

    async def main() -> None:
        house = nodes(said)
        async with (
            listening(house) as running,
            connected(running.port, f"{SPEECH_SOCKET_PATH}?key=lar-x") as socket,
        ):
            await say(socket, text=SENTENCES[0])
            await hear(socket)

    caplog.set_level(logging.DEBUG)
    run(main())
    own = [record for record in caplog.records if not record.name.startswith("websockets")]  # the client's are its
    assert [] == [record for record in own if "lar-x" in record.getMessage()]


def test_a_client_that_is_carried_away_is_noticed(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers no ping; and what is spoken for it stops."""
    monkeypatch.setattr(http_socket, "PING_EVERY_S", 0.05)
    monkeypatch.setattr(http_socket, "PONG_WITHIN_S", 0.05)

    async def main() -> list[str]:
        house = nodes(said)
        house.speech["gpu"].blocks_on = asyncio.Event()
        async with listening(house) as running:
            reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
            writer.write(get(PATH, *OFFER) + _frame(json.dumps({"text": TEXT})))
            await until(lambda: len(house.observer.finished) == 2)
            await reader.read()
            writer.close()
            return [f"{record.endpoint} {record.outcome}" for record in house.observer.finished]

    assert {"speech caller_gone", "speech_socket ok"} == set(run(main(), loop))


def test_a_client_that_takes_nothing_is_cut_off(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while; what waits for it is bounded meanwhile."""
    monkeypatch.setattr(http_socket, "CLIENT_STALL_S", 0.1)

    async def main() -> list[str]:
        house = nodes(said)
        long = " ".join([TEXT] * 140)
        async with listening(house) as running:
            reader, writer = await asyncio.open_connection("127.0.0.1", running.port, limit=1024)
            writer.write(get(PATH, *OFFER) + _frame(json.dumps({"text": long})))
            await until(lambda: len(house.observer.finished) == 2)
            writer.close()
            del reader
            return [record.outcome for record in house.observer.finished]

    assert ["caller_gone", "ok"] == run(main(), loop)


def test_a_server_that_stops_lets_the_sentence_end(loop: str) -> None:
    """What was asked for is spoken, within the server's grace; then the connection is closed with 1012."""

    async def main() -> tuple[bytes, int | None, bool]:
        house = nodes(said)
        node = house.speech["gpu"]
        node.blocks_on = asyncio.Event()
        async with at_house(house) as (socket, running):
            await say(socket, text=SENTENCES[0], seed=SEED)
            await until(lambda: bool(node.heard))
            running.stop()
            await until(lambda: house.is_draining)
            was_ended = running.ended.is_set()
            node.blocks_on.set()
            audio = (await hear(socket)).audio
            with pytest.raises(ConnectionClosed):
                await socket.recv()
            await running.ended.wait()
            return audio, socket.close_code, was_ended

    assert (pcm_of(SENTENCES[0]), 1012, False) == run(main(), loop)


def test_an_idle_connection_holds_up_no_stop(loop: str) -> None:
    """It is closed at once."""

    async def main() -> int | None:
        async with at_house(nodes(said)) as (socket, running):
            running.stop()
            with pytest.raises(ConnectionClosed):
                await socket.recv()
            await running.ended.wait()
            return socket.close_code

    assert 1012 == run(main(), loop)


def test_pings_of_a_client_that_takes_nothing_are_not_answered() -> None:
    """Answers would fill the memory."""
    written: list[bytes] = []

    class _Connection:
        def data_to_send(self) -> list[bytes]:
            return [b"pong"]

    class _Transport:
        def write(self, data: bytes) -> None:
            written.append(data)

    protocol: Any = http_socket.SocketProtocol.__new__(http_socket.SocketProtocol)
    protocol.conn, protocol.transport, protocol.writable = _Connection(), _Transport(), asyncio.Event()
    protocol.handle_ping()
    assert [] == written
    protocol.writable.set()
    protocol.handle_ping()
    assert [b"pong"] == written
