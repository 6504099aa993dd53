"""Deadlines that share the loop's timers: by hand, with a clock that passes when told, and on real loops."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any, cast

import pytest
from fakes import ManualClock
from hypothesis import example, given
from hypothesis import strategies as st
from running import LOOPS, run

from router import deadlines as module
from router.deadlines import SLOT_S, Deadlines, Slot, deadlines

HELD_UP_S = 0.3
ULP_S = 1e-9  # what a sum of floats may be off


class ManualTimer:
    """What `call_at` returns. One that has come cannot be called off any more, and may be told to."""

    def __init__(self, at_s: float, call: Callable[[], None]) -> None:
        self.at_s, self.call = at_s, call
        self.is_armed = True

    def cancel(self) -> None:
        self.is_armed = False


class ManualLoop:
    """A loop of timers, whose time passes when told. `armings` are the times that were ever asked for."""

    def __init__(self) -> None:
        self.time = ManualClock()
        self._timers: list[ManualTimer] = []
        self.armings: list[float] = []

    def call_at(self, at_s: float, call: Callable[[], None]) -> ManualTimer:
        timer = ManualTimer(at_s, call)
        self._timers.append(timer)
        self.armings.append(at_s)
        return timer

    @property
    def armed(self) -> list[float]:
        return [timer.at_s for timer in self._timers if timer.is_armed]

    def reach(self, at_s: float, early_s: float = 0.0) -> None:
        """The time is `at_s`; what was due since comes now, and so late. Timers come up to `early_s` early."""
        self.time.now = max(self.time.now, at_s)
        while due := [timer for timer in self._timers if timer.is_armed and timer.at_s <= at_s + early_s]:
            first = min(due, key=lambda timer: timer.at_s)
            first.is_armed = False
            first.call()

    def pass_by(self) -> None:
        """Until nothing is armed, with every timer on time."""
        while self.armed:
            self.reach(min(self.armed))


class Owner:
    """Notes when it expired; then does what it was told to."""

    def __init__(self, loop: ManualLoop, then: Callable[[], object] = lambda: None) -> None:
        self._loop, self._then = loop, then
        self.expired: list[float] = []

    def expire(self) -> None:
        self.expired.append(self._loop.time.now)
        self._then()


class Hand:
    """Deadlines on a loop by hand."""

    def __init__(self) -> None:
        self.loop = ManualLoop()
        self.deadlines = Deadlines(cast("asyncio.AbstractEventLoop", self.loop))

    def after(self, delay_s: float, then: Callable[[], object] = lambda: None) -> tuple[Owner, Slot]:
        owner = Owner(self.loop, then)
        return owner, self.deadlines.after(delay_s, owner)


@given(st.lists(st.tuples(st.floats(0, HELD_UP_S), st.floats(0, 600)), min_size=1, max_size=20))
@example([(0.0, SLOT_S)])
@example([(0.0, 0.0), (0.0, 300.0)])
def test_a_deadline_comes_never_early_and_at_most_a_slot_late(asked: list[tuple[float, float]]) -> None:
    """Whoever asks, whenever (`asked`: seconds since the one before, and the delay). The loop is held up between
    two, so that much later a timer may come."""
    hand = Hand()
    owners = []
    for pause_s, delay_s in asked:
        hand.loop.reach(hand.loop.time.now + pause_s)
        owners.append((hand.loop.time.now + delay_s, hand.after(delay_s)[0]))
    hand.loop.pass_by()
    assert all(len(owner.expired) == 1 for _, owner in owners)
    assert all(owner.expired[0] >= deadline - ULP_S for deadline, owner in owners)
    assert all(owner.expired[0] <= deadline + SLOT_S + HELD_UP_S + ULP_S for deadline, owner in owners)


@pytest.mark.parametrize("delay_s", [0.0, 0.001, SLOT_S - 0.001, SLOT_S, 0.12, 5.0, 300.0])
@pytest.mark.parametrize("began_s", [0.0, 1000.0, 1000.049, 86_400.013])
def test_a_deadline_comes_with_its_slot(began_s: float, delay_s: float) -> None:
    """When the timer is on time, so is the deadline, to a slot."""
    hand = Hand()
    hand.loop.time.now = began_s
    owner, _ = hand.after(delay_s)
    hand.loop.pass_by()
    late_s = owner.expired[0] - (began_s + delay_s)
    assert -ULP_S <= late_s <= SLOT_S + ULP_S


def test_a_late_timer_brings_no_deadline_forward() -> None:
    """The loop was held up until just before the next slot's end: what ends there has its time yet."""
    hand = Hand()
    held_up, _ = hand.after(0.0)
    hand.loop.time.advance(SLOT_S)
    owner, _ = hand.after(SLOT_S - 0.001)
    hand.loop.reach(1000 + 2 * SLOT_S - 0.004)
    assert (1, 0) == (len(held_up.expired), len(owner.expired))
    hand.loop.reach(1000 + 2 * SLOT_S)
    assert 1 == len(owner.expired)


