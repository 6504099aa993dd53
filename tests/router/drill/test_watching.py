"""What is seen of the states of a router in this process."""

import asyncio
from dataclasses import replace

from fakes import chat_card
from rosters import GONE, UP, A, RosterHouse
from running import run, until

from router.drill.router_log import Notice
from router.drill.watching import watching
from router.errors import DialRefused
from router.health import HostSign, ProviderSign
from router.ports import Probe


def _seen(notices: list[Notice]) -> list[tuple[str, str]]:
    return [(notice.who, notice.what) for notice in notices]


def test_every_change_is_seen_in_its_order() -> None:
    """Of a provider and of its machine, with the reason."""

    async def main() -> None:
        house = RosterHouse(chat_card("a", host="pc")).all_up()
        async with watching(house.roster) as notices:
            await asyncio.sleep(0)
            house.fail(A, DialRefused("nobody listens"))
            await until(lambda: len(notices) == 1)
            house.look("a", GONE, GONE)
            await until(lambda: ("pc", "unreachable") in _seen(notices))
            house.roster.note_beat("a", UP, is_first=True)
            await until(lambda: ("a", "up") in _seen(notices))
            house.roster.drain("a")
            await until(lambda: ("a", "draining") in _seen(notices))
        assert [("a", "down"), ("pc", "unreachable")] == _seen(notices)[:2]
        assert {("a", "up"), ("pc", "reachable")} == set(_seen(notices)[2:4])
        assert ("nobody listens", "drained by an administrator") == (notices[0].detail, notices[4].detail)
        assert 5 == len(notices)

    run(main())


def test_what_was_found_on_this_machine_is_seen_when_it_appears() -> None:
    """A port at which nobody listens is nobody's news."""

    async def main() -> list[tuple[str, str]]:
        house = RosterHouse(chat_card("a", host="pc"), replace(chat_card("b", host="pc"), is_discovered=True))
        house.look("a", UP)
        async with watching(house.roster) as notices:
            await asyncio.sleep(0)
            house.look("b", Probe(HostSign.ANSWERED, ProviderSign.FAULT, "refused"))
            for _ in range(3):
                await asyncio.sleep(0)
            assert [] == notices
            house.look("b", UP, UP)
            await until(lambda: bool(notices))
        return _seen(notices)

    assert [("b", "up")] == run(main())
