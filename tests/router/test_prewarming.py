"""Stand-ins that are woken before anybody needs them."""

import asyncio
import logging
from dataclasses import replace

import pytest
from fakes import FakeSpeech, ManualClock, RecordingObserver, speech_card
from hurried import hurry
from running import run, until

from router.domain import Prewarm, Route, Utterance
from router.health import HostSign, ProviderSign
from router.ports import Probe
from router.prewarming import AGAIN_AFTER_S, LOOK_EVERY_S, Prewarmer
from router.roster import Roster
from router.warming import Warmer

UP = Probe(HostSign.ANSWERED, ProviderSign.READY)
COLD, LOADING, FAULT, YIELDED, DRAINING = (
    replace(UP, provider=sign)
    for sign in (
        ProviderSign.COLD,
        ProviderSign.LOADING,
        ProviderSign.FAULT,
        ProviderSign.YIELDED,
        ProviderSign.DRAINING,
    )
)
GONE = Probe(HostSign.SILENT, None, "silent")
NAMES = [[Route("gpu", "turbo", 1), Route("cpu", "espeak", 3)]]


class _House:
    """The machine `gpu` that is preferred, and the stand-in `cpu`."""

    def __init__(self, prewarm: Prewarm = Prewarm.ON_SUSPECT, names: list[list[Route]] | None = None) -> None:
        cards = [speech_card("gpu", prewarm=prewarm), speech_card("cpu", tier=3, prewarm=prewarm)]
        self.nodes = {card.id: FakeSpeech(card, lambda _: Utterance(b"")) for card in cards}
        self.clock = ManualClock()
        self.roster = Roster({card.id: card for card in cards}, RecordingObserver(), self.clock)
        self.warmer = Warmer(self.nodes)
        self.names = names or NAMES
        self.prewarmer = Prewarmer(
            {card.id: card for card in cards}, lambda: self.names, self.roster, self.warmer, self.clock
        )

    async def see(self, name: str, *probes: Probe) -> int:
        """How often the stand-in has been woken after each of them was seen."""
        for probe in probes:
            self.roster.note_probe(name, probe)
            self.prewarmer.look()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return self.nodes["cpu"].warmings


async def _ready(house: _House) -> None:
    await house.see("cpu", COLD)
    await house.see("gpu", UP)


@pytest.mark.parametrize(
    ("prewarm", "trouble", "expected"),
    [
        (Prewarm.ON_SUSPECT, GONE, 1),
        (Prewarm.ON_SUSPECT, YIELDED, 1),
        (Prewarm.ON_SUSPECT, DRAINING, 1),
        (Prewarm.ON_SUSPECT, FAULT, 1),
        (Prewarm.ON_SUSPECT, LOADING, 1),
        (Prewarm.ON_SUSPECT, COLD, 0),
        (Prewarm.ON_SUSPECT, UP, 0),
        (Prewarm.NEVER, FAULT, 0),
    ],
)
def test_trouble_of_the_preferred_wakes_the_stand_in(prewarm: Prewarm, trouble: Probe, expected: int) -> None:
    """Once, with the model that it would stand in with; not the other way round."""

    async def main() -> tuple[int, list[str | None], int]:
        house = _House(prewarm)
        await _ready(house)
        woken = await house.see("gpu", trouble, trouble)
        return woken, house.nodes["cpu"].warmed, house.nodes["gpu"].warmings

    assert (expected, ["espeak"] * expected, 0) == run(main())


def test_trouble_of_the_stand_in_wakes_nobody() -> None:
    """The preferred is not there for it."""

    async def main() -> int:
        house = _House()
        await house.see("gpu", COLD)
        await house.see("cpu", UP, FAULT)
        return house.nodes["gpu"].warmings

    assert 0 == run(main())


def test_a_stand_in_that_is_warm_is_left_alone_and_stays_so_when_it_goes_cold() -> None:
    """It was there when it was needed; whoever uses it now loads it."""

    async def main() -> int:
        house = _House()
        await house.see("cpu", UP)
        await house.see("gpu", UP, FAULT)
        return await house.see("cpu", COLD)

    assert 0 == run(main())


