"""The node: its models, whether it serves at all, and what a request resolves to. No HTTP in here."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tts_node import __version__
from tts_node.domain import Job, ModelState, SpeechRequest, Voice
from tts_node.engines import DEFAULT_MODEL_NAMES, EngineDescriptor
from tts_node.errors import NotFound, Unavailable
from tts_node.slot import Slot
from tts_node.status import Queue, Status
from tts_node.utterance import Utterance
from tts_node.voices import Catalogue, close_matches

_YIELDED_RETRY_S = 30
_DRAINING_RETRY_S = 5


@dataclass(frozen=True, slots=True)
class Model:
    """One engine with everything that belongs to it."""

    descriptor: EngineDescriptor
    catalogue: Catalogue
    slot: Slot


@dataclass(frozen=True, slots=True)
class Order:
    """A request resolved: who speaks what."""

    request: SpeechRequest
    model: Model
    voice: Voice
    job: Job


class Node:
    """Decides who is served. Owned by one event loop."""

    def __init__(
        self,
        models: Mapping[str, Model],
        default_model: str,
        *,
        on_change: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.models = models
        self._default = models[default_model]
        self._on_change = on_change
        self._clock = clock
        self._started_s = clock()
        self._is_yielded = False
        self._is_draining = False
        self._voices_revision = "-".join(model.catalogue.revision for model in models.values())

    @property
    def state(self) -> ModelState:
        """The default model's, unless the node as a whole does not serve."""
        return self.state_of(self._default)

    def state_of(self, model: Model) -> ModelState:
        """One model's, likewise."""
        if self._is_draining:
            return ModelState.DRAINING
        return ModelState.YIELDED if self._is_yielded else model.slot.state

    def status(self) -> Status:
        """For /health and /events: reads variables, waits for nothing."""
        slot = self._default.slot
        return Status(
            state=self.state,
            engine=slot.model,
            engines=list(self.models),
            queue=Queue(slot.turns.depth, slot.turns.limit, slot.turns.is_busy),
            eta_s=slot.load_eta_s,
            rtf=slot.estimates.rtf.value,
            voices_revision=self._voices_revision,
            version=__version__,
            uptime_s=round(self._clock() - self._started_s, 3),
        )

    def model(self, name: str | None) -> Model:
        """The model a client means by that name. Raises NotFound with close matches."""
        wanted = (name or "").strip()
        if wanted.lower() in DEFAULT_MODEL_NAMES:
            return self._default
        if found := self.models.get(wanted.lower()):
            return found
        raise NotFound(
            f"There is no model {name!r}. {close_matches(wanted, self.models)} GET /v1/models lists all.",
            param="model",
            code="model_not_found",
        )

    def order(self, request: SpeechRequest) -> Order:
        """Resolves names. Raises NotFound or BadRequest; needs no child."""
        model = self.model(request.model)
        voice = model.catalogue.voice(request.voice)
        job = Job(
            id=model.slot.next_job_id(),
            text=request.text,
            voice=voice.id,
            language=model.catalogue.language(request.language),
            speed=request.speed,
            seed=request.seed,
            instructions=request.instructions,
        )
        return Order(request, model, voice, job)

    @asynccontextmanager
    async def speaking(self, order: Order) -> AsyncIterator[Utterance]:
        """Speaks the order, unless the node does not serve (Unavailable) or is full (Busy)."""
        self.check_serving()
        async with order.model.slot.speaking(order.job) as utterance:
            yield utterance

    def check_serving(self) -> None:
        """Raises Unavailable while yielded or draining."""
        if self._is_draining:
            raise draining()
        if self._is_yielded:
            raise _yielded()

    def warm(self, name: str | None = None) -> ModelState:
        """Begins to load; says how far it is."""
        self.check_serving()
        model = self.model(name)
        model.slot.warm()
        return ModelState.UP if model.slot.state is ModelState.UP else ModelState.LOADING

    def unload(self) -> bool:
        """Ends every child that nobody uses, the others when their lease ends; says whether all are ended."""
        ended = [model.slot.unload() for model in self.models.values()]
        return all(ended)

    async def gone(self) -> None:
        """Returns when the processes of ended children are gone."""
        for model in self.models.values():
            await model.slot.gone()

    def make_room(self) -> bool:
        """Yield: nothing new, those who wait are sent away, what is being spoken ends, then the memory is free."""
        self._is_yielded = True
        for model in self.models.values():
            model.slot.turns.evict(_yielded())
        self._on_change()
        return self.unload()

    def resume(self) -> ModelState:
        """Serves again; loads with the next request."""
        self._is_yielded = False
        self._on_change()
        return self.state

    def drain(self) -> None:
        """Nothing new from now on; what was accepted goes on."""
        self._is_draining = True
        self._on_change()

    async def close(self) -> None:
        """Ends every child, whatever it does."""
        self.drain()
        for model in self.models.values():
            await model.slot.close()


def _yielded() -> Unavailable:
    return Unavailable(
        "This node has yielded its device to somebody else. POST /resume takes it back.",
        code="yielded",
        retry_after_s=_YIELDED_RETRY_S,
    )


def draining() -> Unavailable:
    """What a request is told at the node's end."""
    return Unavailable("This node is shutting down.", code="draining", retry_after_s=_DRAINING_RETRY_S)
