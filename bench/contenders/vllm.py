"""vllm-router (Rust): before one worker, as its launcher ships, with less log; and once more with another policy.

Its default, cache_aware, holds back the head of every stream for a second, or until the stream ends; round_robin
does not, and costs more CPU in other cases. Neither is its best in everything, so both are measured.
"""

from collections.abc import Mapping
from typing import Final

from bench.contenders.contender import Place, Recipe
from bench.contenders.installed import environment, version_of
from router.drill.ports import free_port

ENVIRONMENT: Final = ".venv-bench-vllm"
_HOLDS_BACK: Final = "it holds back the head of every stream for a second"


def recipe(place: Place) -> Recipe:
    """Its default policy. Raises CouldNotStart when it is not installed."""
    told = f"cache-aware policy, which is its default ({_HOLDS_BACK})"
    return _recipe("vllm-router", (), told, {"idle-1000": f"{_HOLDS_BACK}: see vllm-router-rr"}, place)


def round_robin_recipe(place: Place) -> Recipe:
    """Quick to begin a stream. Raises CouldNotStart when it is not installed."""
    return _recipe("vllm-router-rr", ("--policy", "round_robin"), "round-robin policy", {}, place)


def _recipe(name: str, policy: tuple[str, ...], told: str, skips: Mapping[str, str], place: Place) -> Recipe:
    folder = environment(ENVIRONMENT)
    return Recipe(
        name,
        (
            str(folder / "bin" / "vllm-router"),
            *("--host", "127.0.0.1", "--port", str(place.port)),
            *("--worker-urls", f"http://127.0.0.1:{place.upstream_port}"),
            *("--worker-startup-check-interval", "1"),
            *("--prometheus-host", "127.0.0.1", "--prometheus-port", str(free_port())),
            *("--log-level", "warning"),
            *policy,
        ),
        skips=skips,
        setup=f"{version_of(folder, 'vllm-router')}: one worker, {told}, metrics, log of warnings",
    )
