"""Speaking ahead of a listener: how far, how urgently, and what happens to faults and to those who leave."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from router.domain import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ, Passage, Priority, Route, Utterance
from router.errors import NothingCanServe
from router.narration import Narration, Say
from router.script import Script
from router.speech.playback import Playback
from router.spoken import Spoken

SEGMENT_S = 5.0
PCM = bytes(int(SEGMENT_S * SAMPLE_RATE_HZ) * BYTES_PER_SAMPLE)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Voice:
    """A `say` that records what was asked; every segment is `SEGMENT_S` long."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, Priority]] = []
        self.fails_at: int | None = None
        self.hangs_at: int | None = None
        self.was_cancelled = False

    async def __call__(self, index: int, passage: Passage, priority: Priority) -> Spoken:
        self.asked.append((index, priority))
        if index == self.fails_at:
            raise NothingCanServe("speech", [])
        if index == self.hangs_at:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.was_cancelled = True
                raise
        await asyncio.sleep(0)
        return Spoken(passage, Utterance(PCM), Route("node", "engine", 1), 0.1)


async def settled() -> None:
    """Until every task that can run has run."""
    for _ in range(200):
        await asyncio.sleep(0)


def narration_of(say: Say, count: int, clock: Clock, ahead_s: float = 20.0) -> Narration:
    passages = [Passage(str(index)) for index in range(count)]
    return Narration(say, Script.of(passages), Playback(), ahead_s=lambda: ahead_s, clock=clock)


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await test()

    asyncio.run(bounded())


def test_speaks_ahead_up_to_the_bound_while_nobody_takes() -> None:
    """Whoever takes nothing has `ahead_s` and one segment made for them, no more."""

    async def check() -> None:
        voice, clock = Voice(), Clock()
        async with narration_of(voice, 100, clock) as narration:
            await settled()
            assert narration.held_s == 25.0  # 20 s are not more than the bound, so one more was begun
            assert {priority for _, priority in voice.asked} == {Priority.INTERACTIVE}

    run(check)


def test_playback_makes_room_for_more() -> None:
    """What the listener has heard is spoken anew at the far end, though nobody read in between."""

    async def check() -> None:
        voice, clock = Voice(), Clock()
        async with narration_of(voice, 100, clock) as narration:
            first = await narration.next()
            assert first is not None
            narration.playback.handed_over(first.duration_s, clock())
            await settled()
            held_before_s = narration.held_s
            clock.now += 5.0
            narration._changed.set()  # in place of its timer, which is a real one
            await settled()
            assert narration.held_s == held_before_s + SEGMENT_S

    run(check)


def test_beyond_the_bound_only_for_who_takes_everything_and_last() -> None:
    """A client that saves a file is served as fast as it goes, behind whoever listens."""

    async def check() -> None:
        voice, clock = Voice(), Clock()
        taken = 0
        async with narration_of(voice, 20, clock) as narration:
            while (spoken := await narration.next()) is not None:
                narration.playback.handed_over(spoken.duration_s, clock())
                taken += 1
        assert taken == 20
        urgent = [index for index, priority in voice.asked if priority is Priority.INTERACTIVE]
        assert urgent == list(range(len(urgent)))
        assert 4 <= len(urgent) <= 6
        assert [index for index, _ in voice.asked] == list(range(20))

    run(check)


def test_a_fault_comes_after_what_was_spoken_before_it() -> None:
    """Nothing that is there is lost."""

    async def check() -> None:
        voice, clock = Voice(), Clock()
        voice.fails_at = 2
        async with narration_of(voice, 5, clock) as narration:
            await settled()
            assert await narration.next() is not None
            assert await narration.next() is not None
            with pytest.raises(NothingCanServe):
                await narration.next()

    run(check)


def test_who_leaves_ends_what_is_being_spoken() -> None:
    """The block's end cancels the segment under way and waits for that."""

    async def check() -> None:
        voice, clock = Voice(), Clock()
        voice.hangs_at = 1
        async with narration_of(voice, 5, clock) as narration:
            assert await narration.next() is not None
            await settled()
        assert voice.was_cancelled

    run(check)


def test_the_last_is_followed_by_none() -> None:
    """And so is an answer without segments."""

    async def check() -> None:
        async with narration_of(Voice(), 0, Clock()) as narration:
            assert await narration.next() is None

    run(check)
