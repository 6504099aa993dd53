"""sglang-router (Rust): before one worker, as its launcher ships, with less log."""

from typing import Final

from bench.contenders.contender import Place, Recipe
from bench.contenders.installed import environment, version_of
from router.drill.ports import free_port

ENVIRONMENT: Final = ".venv-bench-sglang"


def recipe(place: Place) -> Recipe:
    """Raises CouldNotStart when it is not installed."""
    folder = environment(ENVIRONMENT)
    return Recipe(
        "sglang-router",
        (
            *(str(folder / "bin" / "sglang-router"), "launch"),
            *("--host", "127.0.0.1", "--port", str(place.port)),
            *("--worker-urls", f"http://127.0.0.1:{place.upstream_port}"),
            *("--worker-startup-check-interval", "1"),
            *("--prometheus-host", "127.0.0.1", "--prometheus-port", str(free_port())),
            *("--log-level", "warn"),
        ),
        setup=f"{version_of(folder, 'sglang-router')}: one worker, cache-aware policy, metrics, log of warnings",
    )
