"""Nodes whose pulse a test holds in its hand, and the roster that is told of them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from fakes import FakeSpeech, RecordingObserver, speech_card

from router.domain import Route, Utterance
from router.errors import DialTimeout, UpstreamFault
from router.health import HostSign, HostState, ProviderSign, ProviderState
from router.heartbeats import Heartbeats
from router.ports import Beat, Probe
from router.roster import Roster

UP = Probe(HostSign.ANSWERED, ProviderSign.READY)
GONE = Probe(HostSign.SILENT, None, "no answer to a dial")
MUTE = Probe(HostSign.ANSWERED, ProviderSign.MUTE, "answers nothing")
REFUSED = Probe(HostSign.ANSWERED, ProviderSign.FAULT, "refused")
BACK = (ProviderState.UP, HostState.REACHABLE)


class Pulse:
    """Beats when told."""

    def __init__(self) -> None:
        self.said: asyncio.Queue[Beat | UpstreamFault] = asyncio.Queue()
        self.is_closed = False

    async def beat(self, within_s: float) -> Beat | None:
        try:
            async with asyncio.timeout(within_s):
                said = await self.said.get()
        except TimeoutError:
            return None
        if isinstance(said, UpstreamFault):
            raise said
        return said

    def close(self) -> None:
        self.is_closed = True


class Node(FakeSpeech):
    """Can be listened to while `absent` is None, and answers touches by `touching`."""

    def __init__(self, name: str = "a", host: str = "pc") -> None:
        super().__init__(speech_card(name, host=host), lambda _: Utterance(b""))
        self.absent: Exception | None = None
        self.touching: Probe | None = UP
        self.touch_s = 0.3
        self.touches = 0
        self.pulses: list[Pulse] = []
        self.dials: list[float] = []
        self.catches = 0
        self.catching: asyncio.Event | UpstreamFault | None = None

    async def listen(self) -> Pulse:
        self.dials.append(asyncio.get_running_loop().time())
        if isinstance(self.absent, DialTimeout):
            await asyncio.sleep(60)
        if self.absent is not None:
            raise self.absent
        self.pulses.append(Pulse())
        return self.pulses[-1]

    async def touch(self) -> Probe | None:
        self.touches += 1
        if self.touching is None or self.touching in {GONE, MUTE}:
            await asyncio.sleep(self.touch_s)
        return self.touching

    async def catch_up(self) -> None:
        self.catches += 1
        if isinstance(self.catching, asyncio.Event):
            await self.catching.wait()
        if isinstance(self.catching, UpstreamFault):
            raise self.catching

    def say(self, probe: Probe = UP, **more: bool) -> None:
        self.pulses[-1].said.put_nowait(Beat(probe, **more))

    def break_off(self, fault: UpstreamFault) -> None:
        self.pulses[-1].said.put_nowait(fault)


@dataclass
class Scene:
    """A roster whose nodes are listened to; `log`: what happened in flight, and when after `began`."""

    roster: Roster
    observer: RecordingObserver
    began: float = 0.0
    log: list[tuple[str, float]] = field(default_factory=list)

    def note(self, what: str) -> None:
        self.log.append((what, round(asyncio.get_running_loop().time() - self.began, 2)))

    @contextlib.asynccontextmanager
    async def in_flight(self, name: str = "a") -> AsyncIterator[None]:
        doubt = lambda: self.note(f"{name} in doubt")  # noqa: E731
        async with self.roster.lease(Route(name, "m", 1), lambda _: self.note(f"{name} lost"), doubt):
            self.began = asyncio.get_running_loop().time()
            yield

    def states(self, name: str = "a") -> tuple[ProviderState, HostState]:
        standing = self.roster.standing(name)
        return standing.state, standing.host_state


@contextlib.asynccontextmanager
async def listening(*nodes: Node) -> AsyncIterator[Scene]:
    """The first beat of each has come, unless it cannot be listened to."""
    observer = RecordingObserver()
    clock = asyncio.get_running_loop().time
    roster = Roster({node.card.id: node.card for node in nodes}, observer, clock)
    heartbeats = Heartbeats({node.card.id: node for node in nodes}, roster, lambda _low, _high: 1.0)
    before = asyncio.all_tasks()
    async with heartbeats.running():
        await asyncio.sleep(0)
        for node in nodes:
            if node.pulses:
                node.say()
        await asyncio.sleep(0.001)
        yield Scene(roster, observer)
    assert before == asyncio.all_tasks()
    assert all(pulse.is_closed for node in nodes for pulse in node.pulses)
