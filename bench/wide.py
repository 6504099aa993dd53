"""The router of a large site: 50 providers that each list 500 models of their own.

Two of them have the benchmark's models besides, so a request has two candidates, as in the small house; only what
must be looked up among has grown. It runs for its own case alone: 50 probes a second beside the others would be
theirs to pay.
"""

import contextlib
from collections.abc import Iterator
from typing import Any, Final

from bench import contenders
from bench.cases import WIDE
from bench.contenders import Contender
from bench.house import House
from bench.prepared import WIDE_PATH

PROVIDERS: Final = 50


def providers(upstream_port: int) -> dict[str, dict[str, Any]]:
    """The setting of that name."""
    base = f"http://127.0.0.1:{upstream_port}{WIDE_PATH.decode()}"
    return {
        f"house-{number:02}": {"kind": "openai", "url": f"{base}{number}/v1", "tier": min(number, 1) + 1}
        for number in range(PROVIDERS)
    }


@contextlib.contextmanager
def router(house: House) -> Iterator[Contender]:
    """It, running. Raises CouldNotStart."""
    with contenders.router(
        house.directory,
        house.cores.gateway,
        house.upstream.port,
        house.key,
        providers(house.upstream.port),
        WIDE,
        house.python,
    ) as contender:
        yield contender
