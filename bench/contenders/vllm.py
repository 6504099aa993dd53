"""vllm-router (Rust): before one worker, as its launcher ships, with less log."""

from typing import Final

from bench.contenders.contender import Place, Recipe, free_port
from bench.contenders.installed import environment, version_of

ENVIRONMENT: Final = ".venv-bench-vllm"


def recipe(place: Place) -> Recipe:
    """Raises CouldNotStart when it is not installed."""
    folder = environment(ENVIRONMENT)
    return Recipe(
        "vllm-router",
        (
            str(folder / "bin" / "vllm-router"),
            *("--host", "127.0.0.1", "--port", str(place.port)),
            *("--worker-urls", f"http://127.0.0.1:{place.upstream_port}"),
            *("--worker-startup-check-interval", "1"),
            *("--prometheus-host", "127.0.0.1", "--prometheus-port", str(free_port())),
            *("--log-level", "warning"),
        ),
        setup=f"{version_of(folder, 'vllm-router')}: one worker, cache-aware policy, metrics, log of warnings",
    )
