"""The composition root: the one room that knows every other."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from starlette.types import ASGIApp

from tts_node.access import Access
from tts_node.api import build_routes
from tts_node.domain import EngineConfig, ModelState, Outcome, Speech
from tts_node.engines import REGISTRY, EngineDescriptor
from tts_node.gate import Gate
from tts_node.heartbeat import Heartbeat
from tts_node.metrics import Metrics
from tts_node.node import Model, Node
from tts_node.process import ChildProcess, Launch
from tts_node.settings import Settings
from tts_node.slot import Slot
from tts_node.threads import Threads


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
    ) -> None:
        self.settings = settings
        self._metrics = Metrics(self._queue_depth)
        self._threads = Threads()
        relay = Relay(self._metrics, self)
        models = {
            name: Model(
                descriptor,
                descriptor.catalogue(),
                Slot(
                    descriptor,
                    settings.slot_limits,
                    launch,
                    relay,
                    config=EngineConfig(model=name, device=settings.device),
                    simulation=settings.simulate,
                ),
            )
            for name, descriptor in registry.items()
        }
        self.node = Node(models, settings.engine, on_change=self.refresh)
        self.heartbeat = Heartbeat(self.node.status, settings.listener_limit)
        routes = build_routes(self.node, settings, self._threads, relay, self.heartbeat, self._metrics.text)
        self.asgi: ASGIApp = Gate(
            routes,
            Access(settings.api_key, settings.allowed_hosts),
            self._metrics.refused,
        )
        self.refresh()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _exc: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.heartbeat.say_goodbye("closed")
        await self.node.close()
        self._threads.close()

    def refresh(self) -> None:
        """Tells metrics and listeners what the node is doing now."""
        for name, model in self.node.models.items():
            self._metrics.state_changed(name, self.node.state_of(model))
        self.heartbeat.notify()

    def leave(self, reason: str) -> None:
        """The beginning of a graceful end: nothing new, goodbye to the listeners."""
        self.node.drain()
        self.heartbeat.say_goodbye(reason)

    def _queue_depth(self) -> float:
        return float(sum(model.slot.turns.depth for model in self.node.models.values()))
