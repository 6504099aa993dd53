"""Broadcasts: made while they are fetched, kept for a while, forgotten."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from fakes import ManualClock
from running import run, until

from router.api import broadcast as one
from router.api import broadcasts as many
from router.api.broadcast import Broadcast
from router.api.broadcasts import Broadcasts
from router.errors import ConnectionLost, Gone, NotFound, NothingCanServe, NotYet, RateLimited, RouterError
from router.narration import Narration
from router.script import Script
from router.speech.playback import Playback


def _filled(count: int = 3) -> Broadcast:
    broadcast = Broadcast("id", ManualClock())
    broadcast.head = b"head"
    for number in range(count):
        broadcast.publish(b"%d" % number, 1.0)
    return broadcast


async def _forever(broadcast: Broadcast) -> None:
    await asyncio.Event().wait()


def test_the_first_playlist_waits_for_a_segment() -> None:
    """An empty one is an error to players."""

    async def main() -> tuple[bool, str]:
        broadcast = _filled(0)
        asking = asyncio.ensure_future(broadcast.playlist(None))
        await asyncio.sleep(0.01)
        was_there = asking.done()
        broadcast.publish(b"0", 1.0)
        return was_there, await asking

    was_there, text = run(main())
    assert (False, True, False) == (was_there, "seg0.m4s" in text, "ENDLIST" in text)


def test_a_playlist_waits_for_the_segment_that_is_asked_for() -> None:
    """`_HLS_msn`: a player that has all there is need not ask again and again; nor wait for what will not come."""

    async def main() -> list[str]:
        broadcast = _filled(2)
        asking = [asyncio.ensure_future(broadcast.playlist(number)) for number in (1, 2, 9)]
        await asyncio.sleep(0.01)
        assert [True, False, False] == [each.done() for each in asking]
        broadcast.publish(b"2", 1.0)
        second = await asking[1]
        broadcast.finish()
        return [second, await asking[2]]

    second, last = run(main())
    assert ("seg2.m4s" in second, "ENDLIST" in second, "ENDLIST" in last) == (True, False, True)


def test_who_begins_near_the_end_begins_at_the_beginning() -> None:
    """FFmpeg takes the third segment from the end of a list that grows for its first: it is shown three, and more
    as it fetches them. Whoever asks by number, and whoever comes when all is there, sees everything."""
    broadcast = _filled(9)
    assert 3 == run(broadcast.playlist(None)).count("#EXTINF")
    broadcast.file("seg1.m4s")
    assert 5 == run(broadcast.playlist(None)).count("#EXTINF")
    assert 9 == run(broadcast.playlist(2)).count("#EXTINF")
    broadcast.finish()
    assert 9 == run(broadcast.playlist(None)).count("#EXTINF")


def test_what_does_not_come_in_time_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The playlist as it is; without any segment, word that it may come."""
    monkeypatch.setattr(one, "NEXT_WITHIN_S", 0.01)
    monkeypatch.setattr(one, "FIRST_WITHIN_S", 0.02)
    assert "seg1.m4s" in run(_filled(2).playlist(5))
    with pytest.raises(NotYet):
        run(_filled(0).playlist(None))


def test_what_nobody_could_begin_has_its_own_error() -> None:
    """As if it had been asked for without players."""
    broadcast = _filled(0)
    broadcast.fail(NothingCanServe("speech", []))
    with pytest.raises(NothingCanServe):
        run(broadcast.playlist(None))


def test_what_broke_off_is_gone_and_has_no_end() -> None:
    """What is there can still be heard; the playlist never says that it is all."""
    broadcast = _filled(2)
    broadcast.fail(ConnectionLost("the machine went"))
    broadcast.fail(Gone("later"))
    with pytest.raises(Gone, match="the machine went"):
        run(broadcast.playlist(None))
    assert b"1" == broadcast.file("seg1.m4s")


@pytest.mark.parametrize(
    "name",
    ["seg3.m4s", "seg-1.m4s", "seg.m4s", "seg\u0661.m4s", "seg99999999999999.m4s", "seg0.ts", "../init.mp4", ""],
)
def test_there_are_no_other_files(name: str) -> None:
    """However they are called."""
    with pytest.raises(NotFound):
        _filled().file(name)


def test_a_head_is_there_when_it_is_made() -> None:
    """Not before."""
    assert b"head" == _filled().file("init.mp4")
    with pytest.raises(NotFound):
        Broadcast("id", ManualClock()).file("init.mp4")


def test_what_is_fetched_is_taken_for_heard() -> None:
    """Once each, whatever players fetch twice or skip; speech is made so far ahead of it."""

    async def main() -> tuple[bool, bool, float]:
        broadcast = _filled(4)
        playback = Playback()

        async def say(*_: object) -> object:
            raise AssertionError("nothing is said")

        broadcast.narration = Narration(
            say,  # type: ignore[arg-type]
            Script(),
            playback,
            ahead_s=lambda: 60,
            clock=ManualClock(),
        )
        waiting = asyncio.ensure_future(broadcast.until_wanted(2.0))
        await asyncio.sleep(0.01)
        was_wanted = waiting.done()
        broadcast.file("seg0.m4s")
        broadcast.file("seg0.m4s")
        await asyncio.sleep(0.01)
        is_wanted = waiting.done()
        broadcast.file("seg2.m4s")
        await waiting
        return was_wanted, is_wanted, playback.handed_s

    assert (False, False, 3.0) == run(main())


