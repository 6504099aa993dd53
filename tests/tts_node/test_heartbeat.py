"""Beats at their interval, at once on a change, a goodbye in the end; never too many listeners."""

import asyncio
import json
from contextlib import aclosing
from typing import Any

import pytest

from tts_node.api.heartbeat import Heartbeat
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
    async with aclosing(heartbeat.events()) as events:
        first, second = parsed(await anext(events)), parsed(await anext(events))
    assert first == second
    assert ("beat", None, "cold", "healthy") == (first["type"], first["vram"], first["state"], first["status"])
    assert 0 == heartbeat.listeners


async def test_a_change_is_told_at_once() -> None:
    """With an interval of an hour only the change can be what woke the listener."""
    heartbeat = Heartbeat(lambda: STATUS, 2, interval_s=3600)
    async with aclosing(heartbeat.events()) as events:
        await anext(events)
        heartbeat.notify()
        async with asyncio.timeout(5):
            assert "beat" == parsed(await anext(events))["type"]


async def test_goodbye_is_the_last_word() -> None:
    """With its reason; afterwards the stream ends."""
    heartbeat = Heartbeat(lambda: STATUS, 2, interval_s=3600)
    async with aclosing(heartbeat.events()) as events:
        await anext(events)
        heartbeat.say_goodbye("shutdown")
        last = parsed(await anext(events))
        assert ("goodbye", "shutdown") == (last["type"], last["reason"])
        with pytest.raises(StopAsyncIteration):
            await anext(events)


async def test_listeners_are_bounded() -> None:
    """One too many is told so; a place that is left is free again."""
    heartbeat = Heartbeat(lambda: STATUS, 1)
    async with aclosing(heartbeat.events()) as events:
        await anext(events)
        with pytest.raises(Unavailable):
            heartbeat.check_room()
    heartbeat.check_room()
