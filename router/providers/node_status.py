"""What a tts-node says of itself, on /health and in each event of /events."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from router.domain import Model
from router.errors import Malformed
from router.health import HostSign, ProviderSign
from router.ports import Beat, Probe
from router.providers.origin import decoded

BEAT: Final = "beat"
GOODBYE: Final = "goodbye"
_SIGNS: Final[Mapping[str, ProviderSign]] = {
    "up": ProviderSign.READY,
    "cold": ProviderSign.COLD,
    "loading": ProviderSign.LOADING,
    "yielded": ProviderSign.YIELDED,
    "draining": ProviderSign.DRAINING,
}


class _Queue(msgspec.Struct):
    depth: int = 0
    busy: bool = False
    eta_s: float | None = None


class _ModelStatus(msgspec.Struct):
    state: str
    queue: _Queue = msgspec.field(default_factory=_Queue)
    eta_s: float | None = None
    rtf: float | None = None


class NodeStatus(msgspec.Struct):
    """The node at one moment; an older one says nothing under `models`. `type` and `reason` are an event's."""

    state: str
    voices_revision: str = ""
    eta_s: float | None = None
    queue: _Queue = msgspec.field(default_factory=_Queue)
    models: dict[str, _ModelStatus] = {}
    type: str = BEAT
    reason: str | None = None

    @classmethod
    def of(cls, body: bytes, what: str) -> "NodeStatus":
        """Raises Malformed naming `what`."""
        status = decoded(body, cls, what)
        if status.state not in _SIGNS:
            raise Malformed(f"{what} says {status.state!r}, which is no state of a tts-node")
        return status

    def probe(self, listed: Sequence[Model]) -> Probe:
        """What it shows; `listed` are the models as the node listed them last."""
        queues = [model.queue for model in self.models.values()] or [self.queue]
        queued = sum(queue.depth + queue.busy for queue in queues)
        models = tuple(self._model(model) for model in listed) if self.models and listed else None
        return Probe(
            HostSign.ANSWERED,
            _SIGNS[self.state],
            models=models,
            eta_s=self.eta_s,
            queued=queued,
            tells_models=models is not None,
        )

    def beat(self, listed: Sequence[Model], *, is_news: bool) -> Beat:
        """The same as an event; a goodbye means that it takes nothing new, whatever its state."""
        probe = self.probe(listed)
        if self.type != GOODBYE:
            return Beat(probe, is_news=is_news)
        detail = f"says goodbye: {(self.reason or 'no reason given')[:100]}"
        return Beat(
            Probe(HostSign.ANSWERED, ProviderSign.DRAINING, detail, probe.models, tells_models=probe.tells_models),
            is_goodbye=True,
        )

    def _model(self, model: Model) -> Model:
        told = self.models.get(model.id)
        if told is None:
            return model
        return Model(model.id, told.state, model.clones, told.eta_s, told.rtf, told.queue.eta_s)
