"""The watchdog bites once, after silence only."""

import pytest

from fakes import ManualClock
from tts_node.life.watchdog import Watchdog


@pytest.fixture
def clock() -> ManualClock:
    """Turned by hand."""
    return ManualClock()


def a_dog(clock: ManualClock, bites: list[float], limit_s: float = 10) -> Watchdog:
    """One that notes when it bites."""
    return Watchdog(limit_s, lambda: bites.append(clock()), clock, clock.call_later)


def test_it_bites_after_silence(clock: ManualClock) -> None:
    """Exactly at the limit, exactly once."""
    bites: list[float] = []
    with a_dog(clock, bites) as dog:
        clock.advance(9.9)
        assert [] == bites
        clock.advance(60)
    assert [1010.0] == bites
    assert dog.has_bitten


def test_signs_of_life_keep_it_quiet(clock: ManualClock) -> None:
    """Any feed starts the limit anew."""
    bites: list[float] = []
    with a_dog(clock, bites) as dog:
        for _ in range(5):
            clock.advance(9)
            dog.feed()
        assert [] == bites
        clock.advance(10)
    assert [1055.0] == bites


def test_a_resting_dog_does_not_count(clock: ManualClock) -> None:
    """While the listener is the slow one, silence is not the engine's."""
    bites: list[float] = []
    with a_dog(clock, bites) as dog:
        dog.rest()
        clock.advance(100)
        dog.wake()
        clock.advance(9)
        assert [] == bites


def test_after_finish_within_feeding_does_not_help(clock: ManualClock) -> None:
    """A cancelled engine that goes on working is ended all the same."""
    bites: list[float] = []
    with a_dog(clock, bites) as dog:
        dog.finish_within(3)
        clock.advance(2)
        dog.feed()
        clock.advance(2)
    assert [1003.0] == bites


def test_leaving_ends_the_watch(clock: ManualClock) -> None:
    """Outside of its context it never bites."""
    bites: list[float] = []
    with a_dog(clock, bites):
        pass
    clock.advance(100)
    assert [] == bites
