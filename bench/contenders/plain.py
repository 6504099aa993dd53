"""A plain proxy, Litestar before httpx, as one writes it in an hour: bench/plain_proxy.py."""

import sys
from importlib.metadata import version

from bench.contenders.contender import REPOSITORY, Place, Recipe


def recipe(place: Place) -> Recipe:
    """With one pool of connections: the careful way."""
    return _recipe("plain", "one httpx.AsyncClient for all requests", place)


def seed_recipe(place: Place) -> Recipe:
    """With a client for each request: the way of the documents that the router grew from."""
    return _recipe("seed", "an httpx.AsyncClient for each request", place)


def _recipe(name: str, how: str, place: Place) -> Recipe:
    return Recipe(
        name,
        (sys.executable, "-m", "bench.plain_proxy", name, str(place.port), str(place.upstream_port)),
        is_slow=name == "seed",
        setup=f"Litestar {version('litestar')}, httpx {version('httpx')}: {how}, no log",
        cwd=REPOSITORY,
    )
