"""A plain proxy, Litestar before httpx, as one writes it in an hour: bench/plain_proxy.py."""

from bench.contenders.contender import Place, Recipe
from bench.contenders.interpreter import interpreter
from bench.servers import REPOSITORY


def recipe(place: Place) -> Recipe:
    """With one pool of connections: the careful way. Raises CouldNotStart without its interpreter."""
    return _recipe("plain", "one httpx.AsyncClient for all requests", place)


def seed_recipe(place: Place) -> Recipe:
    """With a client for each request: the way of the documents that the router grew from."""
    return _recipe("seed", "an httpx.AsyncClient for each request", place)


def _recipe(name: str, how: str, place: Place) -> Recipe:
    python = interpreter(place.python)
    versions = f"Litestar {python.versions['litestar']}, httpx {python.versions['httpx']}"
    return Recipe(
        name,
        (place.python, "-m", "bench.plain_proxy", name, str(place.port), str(place.upstream_port)),
        is_slow=name == "seed",
        has_few_cases=True,
        setup=f"{versions}: {how}, no log; {python}",
        cwd=REPOSITORY,
    )
