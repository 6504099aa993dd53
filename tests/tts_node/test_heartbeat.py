"""Beats at their interval, at once on a change, a goodbye in the end; never too many listeners."""

import asyncio
import json
from typing import Any

import pytest
from starlette.types import Message

from tts_node.api.heartbeat import Heartbeat
from tts_node.api.routes import EventsRoute
from tts_node.errors import Unavailable
from tts_node.status import Queue, Status

pytestmark = pytest.mark.anyio
STATUS = Status("cold", "espeak", ["espeak"], Queue(0, 8, False), None, None, "rev", "0", 1.0)


def parsed(event: bytes) -> Any:
    """One server-sent event's JSON."""
    assert event.startswith(b"data: ")
    assert event.endswith(b"\n\n")
    return json.loads(event[6:])


async def test_a_beat_says_what_health_says() -> None:
    """The first comes at once, the next after the interval."""
    heartbeat = Heartbeat(lambda: STATUS, 2, interval_s=0.01)
    async with heartbeat.listening() as events:
        first, second = parsed(await anext(events)), parsed(await anext(events))
    assert first == second
    assert ("beat", None, "cold", "healthy") == (first["type"], first["vram"], first["state"], first["status"])
    assert 0 == heartbeat.listeners


async def test_a_change_is_told_at_once() -> None:
    """With an interval of an hour only the change can be what woke the listener."""
    heartbeat = Heartbeat(lambda: STATUS, 2, interval_s=3600)
    async with heartbeat.listening() as events:
        await anext(events)
        heartbeat.notify()
        async with asyncio.timeout(60):
            assert "beat" == parsed(await anext(events))["type"]


async def test_goodbye_is_the_last_word() -> None:
    """With its reason; afterwards the stream ends."""
    heartbeat = Heartbeat(lambda: STATUS, 2, interval_s=3600)
    async with heartbeat.listening() as events:
        await anext(events)
        heartbeat.say_goodbye("shutdown")
        last = parsed(await anext(events))
        assert ("goodbye", "shutdown") == (last["type"], last["reason"])
        with pytest.raises(StopAsyncIteration):
            await anext(events)


async def test_listeners_are_bounded() -> None:
    """One too many is told so, also when two come together; a place that is left is free again."""
    heartbeat = Heartbeat(lambda: STATUS, 1)
    async with heartbeat.listening():
        assert 1 == heartbeat.listeners
        with pytest.raises(Unavailable):
            await heartbeat.listening().__aenter__()
    async with heartbeat.listening():
        pass
    assert 0 == heartbeat.listeners


class Connection:
    """An ASGI client that stays, and reads up to a point."""

    def __init__(self, reads: int = 100) -> None:
        self.messages: list[Message] = []
        self._reads = reads

    async def receive(self) -> Message:
        """Never leaves."""
        return await asyncio.Future()

    async def send(self, message: Message) -> None:
        """Takes it, or lets the sender wait for ever."""
        if len(self.messages) >= self._reads:
            await asyncio.Future()
        self.messages.append(message)


@pytest.mark.parametrize("reads", [0, 1, 3])
async def test_a_listener_that_does_not_read_is_cut(reads: int) -> None:
    """Whichever message it stalls at: its place is free after the stall time, and its reply has no end."""
    heartbeat = Heartbeat(lambda: STATUS, 1, interval_s=0.001)
    connection = Connection(reads)
    async with asyncio.timeout(60):
        await EventsRoute(heartbeat, stall_s=0.05)({}, connection.receive, connection.send)
    assert (reads, 0) == (len(connection.messages), heartbeat.listeners)


async def test_two_that_come_together_for_one_place() -> None:
    """One listens; the other is refused before its reply starts."""
    heartbeat = Heartbeat(lambda: STATUS, 1, interval_s=0.001)
    route, connections = EventsRoute(heartbeat, stall_s=5), [Connection(), Connection()]
    serving = [asyncio.create_task(route({}, each.receive, each.send)) for each in connections]
    with pytest.raises(Unavailable):
        await serving[1]
    heartbeat.say_goodbye("shutdown")
    await serving[0]
    assert ([], 200) == (connections[1].messages, connections[0].messages[0]["status"])
