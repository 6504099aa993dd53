"""What a tts-node says of itself, on /health and in each event of /events.

Figures are taken only where they can be true: one that cannot be a number of seconds is as if it was not said. It
must neither break what is computed from it nor make a node that speaks well enough unusable.
"""

import json
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


_Figure = int | float | None  # as it was said, see `_sane`
_MAX_DEPTH: Final = 10_000
_MAX_WAIT_S: Final = 86_400.0
_MAX_RTF: Final = 1_000.0
_MAX_UPTIME_S: Final = 1e9


class _Queue(msgspec.Struct):
    depth: _Figure = 0
    busy: bool = False
    eta_s: _Figure = None

    @property
    def length(self) -> int:
        return int(_sane(self.depth, _MAX_DEPTH) or 0) + self.busy


class _ModelStatus(msgspec.Struct):
    state: str
    queue: _Queue = msgspec.field(default_factory=_Queue)
    eta_s: _Figure = None
    rtf: _Figure = None


class NodeStatus(msgspec.Struct):
    """The node at one moment; an older one says nothing under `models`. `type` and `reason` are an event's."""

    state: str
    voices_revision: str = ""
    eta_s: _Figure = None
    uptime_s: _Figure = None
    queue: _Queue = msgspec.field(default_factory=_Queue)
    models: dict[str, _ModelStatus] = {}
    type: str = BEAT
    reason: str | None = None

    @classmethod
    def of(cls, body: bytes, what: str) -> "NodeStatus":
        """Raises Malformed naming `what`."""
        try:
            status = decoded(body, cls, what)
        except Malformed:
            lenient = _decoded_leniently(body, cls)
            if lenient is None:
                raise
            status = lenient
        if status.state not in _SIGNS:
            raise Malformed(f"{what} says {status.state!r}, which is no state of a tts-node")
        return status

    def began_at(self, now: float) -> float | None:
        """When its process began, by the clock that says `now`; None when it does not tell."""
        uptime_s = _sane(self.uptime_s, _MAX_UPTIME_S)
        return now - uptime_s if uptime_s is not None else None

    def probe(self, listed: Sequence[Model]) -> Probe:
        """What it shows; `listed` are the models as the node listed them last."""
        queues = [model.queue for model in self.models.values()] or [self.queue]
        queued = sum(queue.length for queue in queues)
        models = tuple(self._model(model) for model in listed) if self.models and listed else None
        return Probe(
            HostSign.ANSWERED,
            _SIGNS[self.state],
            models=models,
            eta_s=_sane(self.eta_s, _MAX_WAIT_S),
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
        return Model(
            model.id,
            told.state,
            model.clones,
            eta_s=_sane(told.eta_s, _MAX_WAIT_S),
            rtf=_sane(told.rtf, _MAX_RTF),
            wait_s=_sane(told.queue.eta_s, _MAX_WAIT_S),
        )


def _sane(figure: _Figure, most: float) -> float | None:
    return figure if figure is not None and 0 <= figure <= most else None  # no comparison holds for NaN


def _decoded_leniently(body: bytes, kind: type[NodeStatus]) -> NodeStatus | None:
    """With numbers that JSON or a float cannot hold: NaN, 1e999, thousands of digits. None when that is not what
    is wrong."""
    try:
        said = json.loads(body, parse_int=float, parse_constant=lambda _: None)
        return msgspec.convert(said, kind)
    except (ValueError, RecursionError):  # msgspec's and Unicode's errors are ValueErrors too
        return None