def _living(
    make: Callable[[Broadcast], Awaitable[None]],
    look: Callable[[Broadcasts, Broadcast], Awaitable[None]],
    *,
    idle_s: float = 60.0,
    kept_s: float = 60.0,
) -> Broadcast:
    async def main() -> Broadcast:
        clock = asyncio.get_running_loop().time
        house = Broadcasts(clock, idle_s=idle_s, kept_s=kept_s)
        broadcast = house.begin(make)
        try:
            await look(house, broadcast)
        finally:
            await house.aclose()
        return broadcast

    return run(main())


def test_it_is_made_kept_and_forgotten() -> None:
    """Its id is long, and found as long as it is kept."""

    async def make(broadcast: Broadcast) -> None:
        broadcast.publish(b"0", 1.0)

    async def look(house: Broadcasts, broadcast: Broadcast) -> None:
        assert house.find(broadcast.id) is broadcast
        await until(lambda: broadcast.is_over)
        assert "ENDLIST" in await house.find(broadcast.id).playlist(None)
        await until(lambda: len(house) == 0)
        with pytest.raises(NotFound):
            house.find(broadcast.id)

    assert len(_living(make, look, kept_s=0.05).id) >= 32


def test_nobody_listens_and_it_stops() -> None:
    """Whoever speaks it is told; what was made so far is no whole."""
    was_cancelled = asyncio.Event()

    async def make(broadcast: Broadcast) -> None:
        broadcast.publish(b"0", 1.0)
        try:
            await asyncio.Event().wait()
        finally:
            was_cancelled.set()

    async def look(house: Broadcasts, broadcast: Broadcast) -> None:
        await until(was_cancelled.is_set)
        await until(lambda: broadcast.is_over)
        with pytest.raises(Gone, match="Nobody has fetched"):
            await broadcast.playlist(None)

    _living(make, look, idle_s=0.05)


def test_every_fetch_is_a_sign_of_a_listener() -> None:
    """Playlist or segment."""

    async def make(broadcast: Broadcast) -> None:
        broadcast.publish(b"0", 1.0)
        await asyncio.Event().wait()

    async def look(house: Broadcasts, broadcast: Broadcast) -> None:
        for _ in range(10):
            await asyncio.sleep(0.1)
            broadcast.file("seg0.m4s")
        assert not broadcast.is_over

    _living(make, look, idle_s=0.5)


def test_a_fault_ends_it() -> None:
    """And says why."""

    async def make(broadcast: Broadcast) -> None:
        raise RouterError("it broke")

    async def look(house: Broadcasts, broadcast: Broadcast) -> None:
        with pytest.raises(RouterError, match="it broke"):
            await broadcast.playlist(None)

    _living(make, look)


def test_a_house_that_closes_ends_all() -> None:
    """Whoever waits is told."""

    async def main() -> None:
        house = Broadcasts(ManualClock())
        broadcast = house.begin(_forever)
        asking = asyncio.ensure_future(broadcast.playlist(None))
        await asyncio.sleep(0.01)
        await house.aclose()
        with pytest.raises(Gone):
            await asking
        assert len(house) == 0

    run(main())


def test_there_are_so_many_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is over makes room; what is being made does not."""
    monkeypatch.setattr(many, "MAX_BROADCASTS", 2)

    async def make(broadcast: Broadcast) -> None:
        broadcast.publish(b"0", 1.0)

    async def main() -> None:
        house = Broadcasts(ManualClock())
        over, made = house.begin(make), house.begin(_forever)
        await until(lambda: over.is_over)
        house.begin(_forever)
        with pytest.raises(NotFound):
            house.find(over.id)
        with pytest.raises(RateLimited):
            house.begin(_forever)
        assert house.find(made.id) is made
        await house.aclose()

    run(main())


def test_there_are_so_many_bytes_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that nobody has fetched for longest goes first; when none is over, the newest fails."""
    monkeypatch.setattr(many, "MAX_BYTES", 10)

    async def make(broadcast: Broadcast) -> None:
        broadcast.publish(b"x" * 4, 1.0)

    async def main() -> None:
        clock = ManualClock()
        house = Broadcasts(clock)
        old, new = house.begin(make), house.begin(make)
        await until(lambda: old.is_over and new.is_over)
        clock.now += 1
        old.file("seg0.m4s")
        making = house.begin(_forever)
        await asyncio.sleep(0)
        making.publish(b"x" * 4, 1.0)
        house.make_room()
        with pytest.raises(NotFound):
            house.find(new.id)
        making.publish(b"x" * 8, 1.0)
        with pytest.raises(Gone):
            house.make_room()
        await house.aclose()

    run(main())
