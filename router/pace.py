"""How long things take at one provider: by its own word, and as measured here. Pure bookkeeping."""

from collections.abc import Mapping
from typing import Final

from router.domain import Model

_SERVICE_WEIGHT: Final = 0.2  # of the newest measurement in the moving average
_RTF_WEIGHT: Final = 0.3
_MAX_MODELS: Final = 256  # a client may name any model of a provider; the oldest is forgotten
_SLOWEST_RTF: Final = 1_000.0  # nobody is; a provider may say so
_SHORTEST_S: Final = 0.2  # shorter audio tells of the overhead, not of the rate


class Pace:
    """`service_s`: how long a request takes, whatever it asks; None before the first."""

    def __init__(self) -> None:
        self.service_s: float | None = None
        self._rtfs: dict[str, float] = {}
        self._told: dict[str, float] = {}

    def learn(self, service_s: float) -> None:
        """A request took so long."""
        known = self.service_s
        self.service_s = service_s if known is None else known + _SERVICE_WEIGHT * (service_s - known)

    def learn_rate(self, model: str, audio_s: float, generation_s: float) -> None:
        """So much audio took so long."""
        if audio_s < _SHORTEST_S or not 0 <= generation_s <= _SLOWEST_RTF * audio_s:
            return
        measured = generation_s / audio_s
        known = self._rtfs.get(model)
        self._keep(model, measured if known is None else known + _RTF_WEIGHT * (measured - known))

    def hear(self, models: Mapping[str, Model]) -> None:
        """What the provider says of itself counts when it says something new: the newest is believed, whoever
        measured it."""
        for name, model in models.items():
            if model.rtf is not None and model.rtf != self._told.get(name):
                self._told[name] = model.rtf
                self._keep(name, model.rtf)
        if len(self._told) > _MAX_MODELS:
            self._told.clear()

    def rtf(self, model: str | None) -> float | None:
        """The model's real-time factor: generation time ÷ audio duration; None while unknown."""
        return self._rtfs.get(model) if model is not None else None

    def _keep(self, model: str, rtf: float) -> None:
        self._rtfs[model] = rtf
        if len(self._rtfs) > _MAX_MODELS:
            del self._rtfs[next(iter(self._rtfs))]
