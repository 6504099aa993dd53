"""The door for WebSockets: who comes in, and what the others are told."""

import asyncio
import json
from typing import Any

import pytest
from entries import KEYS
from fakes import FakeSpeech, speech_card
from houses import FakeHouse
from listening import listening
from narrating import SEED, SENTENCES, nodes, pcm_of, said
from running import run, until
from socketed import at_house, connected, hear, say, told
from websockets.exceptions import ConnectionClosed, InvalidStatus

from router.api import sockets
from router.api.socket import Socket, with_key
from router.api.socket_messages import CancelledTold
from router.errors import ClientGone

TOLD = CancelledTold("cancelled")
DESK = {"Authorization": "Bearer lar-desk"}


def _keyed(**clients: Any) -> FakeHouse:
    house = FakeHouse(FakeSpeech(speech_card("gpu"), said), settings={"clients": {**KEYS["clients"], **clients}})
    house.report("gpu", "m")
    return house


def _refused(house: FakeHouse, **options: Any) -> tuple[int, Any, Any]:
    """Status, error and headers of a refusal."""

    async def main() -> tuple[int, Any, Any]:
        with pytest.raises(InvalidStatus) as raised:
            async with at_house(house, **options):
                raise AssertionError("it was let in")
        response = raised.value.response
        return response.status_code, json.loads(response.body or b"")["error"], response.headers

    return run(main())


async def _spoken(house: FakeHouse, **options: Any) -> bytes:
    async with at_house(house, **options) as (socket, _):
        await say(socket, text=SENTENCES[0], seed=SEED)
        return (await hear(socket)).audio


@pytest.mark.parametrize(
    "options",
    [
        {"additional_headers": DESK},
        {"additional_headers": {"x-api-key": "lar-desk"}},
        {"subprotocols": ["speech", "key.lar-desk"]},
        {"subprotocols": ["key.lar-desk", "speech"], "origin": "http://localhost:3000"},
    ],
)
def test_a_key_lets_in(options: dict[str, Any]) -> None:
    """In a header; from a browser, which can set none, as a subprotocol."""
    assert pcm_of(SENTENCES[0]) == run(_spoken(_keyed(), **options))


def test_a_key_never_comes_back() -> None:
    """The server chooses the other subprotocol."""

    async def main() -> tuple[str | None, str]:
        async with at_house(_keyed(), subprotocols=["speech", "key.lar-desk"]) as (socket, _):
            assert socket.response is not None
            return socket.subprotocol, str(socket.response.headers)

    chosen, headers = run(main())
    assert ("speech", False) == (chosen, "lar-desk" in headers)


@pytest.mark.parametrize(
    "options", [{}, {"additional_headers": {"Authorization": "Bearer no"}}, {"subprotocols": ["speech", "key.no"]}]
)
def test_no_key_is_refused_before_it_is_accepted(options: dict[str, Any]) -> None:
    """With the status and the error of any other route."""
    house = _keyed()
    status, error, headers = _refused(house, **options)
    assert (401, "invalid_api_key", "unauthorized") == (status, error["code"], headers["X-Router-Error"])
    assert headers["X-Request-Id"] == house.observer.finished[0].request_id
    assert [("speech_socket", 401, "caller_unauthorized")] == [
        (each.endpoint, each.status, each.outcome) for each in house.observer.finished
    ]


@pytest.mark.parametrize("is_keyed", [False, True])
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://10.0.0.9:8700"])
def test_somebody_elses_page_is_refused(origin: str, *, is_keyed: bool) -> None:
    """Cross-site WebSocket hijacking: no browser asks first, so it is checked where keys are needed too."""
    house = _keyed() if is_keyed else nodes(said)
    status, error, _ = _refused(house, origin=origin, additional_headers=DESK)
    assert (403, "origin_not_allowed") == (status, error["code"])


def test_a_foreign_host_is_refused() -> None:
    """DNS rebinding."""
    status, error, _ = _refused(nodes(said), name="evil.example")
    assert (403, "host_not_allowed") == (status, error["code"])


def test_a_page_that_was_listed_is_let_in() -> None:
    """As for every other request."""
    house = nodes(said, server={"cors_origins": ["https://chat.example"]})
    assert pcm_of(SENTENCES[0]) == run(_spoken(house, origin="https://chat.example"))


