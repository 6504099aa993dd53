"""The composition root: the one room that knows every other."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from starlette.types import ASGIApp

from tts_node.api.access import Access
from tts_node.api.gate import Gate
from tts_node.api.heartbeat import Heartbeat
from tts_node.api.routes import build_routes
from tts_node.domain import ModelState, Outcome, Priority, Speech
from tts_node.engines import REGISTRY, EngineDescriptor
from tts_node.install.offer import make_offer
from tts_node.life.budget import Budget
from tts_node.life.estimate import Estimates, Ewma
from tts_node.life.load_times import LoadTimes
from tts_node.life.process import ChildProcess, Launch
from tts_node.life.slot import Slot
from tts_node.metrics import Metrics
from tts_node.node import Model, Node
from tts_node.settings import Settings
from tts_node.threads import Threads
from tts_node.voices.adoption import Adoption
from tts_node.voices.clip import Demand
from tts_node.voices.clip_process import ClipReader
from tts_node.voices.library import Bounds, Library
from tts_node.voices.shelf import Shelf


@dataclass
class Relay:
    """The slots' `Observer`: hands everything to the metrics, and a change of state to the listeners too."""

    metrics: Metrics
    app: "App"

    def spoken(self, model: str, speech: Speech) -> None:
        """An utterance is complete."""
        self.metrics.spoken(model, speech)

    def first_audio(self, model: str, waited_s: float) -> None:
        """A request has its first audio."""
        self.metrics.first_audio(model, waited_s)

    def answered(self, outcome: Outcome, duration_s: float) -> None:
        """A speech request is over."""
        self.metrics.answered(outcome, duration_s)

    def loaded(self, model: str, load_s: float) -> None:
        """A model came up."""
        self.metrics.loaded(model, load_s)
        self.app.remember_load(model, load_s)

    def load_failed(self, model: str) -> None:
        """A model did not come up."""
        self.metrics.load_failed(model)

    def evicted(self, model: str) -> None:
        """An idle model made room."""
        self.metrics.evicted(model)

    def retried(self, reason: str) -> None:
        """Something was spoken anew."""
        self.metrics.retried(reason)

    def child_lost(self, reason: str) -> None:
        """A child ended unwanted."""
        self.metrics.child_lost(reason)

    def state_changed(self, _model: str, _state: ModelState) -> None:
        """The node's own state may hide the model's: both are read anew."""
        self.app.refresh()


class App:
    """A node with everything around it. Enter it on the loop that serves it; leaving ends every child."""

    def __init__(
        self,
        settings: Settings,
        *,
        registry: Mapping[str, EngineDescriptor] = REGISTRY,
        launch: Launch = ChildProcess.spawn,
        is_adopting: bool = True,
    ) -> None:
        """`is_adopting`: recordings in the voices' folder become voices."""
        self.settings = settings
        self._metrics = Metrics(self._queue_depth, lambda: self.node.vram())
        self._load_times = LoadTimes(settings.cache_dir)
        budget = Budget(settings.memory_budget_mb)
        self._threads = Threads()
        relay = Relay(self._metrics, self)
        offer = make_offer(registry, settings.engine, settings.weights_dir)
        models = {
            name: Model(
                registry[name],
                registry[name].catalogue(),
                Slot(
                    registry[name],
                    settings.slot_limits,
                    launch,
                    relay,
                    config=settings.engine_config(registry[name]),
                    simulation=settings.simulate,
                    budget=budget,
                    estimates=Estimates(load_s=Ewma(self._load_times.of(name, settings.device))),
                ),
            )
            for name in offer.models
        }
        self.library = self._open_library([registry[name] for name in offer.models])
        self._adoption = Adoption(settings.voices_dir, self.library, self._threads)
        self._is_adopting = is_adopting
        self._watching: asyncio.Task[None] | None = None
        self.node = Node(
            models,
            offer.default,
            absent=offer.absent,
            library=self.library,
            dictionary=settings.dictionary,
            on_change=self.refresh,
        )
        self.heartbeat = Heartbeat(self.node.status, settings.listener_limit)
        routes = build_routes(
            self.node, self.library, settings, self._threads, relay, self.heartbeat, self._metrics.text
        )
        self.asgi: ASGIApp = Gate(
            routes,
            Access(settings.api_key, settings.allowed_hosts),
            self._metrics.refused,
        )
        self.refresh()

    async def __aenter__(self) -> Self:
        if self._is_adopting:
            self._watching = asyncio.create_task(self._adoption.watch(), name="watch over the voices' folder")
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _exc: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.heartbeat.say_goodbye("closed")
        if self._watching:
            self._watching.cancel()
            await asyncio.wait((self._watching,))
        await self.node.close()
        self._threads.close()

    def _open_library(self, descriptors: Sequence[EngineDescriptor]) -> Library:
        settings = self.settings
        catalogues = [descriptor.catalogue() for descriptor in descriptors]
        return Library(
            Shelf(settings.voices_dir),
            ClipReader(),
            self._threads,
            demand=Demand.of(descriptors),
            bounds=Bounds(settings.voices_limit, settings.voices_limit_mb << 20),
            reserved=frozenset(name.lower() for catalogue in catalogues for name in catalogue.names),
            cache=settings.cache_dir,
            on_change=lambda: self.refresh(),
        )

    def refresh(self) -> None:
        """Tells metrics and listeners what the node is doing now."""
        for name, model in self.node.models.items():
            self._metrics.state_changed(name, self.node.state_of(model))
        self.heartbeat.notify()

    def leave(self, reason: str) -> None:
        """The beginning of a graceful end: nothing new, goodbye to the listeners."""
        self.node.drain()
        self.heartbeat.say_goodbye(reason)

    def remember_load(self, model: str, load_s: float) -> None:
        """For the first ETA after the next start, of a model that takes long."""
        found = self.node.models.get(model)
        if found and found.descriptor.needs_weights and not self.settings.simulate.is_on:
            self._load_times.put(model, self.settings.device, load_s)

    def _queue_depth(self, priority: Priority) -> float:
        return float(sum(model.slot.turns.depth_of(priority) for model in self.node.models.values()))
