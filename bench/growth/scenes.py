"""How each dimension is measured: what the routers are configured with, what is prepared, and what is asked."""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final

from bench.growth import questions
from bench.growth.asking import NotAnswered, ask
from bench.growth.house import Site
from bench.samples import SampleFailed
from bench.servers import Server
from bench.shipped import complaints
from bench.streams import held


@dataclass(frozen=True, slots=True)
class Question:
    """One dimension that is asked for: the requests of a sample at a size, other ones at each call where they must
    not be known already."""

    dimension: str
    ask: Callable[[Site, int], list[bytes]]
    connections: int = 16
    status: int = 200


def _as_it_is(*_: object) -> AbstractAsyncContextManager[None]:
    """Nothing to prepare."""
    return contextlib.nullcontext()


@dataclass(frozen=True, slots=True)
class Scene:
    """Routers, one for each size unless it `is_shared`, and what is asked of them.

    `rest`, `memory`: the dimensions of what a router uses while nothing is asked, and of what `stage` adds to its
    memory; `start`: of CPU and time until it accepts connections, for which it is started anew in each round."""

    name: str
    sizes: tuple[int, ...]
    settings: Callable[[Site, int], Mapping[str, Any]]
    questions: tuple[Question, ...] = ()
    stage: Callable[[Site, Server, int], AbstractAsyncContextManager[None]] = _as_it_is
    keys: Callable[[int], int] = lambda _: 2
    is_shared: bool = False
    rest: str | None = None
    memory: str | None = None
    start: tuple[str, str] | None = None

    @property
    def dimensions(self) -> tuple[str, ...]:
        """All that it measures."""
        more = (self.rest, self.memory, *(self.start or ()))
        return (*(each.dimension for each in self.questions), *filter(None, more))


# settings


def _models(site: Site, per_provider: int) -> dict[str, Any]:
    """Two machines that have the same models, the second standing by."""
    return {"providers": {f"machine-{n}": _machine(site, n, "duo", per_provider, n + 1) for n in range(2)}}


def _providers(site: Site, count: int, models: int = 1) -> dict[str, Any]:
    """Many, the first two with the same models, as preferred as each other."""
    owners = ["duo", "duo", *(f"own{n}" for n in range(2, count))]
    return {"providers": {f"machine-{n}": _machine(site, n, owners[n], models, 1) for n in range(count)}}


def _machine(site: Site, number: int, owner: str, models: int, tier: int) -> dict[str, Any]:
    return {"kind": "openai", "url": site.model_url(number, owner, models), "tier": tier}


def _two(site: Site, _: int) -> dict[str, Any]:
    return _models(site, 10)


def _speaking(site: Site, _: int) -> dict[str, Any]:
    """As much ahead of the listener as there is, so that nothing waits for a clock."""
    return {
        "providers": {"node": {"kind": "tts-node", "url": site.node_url}},
        "speech": {"max_input_chars": 1_000_000, "ahead_s": 86_400},
    }


def _caching(memory_mb: int) -> Callable[[Site, int], dict[str, Any]]:
    return lambda site, size: _speaking(site, size) | {"cache": {"memory_mb": memory_mb, "disk_mb": 1024}}


# stages


@contextlib.asynccontextmanager
async def _filled(site: Site, router: Server, mebibytes: int) -> AsyncIterator[None]:
    await ask(router.port, [questions.speech(site, text) for text in questions.hit_texts(mebibytes)], 4)
    yield


@contextlib.asynccontextmanager
async def _streams(site: Site, router: Server, count: int) -> AsyncIterator[None]:
    try:
        async with held(router.port, questions.chat(site, shape="held", stream=True), count, lambda _: None):
            yield
    except SampleFailed as error:
        raise NotAnswered(f"{error}\nThe router's log: {complaints(router.log)}") from error


SCENES: Final = (
    Scene(
        "providers",
        (2, 10, 50, 200),
        _providers,
        (Question("providers", questions.chats), Question("candidates", questions.chats_everywhere)),
        rest="providers-rest",
    ),
    Scene(
        "models",
        (10, 100, 1000, 4000),
        _models,
        (
            Question("models", questions.chats_with_all_models),
            Question("models-listed", questions.lists, 1),
            Question("models-unknown", questions.unknown, 1, 404),
        ),
        rest="models-rest",
    ),
    Scene(
        "clients",
        (1, 10, 100, 1000),
        _two,
        (Question("clients", questions.chats_with_all_keys),),
        keys=lambda n: n,
    ),
    Scene("cached", (1, 8, 64, 256), _caching(512), (Question("cached", questions.hits, 4),), _filled),
    Scene("cached-disk", (1, 8, 64, 256), _caching(0), (Question("cached-disk", questions.hits, 4),), _filled),
    Scene(
        "streams",
        (10, 100, 500, 1000),
        _two,
        (Question("streams", questions.chats),),
        _streams,
        memory="streams-memory",
    ),
    Scene(
        "text", (200, 2000, 20_000, 200_000), _speaking, (Question("text", questions.texts, 1),), is_shared=True
    ),
    Scene("prompt", (1, 10, 100, 1000), _two, (Question("prompt", questions.prompts, 4),), is_shared=True),
    Scene("events", (10, 100, 1000, 10_000), _two, (Question("events", questions.answers, 8),), is_shared=True),
    Scene("start", (2, 10, 50, 200), lambda s, n: _providers(s, n, 500), start=("start-cpu", "start-time")),
)
