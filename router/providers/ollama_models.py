"""Which models an Ollama has, which of them are loaded, and how long each takes to load.

`/api/ps` lists a model while it still loads, so being listed does not mean being ready. Until its first answer is
done Ollama has no time at which it will unload the model and tells `now + keep_alive` instead: a moment that moves
from look to look. So a model is loading while that moment moves, unless an answer of it has begun here.
Pure bookkeeping; Ollama's docs/api.md and server/routes.go of 2026-08-21 (fb30760).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

import msgspec

from router.domain import Model, Traits
from router.health import ProviderState
from router.spellings import tagged

LISTED_EVERY_S: Final = 5.0  # a model that was pulled meanwhile is known then
LOADS_AT_MOST_S: Final = 300.0  # OLLAMA_LOAD_TIMEOUT; whose moment still moves is at its first answer
_NEWEST: Final = 0.5  # weight of the newest load in what the next is expected to take
_UP: Final = str(ProviderState.UP)
_COLD: Final = str(ProviderState.COLD)
_LOADING: Final = str(ProviderState.LOADING)


class _Details(msgspec.Struct):
    family: str = ""
    parameter_size: str = ""
    quantization_level: str = ""
    context_length: int | None = None


class Tag(msgspec.Struct):
    """One of `/api/tags`."""

    name: str
    remote_host: str | None = None
    modified_at: str = ""
    size: int = 0
    digest: str = ""
    details: _Details | None = None
    capabilities: list[str] | None = None

    def traits(self) -> Traits:
        """The same in words of the house."""
        details = self.details or _Details()
        return Traits(
            tuple(self.capabilities or ()),
            self.size,
            self.digest,
            self.modified_at,
            details.family,
            details.parameter_size,
            details.quantization_level,
            details.context_length,
        )


class Tags(msgspec.Struct):
    """`GET /api/tags`."""

    models: list[Tag] | None = None


class Loaded(msgspec.Struct):
    """One of `/api/ps`."""

    name: str
    expires_at: str = ""


class Running(msgspec.Struct):
    """`GET /api/ps`."""

    models: list[Loaded] | None = None

    def until(self) -> dict[str, str]:
        """When each will be unloaded, by its name."""
        return {tagged(each.name): each.expires_at for each in self.models or ()}


class OllamaModels:
    """Told what is seen; tells the models with their states. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._listed: dict[str, Model] = {}
        self._listed_at: float | None = None
        self._remote: frozenset[str] = frozenset()  # Ollama's cloud serves them: they are never loaded
        self._until: dict[str, str] | None = None  # as it was told last; None: nothing has been told yet
        self._since: dict[str, float] = {}  # when those that load were seen first
        self._load_s: dict[str, float] = {}

    def forget(self) -> None:
        """It is gone, and may come back as another."""
        self._listed_at = self._until = None
        self._since.clear()

    def must_list(self, running: Running, now: float) -> bool:
        """Whether the list is old, or lacks what runs."""
        if self._listed_at is None or not self._listed or now - self._listed_at >= LISTED_EVERY_S:
            return True  # who has no model yet pulls one, and wants to use it
        return any(name not in self._listed for name in running.until())

    def note_list(self, tags: Iterable[Tag], now: float) -> None:
        """It has these."""
        listed = [(tagged(tag.name), tag) for tag in tags]
        self._listed = {name: Model(name, traits=tag.traits()) for name, tag in listed}
        self._remote = frozenset(name for name, tag in listed if tag.remote_host)
        self._load_s = {name: took_s for name, took_s in self._load_s.items() if name in self._listed}
        self._listed_at = now

    def note_missing(self) -> None:
        """It says that it lacks a model that it has listed."""
        self._listed_at = None

    def note_running(self, running: Running, now: float) -> None:
        """These are loaded, or load."""
        before, self._until = self._until, running.until()
        if before is None:  # whatever is there was there before we looked
            return
        for name, until in self._until.items():
            if name not in before:
                self._since.setdefault(name, now)
            elif before[name] == until:
                self._since.pop(name, None)
        for name in self._since.keys() - self._until.keys():
            del self._since[name]

    def note_answer(self, name: str, took_s: float | None = None) -> None:
        """It has begun to answer, so it is loaded; `took_s`: since it was asked, when it was cold."""
        if self._until is not None:
            self._until.setdefault(name, "")
        self._since.pop(name, None)
        if took_s is not None and name in self._listed:
            known_s = self._load_s.get(name, took_s)
            self._load_s[name] = known_s + _NEWEST * (took_s - known_s)

    def is_cold(self, name: str) -> bool:
        """Neither loaded nor loading, as far as is known."""
        return self._until is not None and name not in self._until and name not in self._remote

    def usual(self) -> str | None:
        """The first that chats."""
        return next((name for name, model in self._listed.items() if model.traits.can_chat), None)

    def can_chat(self, name: str) -> bool:
        """Unless it is known to do other things only."""
        known = self._listed.get(name)
        return known is None or known.traits.can_chat

    def told(self, now: float) -> tuple[Model, ...]:
        """All of them as they are now."""
        until: Mapping[str, str] = self._until or {}
        return tuple(self._as_it_is(model, until, now) for model in self._listed.values())

    def _as_it_is(self, model: Model, until: Mapping[str, str], now: float) -> Model:
        name, load_s = model.id, self._load_s.get(model.id)
        if name in self._remote:
            return replace(model, state=_UP)
        if name not in until:
            return replace(model, state=_COLD, eta_s=load_s)
        loads_for_s = now - self._since[name] if name in self._since else LOADS_AT_MOST_S
        if loads_for_s < LOADS_AT_MOST_S:
            left_s = None if load_s is None else max(0.0, load_s - loads_for_s)
            return replace(model, state=_LOADING, eta_s=left_s)
        return replace(model, state=_UP, loaded_until=until[name] or None)
