"""Bytes that leave in the same turn of the event loop leave together.

A `send` to a process that sleeps wakes it, and waking costs the kernel more than everything the router decides
about a request. So what is written while other reads wait to be served is kept until they have been: the writes
then follow one another closely, and the other side, awake from the first on, takes them all. Where a single read
came in, its answer leaves at once; nothing ever waits for longer than what the loop has in hand.
"""

import asyncio
from collections.abc import Callable
from typing import Final
from weakref import WeakValueDictionary

_LARGE: Final = 64 * 1024  # bytes that need no company
_PATIENCE: Final = 4  # deliveries of a single letter, before letters leave at once again
# Each lives as long as somebody writes by way of it: it holds its loop, which would otherwise never be let go.
_bags: Final["WeakValueDictionary[asyncio.AbstractEventLoop, Mailbag]"] = WeakValueDictionary()


class Mailbag:
    """What one loop is about to write. `arrived`: reads since something was last written at once. `is_busy`: so
    many have been answered together lately that the next wait for one another too."""

    __slots__ = ("__weakref__", "_alone", "arrived", "call_soon", "is_busy", "wires")

    def __init__(self, call_soon: Callable[[Callable[[], None]], object]) -> None:
        self.call_soon = call_soon
        self.wires: list[Wire] = []  # those that have something to write when the loop has turned
        self._alone = 0  # deliveries in a row that were not worth the wait
        self.arrived = 0
        self.is_busy = False

    def deliver(self) -> None:
        """Write what lies in it."""
        wires, self.wires = self.wires, []
        self.arrived = 0
        self._alone = self._alone + 1 if len(wires) == 1 else 0
        self.is_busy = self._alone < _PATIENCE
        for wire in wires:
            wire.flush()


def mailbag() -> Mailbag:
    """The running loop's."""
    loop = asyncio.get_running_loop()
    bag = _bags.get(loop)
    if bag is None:
        bag = _bags[loop] = Mailbag(loop.call_soon)
    return bag


class Wire:
    """A transport that is written to by way of the mailbag. Whoever closes it loses nothing that was written."""

    __slots__ = ("_bag", "_waiting", "transport")

    def __init__(self, transport: asyncio.Transport, bag: Mailbag) -> None:
        self.transport = transport
        self._bag = bag
        self._waiting = b""

    @property
    def is_empty(self) -> bool:
        """Whether the kernel has taken all that was written."""
        return not (self._waiting or self.transport.get_write_buffer_size())

    def write(self, part: bytes) -> None:
        """Now, or when the loop has served what it has read. In order."""
        bag = self._bag
        if self._waiting:
            self._waiting += part
            if len(self._waiting) > _LARGE:
                self.flush()
        elif (bag.is_busy or bag.arrived > 1) and len(part) <= _LARGE:
            self._waiting = part
            bag.wires.append(self)
            if len(bag.wires) == 1:
                bag.call_soon(bag.deliver)
        else:
            bag.arrived = 0
            self.transport.write(part)

    def flush(self) -> None:
        """Write what waits."""
        part, self._waiting = self._waiting, b""
        if part and not self.transport.is_closing():
            self.transport.write(part)

    def close(self) -> None:
        """When everything has been written."""
        self.flush()
        self.transport.close()

    def abort(self) -> None:
        """At once; what waits is lost."""
        self._waiting = b""
        self.transport.abort()
