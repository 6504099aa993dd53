"""The port: who is let in, how many, and what a reload does to it."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
from running import run, until
from wyoming_clients import Inside, client_of, house_with, serving, studio_of, types

from router.config.settings import WyomingSettings
from router.drill.ports import free_port
from router.wyoming_server import WyomingServer, listener


@contextlib.asynccontextmanager
async def _server() -> AsyncIterator[WyomingServer]:
    house = house_with()
    studio = studio_of(house, Inside(), WyomingSettings())
    server = WyomingServer(lambda: studio)
    try:
        yield server
    finally:
        await server.aclose()
        await house.speaker.aclose()


async def _answers(port: int) -> bool:
    try:
        async with client_of(port) as client:
            client.say("ping")
            return types(await client.until("pong")) == ["pong"]
    except OSError:
        return False


def _on(port: int, **more: object) -> WyomingSettings:
    return WyomingSettings.model_validate({"enabled": True, "port": port, **more})


def test_off_it_does_not_listen() -> None:
    """Which is how it is shipped."""

    async def main() -> int | None:
        async with _server() as server:
            await server.open(WyomingSettings())
            return server.port

    assert run(main()) is None


def test_a_reload_moves_it_or_leaves_it() -> None:
    """On the same port those who are inside stay; on another they are gone; off it is closed."""

    async def main() -> list[bool]:
        found, one, other = [], free_port(), free_port()
        async with _server() as server:
            await server.open(_on(one))
            async with client_of(one) as client:
                await server.open(_on(one, idle_s=60))
                client.say("ping")
                found.append(types(await client.until("pong")) == ["pong"])
                await server.open(_on(other))
                found.append(await client.hear() is None)
            found += [await _answers(one), await _answers(other)]
            await server.open(WyomingSettings())
            found.append(await _answers(other))
        return found

    assert [True, True, False, True, False] == run(main())


def test_a_port_that_is_taken_is_told_and_tried_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest of the house does without; when the port is free it listens."""
    monkeypatch.setattr(listener, "AGAIN_S", 0.02)

    async def main() -> bool:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            async with _server() as server:
                await server.open(_on(port))
                assert server.port is None
                await asyncio.sleep(0.1)
                other.close()
                await until(lambda: server.port is not None)
                return await _answers(port)

    assert run(main())
    told = [message for message in caplog.messages if "cannot listen" in message]
    assert 1 == len(told)
    assert "Choose another wyoming.port" in told[0]


def test_no_more_than_so_many() -> None:
    """The next is told so; when one leaves there is room again."""

    async def main() -> tuple[str, bool]:
        async with serving(house_with(), max_connections=2) as served:
            async with client_of(served.port), client_of(served.port), client_of(served.port) as third:
                heard = await third.rest()
            await until(lambda: "0 inside" in repr(served.server))
            return heard[0].data["code"], await _answers(served.port)

    assert ("too_many_connections", True) == run(main())


@pytest.mark.parametrize(
    ("peer", "allowed", "may"),
    [
        ("203.0.113.9", [], True),
        ("192.168.1.20", ["192.168.1.0/24"], True),
        ("192.168.2.20", ["192.168.1.0/24", "10.0.0.1"], False),
        ("10.0.0.1", ["192.168.1.0/24", "10.0.0.1"], True),
        ("127.0.0.1", ["192.168.1.0/24"], True),
        ("::1", ["192.168.1.0/24"], True),
        ("::ffff:192.168.1.7", ["192.168.1.0/24"], True),
        ("fe80::1%eth0", ["fe80::/10"], True),
        ("fe80::1", ["192.168.1.0/24"], False),
        ("", ["192.168.1.0/24"], False),
    ],
)
def test_who_may_enter(peer: str, allowed: list[str], may: bool) -> None:
    """By address, for there are no keys; this machine always may."""
    assert may == listener._may_enter(peer, allowed)


def test_who_may_not_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a word."""
    monkeypatch.setattr(listener, "_may_enter", lambda *_: False)

    async def main() -> bool:
        async with serving(house_with()) as served, client_of(served.port) as client:
            client.say("describe")
            with contextlib.suppress(ConnectionError):
                return await client.rest() == []
            return True

    assert run(main())


def test_closing_ends_who_is_inside() -> None:
    """In the middle of a text, too."""

    async def main() -> tuple[int, str]:
        house = house_with()
        house.speech["gpu"].blocks_on = asyncio.Event()
        async with serving(house) as served, client_of(served.port) as client:
            client.say("synthesize", text="Hello.")
            await until(lambda: bool(house.speech["gpu"].heard))
            await served.server.aclose()
            heard = len(await client.rest())
        return heard, house.observer.finished[0].outcome

    assert (0, "caller_gone") == run(main())
