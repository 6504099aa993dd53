"""A cable that can be pulled between the router and an upstream, without root and without touching the network.

What an unplugged machine does: dials are never answered, and exchanges in flight fall silent (no end, no error).
Plugged in again, they go on where they were, as TCP's retransmissions would make them. Only `drill unplug
--provider` puts one in; every other router has no cable, and so pays nothing for it.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from router.errors import DialTimeout, UpstreamFault
from router.ports import Exchange, Monotonic, ResponseHead, Sink, Transport, UpstreamRequest
from router.transport import transport_to

_HELD_EVENTS: Final = 4  # of an exchange, before its upstream is paused


class Cable:
    """The cable of every upstream for which `is_on_it` says so by its host and port."""

    def __init__(self, is_on_it: Callable[[str, int], bool]) -> None:
        self._is_on_it = is_on_it
        self._plugged = asyncio.Event()
        self._plugged.set()
        self._silenced: set[_Line] = set()

    @property
    def is_plugged(self) -> bool:
        return self._plugged.is_set()

    def unplug(self) -> None:
        self._plugged.clear()

    def plug(self) -> None:
        """Whatever was held back arrives now."""
        self._plugged.set()
        for line in tuple(self._silenced):
            line.speak_again()
        self._silenced.clear()

    async def reach(self, connect_s: float, name: str) -> None:
        """Return at once while plugged in; else wait as a dial does. Raises DialTimeout."""
        try:
            async with asyncio.timeout(connect_s):
                await self._plugged.wait()
        except TimeoutError as exc:
            raise DialTimeout(f"{name} did not answer within {connect_s:g} s; is the machine awake?") from exc

    def silence(self, line: "_Line") -> None:
        self._silenced.add(line)

    def forget(self, line: "_Line") -> None:
        self._silenced.discard(line)

    def transport_to(
        self, scheme: str, host: str, port: int, *, connect_s: float, clock: Monotonic, keep_alive: bool = True
    ) -> Transport:
        """A `TransportMaker` that puts this cable in where it belongs."""
        inner = transport_to(scheme, host, port, connect_s=connect_s, clock=clock, keep_alive=keep_alive)
        return OnCable(inner, self, connect_s, f"{host}:{port}") if self._is_on_it(host, port) else inner


class OnCable:
    """Implements `ports.Transport` over another one, for as long as the cable is in."""

    def __init__(self, inner: Transport, cable: Cable, connect_s: float, name: str) -> None:
        self._inner = inner
        self._cable = cable
        self._connect_s = connect_s
        self._name = name

    def __repr__(self) -> str:
        return f"<OnCable {'plugged' if self._cable.is_plugged else 'unplugged'} {self._inner!r}>"

    async def send(self, request: UpstreamRequest, sink: Sink) -> Exchange:
        """See `ports.Transport.send`."""
        await self._cable.reach(self._connect_s, self._name)
        line = _Line(sink, self._cable)
        line.attach(await self._inner.send(request, line))
        return line

    async def touch(self) -> None:
        """See `ports.Transport.touch`."""
        await self._cable.reach(self._connect_s, self._name)
        await self._inner.touch()

    async def aclose(self) -> None:
        """Close the inner transport; what was held back is told, so that nobody waits for ever."""
        await self._inner.aclose()
        self._cable.plug()


class _Line:
    """One exchange: a sink before the caller's, and an exchange before the transport's."""

    __slots__ = ("_cable", "_exchange", "_held", "_is_aborted", "_is_paused_by_caller", "_sink")

    def __init__(self, sink: Sink, cable: Cable) -> None:
        self._sink = sink
        self._cable = cable
        self._exchange: Exchange | None = None
        self._held: list[Callable[[], None]] = []
        self._is_aborted = False
        self._is_paused_by_caller = False

    def attach(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def speak_again(self) -> None:
        """Hand on what was held back, in order."""
        held, self._held = self._held, []
        for event in held:
            if not self._is_aborted:
                event()
        if self._exchange is not None and not self._is_aborted and not self._is_paused_by_caller:
            self._exchange.resume()

    def _tell(self, event: Callable[[], None]) -> None:
        if self._is_aborted:
            return
        if self._cable.is_plugged:
            event()
            return
        self._held.append(event)
        self._cable.silence(self)
        if len(self._held) == _HELD_EVENTS and self._exchange is not None:
            self._exchange.pause()

    # ports.Sink

    def head(self, head: ResponseHead) -> None:
        self._tell(lambda: self._sink.head(head))

    def data(self, chunk: bytes) -> None:
        self._tell(lambda: self._sink.data(chunk))

    def end(self) -> None:
        self._tell(self._sink.end)

    def error(self, fault: UpstreamFault) -> None:
        self._tell(lambda: self._sink.error(fault))

    # ports.Exchange

    def pause(self) -> None:
        self._is_paused_by_caller = True
        if self._exchange is not None:
            self._exchange.pause()

    def resume(self) -> None:
        self._is_paused_by_caller = False
        if self._exchange is not None:
            self._exchange.resume()

    def abort(self) -> None:
        self._is_aborted = True
        self._held.clear()
        self._cable.forget(self)
        if self._exchange is not None:
            self._exchange.abort()
