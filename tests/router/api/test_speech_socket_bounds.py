"""What bounds speech over a WebSocket: how much waits, how long, and for whom."""

import asyncio
import contextlib
from typing import Any

import pytest
from narrating import SEED, SENTENCES, TEXT, cut, nodes, pcm_of, said
from running import run
from socketed import at_house, connected, hear, say, told
from speaking import SECOND, says
from websockets.exceptions import ConnectionClosed

from router.api import speech_socket
from router.api.speech_socket import MAX_WAITING, MAX_WAITING_CHARS
from router.domain import Utterance


def test_too_many_that_wait_are_refused() -> None:
    """Whoever asks for so much is told to slow down."""

    async def main() -> dict[str, Any]:
        house = nodes(said)
        house.speech["gpu"].blocks_on = asyncio.Event()
        async with at_house(house) as (socket, _):
            for _ in range(MAX_WAITING + 2):
                await say(socket, text="Hello.")
            return await told(socket)

    assert "rate_limit_exceeded" == run(main())["error"]["code"]


def test_much_that_waits_is_refused() -> None:
    """What nobody has spoken yet is kept, so it has a bound however few they are."""

    async def main() -> dict[str, Any]:
        house = nodes(said)
        house.speech["gpu"].blocks_on = asyncio.Event()
        async with at_house(house) as (socket, _):
            await say(socket, text="Hello.")
            for _ in range(3):
                await say(socket, text="Hello.", padding="x" * (MAX_WAITING_CHARS // 2))
            return await told(socket)

    assert "rate_limit_exceeded" == run(main())["error"]["code"]


def test_a_text_that_is_never_ended_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its writer is gone, though its connection is not."""
    monkeypatch.setattr(speech_socket, "PIECE_WITHIN_S", 0.05)

    async def main() -> dict[str, Any]:
        async with at_house(nodes(says(Utterance(SECOND)))) as (socket, _):
            await say(socket, type="text", text="Half a")
            while (message := await told(socket))["type"] == "chunk":
                await socket.recv()
            return message

    assert "request_timeout" == run(main())["error"]["code"]


def test_a_connection_that_nobody_uses_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a plain goodbye."""
    monkeypatch.setattr(speech_socket, "IDLE_S", 0.05)

    async def main() -> tuple[int | None, str | None]:
        async with at_house(nodes(said)) as (socket, _):
            with contextlib.suppress(ConnectionClosed):
                await socket.recv()
            return socket.close_code, socket.close_reason

    assert (1000, "idle") == run(main())


def test_a_slow_client_is_not_spoken_to_without_end() -> None:
    """Speech is made `ahead_s` ahead of what it has taken, and no further."""
    long = " ".join([TEXT] * 40)

    async def main() -> tuple[int, int]:
        house = nodes(said, speech={"ahead_s": 5})
        async with at_house(house, max_queue=1) as (socket, _):
            await say(socket, text=long, subsequent_chunk_tokens=375)
            spoken, before = 0, -1
            while spoken != before:  # until it stands still
                before = len(house.speech["gpu"].heard)
                await asyncio.sleep(0.3)
                spoken = len(house.speech["gpu"].heard)
            return spoken, len(cut(long))

    spoken, all_of_it = run(main())
    assert 0 < spoken < all_of_it / 2


def test_two_connections_do_not_wait_for_each_other() -> None:
    """Each has its own voice."""

    async def main() -> tuple[bytes, bytes]:
        house = nodes(said)
        async with at_house(house) as (one, running), connected(running.port) as other:
            await say(one, type="text", text="Half a sen")
            await say(other, text=SENTENCES[1], seed=SEED)
            heard = await hear(other)
            await say(one, type="cancel")
            await told(one)
            await say(one, text=SENTENCES[0], seed=SEED)
            return heard.audio, (await hear(one)).audio

    assert (pcm_of(SENTENCES[1]), pcm_of(SENTENCES[0])) == run(main())
