"""Ten thousand badly ended requests leave nothing behind, and memory does not grow with them."""

import asyncio
from pathlib import Path
from typing import Final

from figures import note
from leaving import misbehave, resident_mb, settle, start_house
from processes import children_of

pytest_plugins = ["process_logs"]

REQUESTS: Final = 10_000
ROUNDS: Final = 5
OF_THE_MOMENT: Final = 8  # sockets: a probe of each provider, and whoever asks for the metrics
GROWS_BY_MB: Final = 24.0  # after the first round, which fills caches and buffers


def test_nothing_is_left_behind_by_ten_thousand(tmp_path: Path) -> None:
    """No connection, descriptor or child process, nothing in flight, and memory settles after the first round."""
    with start_house(tmp_path) as house:
        before = settle(house)
        sizes = []
        for seed in range(ROUNDS):
            asyncio.run(misbehave(house.router.port, house.first, REQUESTS // ROUNDS, seed))
            after = settle(house, at_most=before + OF_THE_MOMENT)
            sizes.append(resident_mb(house.router))
            assert children_of(house.router.pid) == []
        shown = ", ".join(f"{size:.0f}" for size in sizes)
        note(f"{REQUESTS} badly ended requests: descriptors {before} before, {after} after; resident MB {shown}")
        assert "traceback" not in house.router.output.lower()
        assert sizes[-1] - sizes[0] <= GROWS_BY_MB