def test_a_stand_in_that_was_away_is_woken_when_it_comes_back() -> None:
    """While the trouble lasts; once."""

    async def main() -> list[int]:
        house = _House()
        await house.see("cpu", FAULT)
        await house.see("gpu", UP, FAULT)
        before = house.nodes["cpu"].warmings
        return [before, await house.see("cpu", COLD, COLD), await house.see("cpu", COLD, COLD)]

    assert [0, 1, 1] == run(main())


def test_when_the_trouble_is_over_nobody_is_woken_any_more() -> None:
    """It came back before the stand-in did."""

    async def main() -> int:
        house = _House()
        await house.see("cpu", FAULT)
        await house.see("gpu", UP, FAULT, UP, UP)
        return await house.see("cpu", COLD, COLD)

    assert 0 == run(main())


def test_flapping_does_not_wake_who_will_not_load_again_and_again() -> None:
    """Two seconds up, two seconds down, and the stand-in stays cold."""

    async def main() -> int:
        house = _House()
        await _ready(house)
        for _ in range(30):
            await house.see("gpu", FAULT, UP, UP)
            house.clock.advance(4)
        return house.nodes["cpu"].warmings

    assert 120 / AGAIN_AFTER_S <= run(main()) <= 120 / AGAIN_AFTER_S + 1


def test_always_keeps_it_warm_whenever_it_is_cold() -> None:
    """Without any trouble; if it will not load, now and then."""

    async def main() -> list[int]:
        house = _House(Prewarm.ALWAYS)
        await _ready(house)
        seen = [house.nodes["cpu"].warmings]
        for step in (UP, COLD, COLD):
            house.clock.advance(AGAIN_AFTER_S)
            seen.append(await house.see("cpu", step))
        return seen

    assert [1, 1, 2, 3] == run(main())


def test_of_a_substitutes_engines_only_the_one_that_is_meant_is_kept_warm() -> None:
    """`always` means the model of the routes, not every engine that could stand in."""
    names = [*NAMES, [Route("gpu", "turbo", 1), Route("cpu", "chatterbox", 103, ("model",))]]

    async def main() -> list[str | None]:
        house = _House(Prewarm.ALWAYS, names)
        await _ready(house)
        return house.nodes["cpu"].warmed

    assert ["espeak"] == run(main())


def test_it_looks_at_every_change_until_it_is_closed() -> None:
    """And leaves no task behind."""

    async def main() -> tuple[int, int]:
        house = _House()
        house.prewarmer.start()
        house.roster.note_probe("cpu", COLD)
        house.roster.note_probe("gpu", UP)
        await asyncio.sleep(0)
        house.roster.note_probe("gpu", FAULT)
        await until(lambda: house.nodes["cpu"].warmings == 1)
        await house.prewarmer.aclose()
        await house.prewarmer.aclose()
        house.roster.note_probe("gpu", UP)
        await house.warmer.aclose()
        return house.nodes["cpu"].warmings, len(asyncio.all_tasks())

    assert (1, 1) == run(main())


def test_a_look_that_fails_does_not_end_the_watch(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged once, and some seconds later the next look is taken."""

    async def main() -> int:
        house, names = _House(), NAMES
        await _ready(house)
        house.names = [[Route("nobody", "m", 1)]]  # no such provider
        house.prewarmer.start()
        await asyncio.sleep(60)
        house.names = names
        await asyncio.sleep(LOOK_EVERY_S + 1)
        house.roster.note_probe("gpu", FAULT)
        await asyncio.sleep(1)
        await house.prewarmer.aclose()
        await house.warmer.aclose()
        return house.nodes["cpu"].warmings

    with caplog.at_level(logging.ERROR):
        assert 1 == hurry(main())
    assert ["looking for who must be woken failed"] == [record.message for record in caplog.records]