def test_there_are_so_many_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next is told when to come again; one that leaves makes room."""
    monkeypatch.setattr(sockets, "MAX_SOCKETS", 1)

    async def main() -> tuple[int, str, bytes]:
        house = nodes(said)
        async with listening(house) as running:
            async with connected(running.port):
                with pytest.raises(InvalidStatus) as raised:
                    async with connected(running.port):
                        pass
            await until(lambda: len(house.observer.finished) == 2)
            async with connected(running.port) as socket:
                await say(socket, text=SENTENCES[0], seed=SEED)
                audio = (await hear(socket)).audio
        response = raised.value.response
        return response.status_code, response.headers["Retry-After"], audio

    assert (429, "5", pcm_of(SENTENCES[0])) == run(main())


def test_utterances_are_counted_and_connections_are_not() -> None:
    """A client's limit is of speeches a minute."""

    async def main() -> dict[str, Any]:
        house = _keyed(desk={**KEYS["clients"]["desk"], "requests_per_minute": 1})
        async with (
            at_house(house, additional_headers=DESK) as (socket, running),
            connected(running.port, additional_headers=DESK),
        ):
            await say(socket, text=SENTENCES[0])
            await hear(socket)
            await say(socket, text=SENTENCES[0])
            return await told(socket)

    answer = run(main())
    assert ("rate_limit_exceeded", True) == (answer["error"]["code"], answer["retry_after"] > 1)


def test_a_connection_outlives_a_reload() -> None:
    """The next utterance is spoken by the new configuration, and the old one is let go at once."""

    async def main() -> tuple[bytes, int]:
        house, other = nodes(said), nodes(said)
        async with at_house(house) as (socket, _):
            await say(socket, text=SENTENCES[0], seed=SEED)
            await hear(socket)
            old, house.entry.rooms = house.entry.rooms, other.entry.rooms
            async with asyncio.timeout(5):
                await old.until_empty()
            await say(socket, text=SENTENCES[1], seed=SEED)
            return (await hear(socket)).audio, len(other.speech["gpu"].heard)

    audio, asked = run(main())
    assert (pcm_of(SENTENCES[1]), True) == (audio, asked > 0)


def test_a_reload_waits_for_the_utterance_that_is_spoken() -> None:
    """It keeps the configuration that it began with."""

    async def main() -> tuple[bool, bytes]:
        house, other = nodes(said), nodes(said)
        node = house.speech["gpu"]
        node.blocks_on = asyncio.Event()
        async with at_house(house) as (socket, _):
            await say(socket, text=SENTENCES[0], seed=SEED)
            await until(lambda: bool(node.heard))
            old, house.entry.rooms = house.entry.rooms, other.entry.rooms
            emptied = asyncio.ensure_future(old.until_empty())
            await asyncio.sleep(0)
            was_done = emptied.done()
            node.blocks_on.set()
            audio = (await hear(socket)).audio
            await emptied
            return was_done, audio

    assert (False, pcm_of(SENTENCES[0])) == run(main())


def test_a_key_that_was_taken_away_is_noticed() -> None:
    """With the next utterance."""

    async def main() -> tuple[str, int | None]:
        house, other = _keyed(), FakeHouse(settings={"clients": {"boss": KEYS["clients"]["boss"]}})
        async with at_house(house, additional_headers=DESK) as (socket, _):
            house.entry.rooms = other.entry.rooms
            await say(socket, text=SENTENCES[0])
            code = (await told(socket))["error"]["code"]
            with pytest.raises(ConnectionClosed):
                await socket.recv()
            return code, socket.close_code

    assert ("invalid_api_key", 1008) == run(main())


def test_a_key_in_a_header_goes_first() -> None:
    """And what is no key of ours stays where it was."""
    own = {b"authorization": b"Bearer one", b"sec-websocket-protocol": b"speech, key.other"}
    assert own == with_key(own)
    offered = {b"sec-websocket-protocol": b"chat, superchat"}
    assert offered == with_key(offered)


def test_half_a_chunk_is_never_left() -> None:
    """Whoever is cancelled between what is told of a chunk and the chunk sends the chunk before all else."""
    sent: list[Any] = []
    stuck = asyncio.Event()

    async def send(message: dict[str, Any]) -> None:
        if "bytes" in message and not stuck.is_set():
            await stuck.wait()
        sent.append(message.get("text") or message.get("bytes"))

    async def main() -> None:
        socket = Socket({}, None, send, {})
        sending = asyncio.ensure_future(socket.send(TOLD, b"one"))
        await asyncio.sleep(0)
        sending.cancel()
        await asyncio.wait((sending,))
        stuck.set()
        await socket.send(TOLD, b"two")

    run(main())
    assert ['{"type":"cancelled"}', b"one", '{"type":"cancelled"}', b"two"] == sent


def test_a_send_to_nobody_is_a_client_that_left() -> None:
    """As ASGI has it, and nothing is sent any more."""

    async def send(message: dict[str, Any]) -> None:
        raise OSError("gone")

    async def main() -> bool:
        socket = Socket({}, None, send, {})
        with pytest.raises(ClientGone):
            await socket.send(TOLD)
        await socket.send(TOLD)
        await socket.close(1000)
        return socket.is_closed

    assert run(main())
