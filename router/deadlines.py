"""Many deadlines on few of the loop's timers, for those that are nearly always called off.

A timer of the loop's own costs as much as authentication, and every request needs several: until the upstream's
next bytes, until an idle connection is closed. Here whoever has a deadline lies in a set, its slot, and all slots'
owners that fall into the same twentieth of a second share one timer (a hashed timing wheel: Varghese and Lauck,
1987). So a deadline may come that much too late, never too early.
"""

import asyncio
import heapq
from threading import get_ident
from typing import Final, Protocol

SLOT_S: Final = 0.05


class Expiring(Protocol):
    """Somebody with a deadline. Called off by leaving the slot: `slot.discard(self)`."""

    def expire(self) -> None:
        """It has come."""
        ...


Slot = set[Expiring]


class Deadlines:
    """Those of one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.thread = get_ident()
        self._clock = loop.time
        self._slots: dict[int, Slot] = {}
        self._due: list[int] = []  # the slots' numbers, a heap
        self._timer: asyncio.TimerHandle | None = None

    def after(self, delay_s: float, who: Expiring) -> Slot:
        """`who` expires in `delay_s` seconds, or up to `SLOT_S` later, unless it leaves the slot before."""
        number = int((self._clock() + delay_s) / SLOT_S) + 1
        slot = self._slots.get(number)
        if slot is None:
            slot = self._open(number)
        slot.add(who)
        return slot

    def _open(self, number: int) -> Slot:
        slot: Slot = set()
        self._slots[number] = slot
        heapq.heappush(self._due, number)
        if self._due[0] == number:
            self._arm()
        return slot

    def _arm(self) -> None:
        """The one timer, for the first slot."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_at(self._due[0] * SLOT_S, self._come) if self._due else None

    def _come(self) -> None:
        """The first slot is due: it, and all others whose time has come."""
        # Timers come a little early, by the clock's resolution: then the first is due all the same, and no other.
        now = max(self._clock(), self._due[0] * SLOT_S)
        try:
            while self._due and self._due[0] * SLOT_S <= now:
                slot = self._slots[self._due[0]]
                if slot:
                    slot.pop().expire()
                else:
                    del self._slots[heapq.heappop(self._due)]
        finally:  # an owner that fails is the loop's to report; the others' deadlines come
            self._arm()


_last: Deadlines | None = None


def deadlines() -> Deadlines:
    """The running loop's."""
    global _last
    # `get_running_loop` asks the kernel for the process's id, every time. A thread runs one loop at a time, so the
    # one that was seen in this thread, and runs, is the one.
    last = _last  # another thread may set it at any time
    if last is None or last.thread != get_ident() or not last.loop.is_running():
        last = _last = Deadlines(asyncio.get_running_loop())
    return last
