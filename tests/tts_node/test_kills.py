"""Children killed at random moments under load; `make soak` does it fifty times."""

import pytest

from kills import DEADLINE_S, kill_children

pytestmark = pytest.mark.anyio
KILLS = 5


async def test_killed_children_cost_nothing_but_requests() -> None:
    """Whole, visibly cut or a clean retryable error: every answer in time, the node stays, no child is left."""
    report = await kill_children(KILLS, seed=7)
    assert [] == report.faults
    assert (KILLS, 0, 0) == (report.kills, report.node_restarts, report.children_left)
    assert report.slowest_s < DEADLINE_S
    assert report.outcomes["whole"] > KILLS
