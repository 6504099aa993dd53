"""The whole drill on chains of mixed dialects."""

import asyncio

import pytest
from mixed.drill import drilled

from router.drill.live import Live


@pytest.mark.proves(
    provider="elevenlabs",
    feature="every fault of the drill",
    what="kill -9, reset, cut, 500, 503, 401, quota, 429 (at a flat rate: hang, stall, garbage): no sentence lost",
)
@pytest.mark.proves(
    provider="chattts",
    feature="every fault of the drill",
    what="kill -9, reset, cut, 500, 503, 401, 402, 429 (next at a flat rate: hang, stall, garbage): no sentence lost",
)
def test_every_promise_holds_on_mixed_chains() -> None:
    """As `make drill` holds it, which writes docs/benchmarks/mixed-chain.md."""
    with Live() as live:
        found = asyncio.run(drilled(live))
    assert [(held.title, one) for held in found for one in held.verdict if not one.holds] == []
