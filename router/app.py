"""The composition root: the one room that knows every other. Settings go in, a house comes out.

A *house* lives as long as the process: metrics, state, the entry. A *wing* is what one configuration made of it:
providers, their health, keys, routes. A reload builds a new wing beside the old one, looks at its providers once,
moves new requests over, and closes the old wing when the last of its requests has ended.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Final, cast

from router import loop_lag, providers
from router.api.admission import Door
from router.api.broadcasts import Broadcasts
from router.api.chat_aloud import ChatAloud
from router.api.chats import Chats
from router.api.cors import Cors
from router.api.elevenlabs import ElevenLabs
from router.api.hls import Hls
from router.api.hot import HotRoutes
from router.api.limiter import Limiter
from router.api.ollama import OllamaApi
from router.api.rest import rest_app
from router.api.speech_socket import SPEECH_SOCKETS
from router.api.speeches import Speeches
from router.api.telephone import Telephone
from router.api.transcriptions import Transcriptions
from router.api.uploads import Uploads
from router.api.voice_agent import VoiceAgent
from router.catalogue import Catalogue
from router.config import ConfigError, Settings
from router.domain import Modality
from router.entry import Entry, Rooms
from router.explain import Explained, explain
from router.forward import Forwarder
from router.heartbeats import Heartbeats
from router.metrics import Metrics
from router.observers import LogObserver, Mutable, Observers
from router.phrases import Phrases
from router.ports import ForwardProvider, Provider, SpeechProvider
from router.prewarming import Prewarmer
from router.probes import Probes
from router.providers.tts_node import TtsNode
from router.recital import Reciter
from router.recollection import Recollection
from router.relay import Relay
from router.roster import Roster
from router.speak import Speaker
from router.speech.cache import AudioCache
from router.speech.copies import Copies
from router.speech.encoders import Encoders
from router.speech.library import VoiceLibrary, default_folder
from router.speech.voices import VoiceBook
from router.state import LocalStore
from router.transcribing import Transcriber
from router.transport import TransportMaker, transport_to
from router.warming import Warmer
from router.wyoming_server import Studio, WyomingServer

_log = logging.getLogger(__name__)
RETIRE_WITHIN_S: Final = 3600.0  # a wing whose last stream will not end is closed all the same


class House:
    """A router that runs: its ASGI callable, what pages read, and what commands ask for.

    `load` reads the configuration anew; None where a reload makes no sense.
    """

    def __init__(
        self, settings: Settings, load: Callable[[], Settings] | None, transports: TransportMaker = transport_to
    ) -> None:
        self.clock = time.monotonic
        self.transports = transports
        self.metrics = Metrics()
        self.observer = Observers([self.metrics, LogObserver()])
        self.store = LocalStore(self.clock)
        self.instance = secrets.token_hex(4)
        self.drained: set[str] = set()  # outlives a reload, like the limiter's buckets
        self.limiter = Limiter(self.clock)
        self.encoders = Encoders()
        self.cache = AudioCache(settings.cache)  # so does what was spoken
        self.broadcasts = Broadcasts(self.clock)  # and what is on its way to players
        self._libraries: dict[Path, VoiceLibrary] = {}
        self._load = load
        self._is_draining = False
        self._retiring: set[asyncio.Task[None]] = set()
        self._reloading = asyncio.Lock()
        self._wing = Wing(settings, self)
        self.entry = Entry(self._wing.rooms, rest_app(self), self.observer, self.clock, SPEECH_SOCKETS)
        self.wyoming = WyomingServer(lambda: self._wing.studio)

    @property
    def settings(self) -> Settings:
        return self._wing.settings

    @property
    def roster(self) -> Roster:
        return self._wing.roster

    @property
    def catalogue(self) -> Catalogue:
        return self._wing.catalogue

    @property
    def voices(self) -> VoiceBook:
        return self._wing.voices

    @property
    def copies(self) -> Copies | None:
        return self._wing.copies

    @property
    def is_draining(self) -> bool:
        return self._is_draining

    def library_in(self, folder: Path) -> VoiceLibrary:
        """The one library of that folder, whichever configuration asks."""
        if folder not in self._libraries:
            self._libraries[folder] = VoiceLibrary(folder)
        return self._libraries[folder]

    def drain(self) -> None:
        """Say on /ready that this router takes nothing new."""
        self._is_draining = True

    def explain(self, model: str | None, voice: str | None) -> list[Explained]:
        """See `router.explain`."""
        policy = self.settings.speech.substitution
        return explain(self.catalogue, self.roster, self.voices, policy, model, voice)

    async def reload(self) -> list[str]:
        """Take up the configuration as it is now; what takes a restart to change is named.

        Raises ConfigError, upon which everything stays as it is.
        """
        if self._load is None:
            return []
        async with self._reloading:
            settings = await asyncio.to_thread(self._load)
            old, new = self._wing, Wing(settings, self)
            try:
                await new.open()
            except BaseException:
                await new.close()
                raise
            self._wing = new
            self.cache.reconfigure(settings.cache)
            self.entry.rooms = new.rooms
            old.observer.mute()
            self.observer.states_forgotten()
            new.roster.announce()
            self._retire(old)
            new.phrases.start()
            new.prewarmer.start()
            await self.wyoming.open(settings.wyoming)
            _log.info("configuration reloaded", extra={"fields": {"providers": len(self.roster.cards)}})
            fixed = ("host", "port", "log_format", "log_level", "shutdown_grace_s")
            before, after = old.settings.server, settings.server
            return [f"server.{name}" for name in fixed if getattr(before, name) != getattr(after, name)]

    async def reload_or_log(self) -> None:
        """For SIGHUP: a bad file is told in the log."""
        try:
            pending = await self.reload()
        except ConfigError as error:
            _log.error("configuration not reloaded: %s", "; ".join(map(str, error.faults)))
        else:
            if pending:
                _log.warning("these changes take a restart: %s", ", ".join(pending))

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator["House"]:
        """Look at every provider once, then watch them until the block ends."""
        lag = asyncio.get_running_loop().create_task(loop_lag.watch(self.observer), name="event loop lag")
        try:
            await self._wing.open()
            if self._load is not None:  # else somebody only looks, and nobody is to speak for that
                self._wing.phrases.start()
                self._wing.prewarmer.start()
                await self.wyoming.open(self.settings.wyoming)
            yield self
        finally:
            await self.wyoming.aclose()
            lag.cancel()
            await asyncio.gather(lag, return_exceptions=True)
            for task in tuple(self._retiring):
                task.cancel()
            await self.broadcasts.aclose()
            await asyncio.gather(*self._retiring, return_exceptions=True)
            await self._wing.close()
            await self.cache.aclose()

    def _retire(self, wing: "Wing") -> None:
        task = asyncio.get_running_loop().create_task(wing.retire(), name="retire old configuration")
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)


class Wing:
    """Everything that one configuration made."""

    def __init__(self, settings: Settings, house: House) -> None:
        clock = house.clock
        self.observer = observer = Mutable(house.observer)
        self.settings = settings
        self._providers = providers.build(settings, clock, house.transports)
        cards = {name: provider.card for name, provider in self._providers.items()}
        self.roster = Roster(
            cards, observer, clock, drained=house.drained, on_probe=lambda name: self.copies.sweep(name)
        )
        self.catalogue = Catalogue(cards, settings.models, settings.speech, self.roster, settings.transcription)
        library = house.library_in(_folder(settings.speech.voices_dir))
        self.voices = VoiceBook(settings.voices, self.roster, library)
        self.copies = Copies(
            library,
            {name: p.voices for name, p in self._providers.items() if isinstance(p, TtsNode)},
            is_live=lambda name: self.roster.standing(name).is_available,
            cloners=lambda name: [model.id for model in self.roster.models_of(name).values() if model.clones],
            reported=lambda name: [voice.id for voice in self.roster.voices_of(name)],
        )
        self._warmer = Warmer(self._providers)
        relay = Relay(
            _that_speak(self._providers),
            self.roster,
            observer,
            clock,
            voices=self.voices,
            warmer=self._warmer,
            copies=self.copies,
        )
        self.speaker = Speaker(
            relay,
            Recollection(house.cache, cards, self.roster, self.voices),
            self.roster,
            clock,
            settings=settings.speech,
            voices=self.voices,
            encoders=house.encoders,
        )
        phrases = settings.cache.phrases if settings.cache.enabled else []
        self.phrases = Phrases(phrases, self.speaker, self.catalogue, self.roster, clock)
        names = [None, *(name for name, model in settings.models.items() if model.serves is Modality.SPEECH)]
        self.prewarmer = Prewarmer(
            cards,
            lambda: [self.catalogue.resolve(Modality.SPEECH, name) for name in names],
            self.roster,
            self._warmer,
            clock,
        )
        door = Door(settings, house.instance)
        forwarder = Forwarder(_that_forward(self._providers), self.roster, house.observer, clock, self._warmer)
        reciter = Reciter(
            forwarder,
            self.speaker,
            cards,
            observer,
            clock,
            max_chars=settings.speech.max_input_chars,
            quick_width=settings.speech.quick_chars,
        )
        transcriber = Transcriber(self.catalogue, forwarder, observer, clock, door.via)
        aloud = ChatAloud(self.catalogue, forwarder, reciter, transcriber, house.store, clock, settings.speech)
        speeches = Speeches(
            self.catalogue,
            self.speaker,
            house.store,
            clock,
            settings.speech.max_input_chars,
            settings.server.log_text,
        )
        hot = HotRoutes.of(
            [
                Chats(self.catalogue, forwarder, house.store, aloud),
                speeches,
                Hls(speeches, house.broadcasts, lambda: self.rooms, observer, settings.speech.ahead_s),
                VoiceAgent(speeches),
                ElevenLabs(
                    speeches, self.voices, list(_that_speak(self._providers)), settings.speech.substitution
                ),
                Transcriptions(self.catalogue, forwarder, Uploads(settings.transcription), clock),
                Telephone(aloud, self.roster, settings.telephone),
                OllamaApi(self.catalogue, forwarder, self.roster, self._warmer, clock),
            ],
            door.via,
            int(settings.server.max_body_mb * 2**20),
        )
        self.rooms = Rooms(door, Cors(settings.server.cors_origins), house.limiter, hot)
        self.studio = Studio(
            self.catalogue,
            self.speaker,
            self.roster,
            self.voices,
            observer,
            clock,
            self.rooms,
            settings.wyoming,
            settings.speech,
            settings.server.log_text,
        )
        self._stack = contextlib.AsyncExitStack()

    async def open(self) -> None:
        """Look at every provider once, get ready to speak, and begin to watch."""
        probes = Probes(self._providers, self.roster)
        await asyncio.gather(probes.look_once(), self.speaker.open())
        await self._stack.enter_async_context(probes.running())
        nodes = {n: p for n, p in self._providers.items() if isinstance(p, TtsNode) and p.has_heartbeat}
        await self._stack.enter_async_context(Heartbeats(nodes, self.roster).running())

    async def close(self) -> None:
        """Stop watching and close every connection."""
        await self.prewarmer.aclose()
        await self.phrases.aclose()
        await self._stack.aclose()
        await self.speaker.aclose()
        await self._warmer.aclose()
        await self.copies.aclose()
        await asyncio.gather(*(provider.aclose() for provider in self._providers.values()))

    async def retire(self) -> None:
        """Close when the last request inside has ended."""
        try:
            await self.prewarmer.aclose()
            await self.phrases.aclose()
            async with asyncio.timeout(RETIRE_WITHIN_S):
                await self.rooms.until_empty()
        except TimeoutError:
            _log.warning("requests of the configuration before the last reload are cut: they would not end")
        finally:
            await self.close()


@contextlib.asynccontextmanager
async def open_house(
    settings: Settings, load: Callable[[], Settings] | None = None, transports: TransportMaker = transport_to
) -> AsyncIterator[House]:
    """A house whose providers have been looked at once and are watched until the block ends."""
    async with House(settings, load, transports).open() as house:
        yield house


def _folder(configured: str) -> Path:
    return Path(configured).expanduser() if configured else default_folder()


def _that_forward(everyone: Mapping[str, Provider]) -> dict[str, ForwardProvider]:
    return {
        name: cast("ForwardProvider", provider)
        for name, provider in everyone.items()
        if provider.card.modalities & {Modality.CHAT, Modality.TRANSCRIPTION}
    }


def _that_speak(everyone: Mapping[str, Provider]) -> dict[str, SpeechProvider]:
    return {
        name: cast("SpeechProvider", provider)
        for name, provider in everyone.items()
        if Modality.SPEECH in provider.card.modalities
    }