def test_a_timer_that_comes_early_by_the_clocks_resolution_is_taken_at_its_word() -> None:
    """Else it would be armed again and again until the clock moves."""
    hand = Hand()
    owner, _ = hand.after(0.0)
    next_one, _ = hand.after(1.5 * SLOT_S)
    hand.loop.reach(1000 + SLOT_S - 1e-6, early_s=2e-6)
    assert (1, 0) == (len(owner.expired), len(next_one.expired))
    assert [1000 + 2 * SLOT_S] == pytest.approx(hand.loop.armed)


def test_who_leaves_the_slot_never_expires() -> None:
    """Its neighbours do; and nothing is armed when the time is over."""
    hand = Hand()
    called_off, slot = hand.after(1.0)
    neighbour, same = hand.after(1.0)
    assert slot is same
    slot.discard(called_off)
    hand.loop.pass_by()
    slot.discard(neighbour)  # who has expired may say so again
    assert ([], 1, []) == (called_off.expired, len(neighbour.expired), hand.loop.armed)


def test_an_earlier_deadline_arms_the_timer_anew() -> None:
    """There is one timer, for the first; a later one changes nothing."""
    hand = Hand()
    later, _ = hand.after(10.0)
    hand.after(20.0)
    assert 1 == len(hand.loop.armings)
    sooner, _ = hand.after(1.0)
    assert (2, 1) == (len(hand.loop.armings), len(hand.loop.armed))
    hand.loop.reach(1002.0)
    assert (1, 0) == (len(sooner.expired), len(later.expired))
    assert [1010 + SLOT_S] == pytest.approx(hand.loop.armed)


def test_many_share_a_timer() -> None:
    """A thousand in one slot cost the loop one, and all of them come."""
    hand = Hand()
    owners = [hand.after(5.0)[0] for _ in range(1000)]
    assert 1 == len(hand.loop.armings)
    hand.loop.pass_by()
    assert {1} == {len(owner.expired) for owner in owners}


def test_when_all_have_come_nothing_is_armed_or_kept() -> None:
    """Also when some were called off; and the next one starts anew."""
    hand = Hand()
    for tenths in range(50):
        owner, slot = hand.after(tenths / 10)
        if tenths % 3:
            slot.discard(owner)
    hand.loop.pass_by()
    assert ({}, [], []) == (hand.deadlines._slots, hand.deadlines._due, hand.loop.armed)
    another, _ = hand.after(1.0)
    hand.loop.pass_by()
    assert 1 == len(another.expired)


