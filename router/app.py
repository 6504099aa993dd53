"""The composition root: the one room that knows every other. Settings go in, a house comes out."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from router import loop_lag, providers
from router.api.admission import Door
from router.api.hot import HotRoutes
from router.api.rest import View, rest_app
from router.catalogue import Catalogue
from router.config import Settings
from router.domain import Modality
from router.entry import Entry
from router.forward import Forwarder
from router.metrics import Metrics
from router.observers import LogObserver, Observers
from router.ports import ForwardProvider, Provider, SpeechProvider
from router.probes import Probes
from router.roster import Roster
from router.speak import Speaker
from router.speech.voices import VoiceBook
from router.state import LocalStore


@dataclass(slots=True)
class House:
    """A router that runs: its ASGI callable, and what commands ask it for."""

    settings: Settings
    entry: Entry
    roster: Roster
    catalogue: Catalogue
    voices: VoiceBook
    _draining: asyncio.Event = field(default_factory=asyncio.Event)

    def drain(self) -> None:
        """Say on /ready that this router takes nothing new."""
        self._draining.set()


@contextlib.asynccontextmanager
async def open_house(settings: Settings) -> AsyncIterator[House]:
    """A house whose providers have been looked at once and are watched until the block ends."""
    clock = time.monotonic
    metrics = Metrics()
    observer = Observers([metrics, LogObserver()])
    everyone = providers.build(settings, clock)
    roster = Roster({name: provider.card for name, provider in everyone.items()}, observer, clock)
    catalogue = Catalogue(roster.cards, settings.models, settings.speech, roster)
    voices = VoiceBook(settings.voices, roster)
    store = LocalStore(clock)
    door = Door(settings, instance=secrets.token_hex(4))
    draining = asyncio.Event()
    hot = HotRoutes(
        catalogue,
        Forwarder(_that_chat(everyone), roster, observer, clock),
        Speaker(_that_speak(everyone), roster, observer, clock, settings=settings.speech, voices=voices),
        store,
        door,
        max_body_bytes=int(settings.server.max_body_mb * 2**20),
        max_speech_chars=settings.speech.max_input_chars,
    )
    rest = rest_app(View(catalogue, roster, voices, metrics, store, draining.is_set))
    house = House(settings, Entry(hot, rest, door, observer, clock), roster, catalogue, voices, draining)
    probes = Probes(everyone, roster)
    lag = asyncio.get_running_loop().create_task(loop_lag.watch(observer), name="event loop lag")
    try:
        await probes.look_once()
        async with probes.running():
            yield house
    finally:
        lag.cancel()
        await asyncio.gather(lag, return_exceptions=True)
        await asyncio.gather(*(provider.aclose() for provider in everyone.values()))


def _that_chat(everyone: Mapping[str, Provider]) -> dict[str, ForwardProvider]:
    return {
        name: cast("ForwardProvider", provider)
        for name, provider in everyone.items()
        if Modality.CHAT in provider.card.modalities
    }


def _that_speak(everyone: Mapping[str, Provider]) -> dict[str, SpeechProvider]:
    return {
        name: cast("SpeechProvider", provider)
        for name, provider in everyone.items()
        if Modality.SPEECH in provider.card.modalities
    }
