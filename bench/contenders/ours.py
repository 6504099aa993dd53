"""This working copy's router, as it ships: keys, metrics, probes and the log are on."""

import contextlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from bench import shipped
from bench.contenders.contender import Contender, Place, Recipe
from bench.contenders.interpreter import interpreter
from bench.contenders.start import started
from bench.servers import REPOSITORY
from router.api.admission import new_key
from router.drill.ports import free_port

NAME: Final = "router"
Providers = Mapping[str, Mapping[str, Any]]


def recipe(place: Place, providers: Providers | None = None, name: str = NAME) -> Recipe:
    """`providers`: the setting of that name; None: one machine, and a second that stands by, as in the house that
    it is made for.

    Raises CouldNotStart without its interpreter.
    """
    settings = {
        "providers": providers or _two(place.upstream_port),
        "clients": {
            "bench": shipped.client(place.key),
            "somebody-else": shipped.client(new_key()[0], role="admin"),
        },
    }
    return Recipe(
        name,
        shipped.command(place.directory, place.python),
        files={shipped.CONFIG: shipped.configuration(place.port, settings)},
        setup=f"this working copy: keys, metrics, probes, one log line per request; {interpreter(place.python)}",
        cwd=REPOSITORY,
    )


def _two(upstream_port: int) -> Providers:
    url = f"http://127.0.0.1:{upstream_port}/v1"
    return {
        "gaming-pc": {"kind": "openai", "url": url, "tier": 1},
        "fallback": {"kind": "openai", "url": url, "tier": 2},
        "demo": {"kind": "demo"},
    }


@contextlib.contextmanager
def router(
    directory: Path,
    core: int,
    upstream_port: int,
    key: str,
    providers: Providers | None = None,
    name: str = NAME,
    python: str = sys.executable,
) -> Iterator[Contender]:
    """The router alone, running on `core`, in a folder of its `name` in `directory`. `providers`: see `recipe`;
    `python`: see `Place`.

    Raises CouldNotStart.
    """
    place = Place(directory / name, free_port(), upstream_port, key, python)
    with started(recipe(place, providers, name), place, core) as contender:
        yield contender