@pytest.mark.parametrize("next_s", [0.0, 0.2, 7.0])
@pytest.mark.parametrize("is_alone", [True, False])
def test_one_that_expires_may_set_another(next_s: float, is_alone: bool) -> None:
    """As many times as it likes, with never more than one timer."""
    hand = Hand()
    if not is_alone:
        hand.after(60.0)
    set_at: list[float] = []
    most = 0

    def again() -> None:
        nonlocal most
        most = max(most, len(hand.loop.armed))
        if len(owner.expired) < 5:
            set_at.append(hand.loop.time.now)
            hand.deadlines.after(next_s, owner)

    owner, _ = hand.after(1.0, again)
    while hand.loop.armed:
        most = max(most, len(hand.loop.armed))
        hand.loop.reach(min(hand.loop.armed))
    waits_s = [came - was_set for came, was_set in zip(owner.expired[1:], set_at, strict=True)]
    assert all(next_s - ULP_S <= wait_s <= next_s + SLOT_S + ULP_S for wait_s in waits_s)
    assert (5, 1) == (len(owner.expired), most)


def test_one_that_expires_may_call_off_another_of_its_slot() -> None:
    """Whichever of the two comes first, the other does not."""
    hand = Hand()
    first, slot = hand.after(1.0, lambda: slot.discard(second))
    second, _ = hand.after(1.0, lambda: slot.discard(first))
    hand.loop.pass_by()
    assert 1 == len(first.expired) + len(second.expired)


def test_one_that_fails_keeps_nobody_from_expiring() -> None:
    """Not those of its slot, not those of later ones; the loop hears of it."""
    hand = Hand()

    def fail() -> None:
        raise ZeroDivisionError

    failing, _ = hand.after(1.0, fail)
    others = [hand.after(delay_s)[0] for delay_s in (1.0, 1.0, 1.0, 2.0)]
    with pytest.raises(ZeroDivisionError):
        hand.loop.pass_by()
    hand.loop.pass_by()
    assert [1] * 5 == [len(owner.expired) for owner in (failing, *others)]


class Waking:
    """Sets an event of the loop's."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    def expire(self) -> None:
        self.event.set()


@pytest.mark.parametrize("loop", LOOPS)
def test_deadlines_come_on_a_real_loop(loop: str) -> None:
    """Each at its time or later, in their order, and the one that was called off does not."""

    async def main() -> bool:
        of_loop = deadlines()
        clock = of_loop.loop.time
        off, early, late = Waking(), Waking(), Waking()
        began = clock()
        of_loop.after(0.2, late)
        of_loop.after(0.02, off).discard(off)
        of_loop.after(0.02, early)
        await early.event.wait()
        assert clock() - began >= 0.02 - 0.001  # uvloop's clock counts milliseconds
        await late.event.wait()
        assert clock() - began >= 0.2 - 0.001
        return off.event.is_set()

    assert not run(main(), loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_each_loop_has_its_own(loop: str) -> None:
    """The same one within a loop; another's would set timers on a loop that is closed."""

    async def main() -> Deadlines:
        ours = deadlines()
        await asyncio.sleep(0)
        assert ours is deadlines()
        assert asyncio.get_running_loop() is ours.loop
        return ours

    assert run(main(), loop) is not run(main(), loop)


def test_there_are_none_without_a_loop() -> None:
    """Also when there were some a moment ago."""

    async def main() -> Deadlines:
        return deadlines()

    run(main())
    with pytest.raises(RuntimeError, match="no running event loop"):
        deadlines()


@pytest.mark.parametrize("loop", LOOPS)
def test_a_loop_in_another_thread_has_its_own(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when that thread asks in the middle of our asking, and its loop still runs."""
    threads: list[threading.Thread] = []
    has_asked, may_end = threading.Event(), threading.Event()
    theirs: list[Deadlines] = []
    get_ident = threading.get_ident

    async def ask() -> None:
        theirs.append(deadlines())
        has_asked.set()
        await asyncio.to_thread(may_end.wait)

    def ident() -> int:
        if not threads:
            threads.append(threading.Thread(target=lambda: run(ask(), loop)))
            threads[0].start()
            assert has_asked.wait(30)
        return get_ident()

    async def main() -> None:
        before = deadlines()
        monkeypatch.setattr(module, "get_ident", ident)
        try:
            assert before is deadlines()
            again: Any = deadlines()
            assert (asyncio.get_running_loop(), True) == (again.loop, theirs[0].loop is not again.loop)
        finally:
            may_end.set()
            threads[0].join()

    run(main(), loop)
