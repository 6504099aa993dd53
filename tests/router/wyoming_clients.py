"""A house that speaks Wyoming, and clients of it that say and hear single events."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from fakes import FakeSpeech, speech_card
from houses import FakeHouse
from narrating import said

from router.config.settings import WyomingSettings
from router.domain import Segment, Utterance
from router.wyoming import Event, EventReader, encode
from router.wyoming_server import Studio, WyomingServer


@dataclass
class Inside:
    """Counts who is inside a configuration."""

    count: int = 0
    forbidden: list[str] = field(default_factory=list)

    def enter(self) -> None:
        self.count += 1

    def leave(self) -> None:
        self.count -= 1
        if self.count < 0:
            self.forbidden.append("left before it came")


def house_with(voice: Callable[[Segment], Utterance] = said, **settings: Any) -> FakeHouse:
    """One node with the model `m`, whose every word sounds."""
    routes = [{"provider": "gpu", "model": "m"}]
    given = {"models": {"speech": {"serves": "speech", "routes": routes}}, **settings}
    house = FakeHouse(FakeSpeech(speech_card("gpu", first_byte_s=60, stall_s=60), voice), settings=given)
    house.report("gpu", "m", voices=["anna", "otto"])
    return house


@dataclass
class Served:
    """A house, its port, and what holds its configuration open."""

    house: FakeHouse
    server: WyomingServer
    studio: Studio
    inside: Inside

    @property
    def port(self) -> int:
        assert self.server.port is not None
        return self.server.port


def studio_of(house: FakeHouse, inside: Inside, settings: WyomingSettings) -> Studio:
    return Studio(
        house.catalogue,
        house.speaker,
        house.roster,
        house.voices,
        house.observer,
        house.clock,
        inside,
        settings,
        house.settings.speech,
        house.settings.server.log_text,
    )


@contextlib.asynccontextmanager
async def serving(house: FakeHouse, **settings: Any) -> AsyncIterator[Served]:
    """On a free port, until the block ends; then nobody is left inside."""
    inside = Inside()
    told = WyomingSettings.model_construct(enabled=True, port=0, **settings)
    studio = studio_of(house, inside, told)
    server = WyomingServer(lambda: studio)
    await server.open(told)
    try:
        yield Served(house, server, studio, inside)
    finally:
        await server.aclose()
        await house.speaker.aclose()
    assert (0, []) == (inside.count, inside.forbidden)


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self._events = EventReader()
        self._heard: list[Event] = []

    def say(self, kind: str, **data: Any) -> None:
        self.writer.write(encode(Event(kind, data)))

    async def hear(self) -> Event | None:
        """The next event; None at the end."""
        while not self._heard:
            chunk = await self._reader.read(65_536)
            if not chunk:
                assert self._events.is_between
                return None
            self._heard += self._events.feed(chunk)
        return self._heard.pop(0)

    async def until(self, kind: str) -> list[Event]:
        """All up to the next event of that kind."""
        events: list[Event] = []
        while not events or events[-1].type != kind:
            event = await self.hear()
            assert event is not None, f"it hung up after {[each.type for each in events]}"
            events.append(event)
        return events

    async def rest(self) -> list[Event]:
        """All to the end of the connection."""
        events: list[Event] = []
        while (event := await self.hear()) is not None:
            events.append(event)
        return events


@contextlib.asynccontextmanager
async def client_of(port: int) -> AsyncIterator[Client]:
    """Connected until the block ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def types(events: list[Event]) -> list[str]:
    """What kinds they are, a run of the same once."""
    kinds = [event.type for event in events]
    return [kind for at, kind in enumerate(kinds) if at == 0 or kinds[at - 1] != kind]


def pcm_in(events: list[Event]) -> bytes:
    return b"".join(event.payload for event in events if event.type == "audio-chunk")
