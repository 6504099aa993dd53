"""Eight hundred clients that leave, each in another state of its request: the upstream is told within 100 ms."""

import random
from pathlib import Path
from typing import Final

from departures import KINDS, check_within_contract, start_house

pytest_plugins = ["process_logs"]

TIMES: Final = 100  # of each kind


def test_upstream_is_closed_eight_hundred_times(tmp_path: Path) -> None:
    """JSON before the headers, SSE before the first token and after it, speech; by FIN and by RST; at random."""
    dice = random.Random(1)
    kinds = list(KINDS) * TIMES
    with start_house(tmp_path) as house:

        def leave_all() -> list[float]:
            dice.shuffle(kinds)
            return [house.left(kind, by_reset=dice.random() < 0.5) for kind in kinds]

        check_within_contract(f"{len(KINDS)} kinds mixed", leave_all)
        house.wait_for_rest()
        assert "traceback" not in house.router.output.lower()
