"""The node: its models, whether it serves at all, and what a request resolves to. No HTTP in here."""

import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType

from tts_node import __version__
from tts_node.domain import Job, Memory, ModelState, Piece, Priority, SpeechRequest, Voice
from tts_node.engines import DEFAULT_MODEL_NAMES, REGISTRY, EngineDescriptor
from tts_node.errors import NotFound, Unavailable
from tts_node.life.slot import Slot
from tts_node.life.utterance import Utterance
from tts_node.options import options_for
from tts_node.status import ModelStatus, Queue, Status
from tts_node.text import NO_DICTIONARY, Dictionary, script_of
from tts_node.voices.casting import cast
from tts_node.voices.catalogue import Catalogue, close_matches
from tts_node.voices.library import Library

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
    ignored: tuple[str, ...] = ()  # fields of the request that this engine has no use for
    text: tuple[Piece, ...] | None = None  # None: not yet made speakable, the job's own


class Node:
    """Decides who is served. Owned by one event loop."""

    def __init__(
        self,
        models: Mapping[str, Model],
        default_model: str,
        *,
        absent: Mapping[str, str] = MappingProxyType({}),  # known models that do not serve here, and why
        library: Library | None = None,
        dictionary: Dictionary = NO_DICTIONARY,
        on_change: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.models = models
        self._library = library
        self._dictionary = dictionary
        self._registry = {**REGISTRY, **{name: model.descriptor for name, model in models.items()}}
        self._absent = absent
        self._default = models[default_model]
        self._on_change = on_change
        self._clock = clock
        self._started_s = clock()
        self._is_yielded = False
        self._is_draining = False
        self._own_voices_revision = "-".join(model.catalogue.revision for model in models.values())

    @property
    def default_model(self) -> str:
        """What a missing name means."""
        return self._default.descriptor.id

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
        models = {name: self._status_of(model) for name, model in self.models.items()}
        default = self._status_of(self._default)
        return Status(
            state=default.state,
            engine=self._default.slot.model,
            engines=list(self.models),
            queue=default.queue,
            eta_s=default.eta_s,
            rtf=default.rtf,
            voices_revision=self.voices_revision,
            version=__version__,
            uptime_s=round(self._clock() - self._started_s, 3),
            vram=self.vram(),
            models=models,
        )

    @property
    def voices_revision(self) -> str:
        """Changes when the list of voices does."""
        own = self._own_voices_revision
        return f"{own}-{self._library.revision}" if self._library else own

    def vram(self) -> Memory | None:
        """The device as the child that spoke last saw it, and what all children use of it."""
        known = [model.slot.resident for model in self.models.values() if model.slot.resident.memory]
        if not known:
            return None
        newest = max(known, key=lambda resident: resident.last_used_s).memory
        assert newest
        used_bytes = sum(resident.memory.used_bytes for resident in known if resident.memory)
        return Memory(used_bytes, newest.free_bytes, newest.total_bytes)

    def model(self, name: str | None) -> Model:
        """The model a client means by that name. Raises NotFound with close matches."""
        wanted = (name or "").strip()
        if wanted.lower() in DEFAULT_MODEL_NAMES:
            return self._default
        if found := self.models.get(wanted.lower()):
            return found
        if reason := self._absent.get(wanted.lower()):
            raise NotFound(reason, param="model", code="model_not_installed")
        raise NotFound(
            f"There is no model {name!r}. {close_matches(wanted, self.models)} GET /v1/models lists all.",
            param="model",
            code="model_not_found",
        )

    def order(self, request: SpeechRequest) -> Order:
        """Resolves names. Raises NotFound or BadRequest; needs no child."""
        model = self.model(request.model)
        part = cast(request.voice, request.language, model.descriptor, model.catalogue, self._library)
        options, ignored = options_for(model.descriptor, self._registry, request)
        job = Job(
            id=model.slot.next_job_id(),
            text=request.text,
            voice=part.voice.id,
            language=part.language,
            speed=request.speed,
            seed=_seed(request, model.descriptor),
            instructions=request.instructions,
            clip=part.clip,
            options=options,
        )
        return Order(request, model, part.voice, job, ignored=ignored)

    def scripted(self, order: Order) -> Order:
        """The order with its text made speakable and cut. Pure, and milliseconds of work: for a thread."""
        request, descriptor = order.request, order.model.descriptor
        language = order.job.language or order.voice.language
        text = script_of(request.text, language, descriptor, self._dictionary, is_segment=request.is_segment)
        return replace(order, text=text)

    @asynccontextmanager
    async def speaking(self, order: Order) -> AsyncIterator[Utterance]:
        """Speaks the order, unless the node does not serve (Unavailable) or is full (Busy)."""
        self.check_serving()
        async with order.model.slot.speaking(order.job, order.text, order.request.priority) as utterance:
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
            model.slot.send_away(_yielded())
        self._on_change()
        return self.unload()

    def resume(self) -> ModelState:
        """Serves again; what still speaks stays, the rest loads with the next request."""
        self._is_yielded = False
        for model in self.models.values():
            model.slot.stay()
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
            model.slot.turns.evict(draining())
        for model in self.models.values():
            await model.slot.close()

    def _status_of(self, model: Model) -> ModelStatus:
        slot, resident, turns = model.slot, model.slot.resident, model.slot.turns
        eta_s = turns.eta_s(Priority.INTERACTIVE)
        return ModelStatus(
            state=self.state_of(model),
            queue=Queue(turns.depth, turns.limit, turns.is_busy, turns.depth_of(Priority.BATCH), eta_s),
            eta_s=resident.load_eta_s,
            rtf=slot.estimates.rtf.value,
            memory=resident.memory,
            error=resident.backoff.reason,
            retry_in_s=round(resident.retry_in_s, 1),
        )


def _seed(request: SpeechRequest, descriptor: EngineDescriptor) -> int | None:
    """One for all pieces of a text, so that they sound like one speaker in one mood."""
    return secrets.randbits(63) if request.seed is None and descriptor.varies else request.seed


def _yielded() -> Unavailable:
    return Unavailable(
        "This node has yielded its device to somebody else. POST /resume takes it back.",
        code="yielded",
        retry_after_s=_YIELDED_RETRY_S,
    )


def draining() -> Unavailable:
    """What a request is told at the node's end."""
    return Unavailable("This node is shutting down.", code="draining", retry_after_s=_DRAINING_RETRY_S)
