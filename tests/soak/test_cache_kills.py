"""A hundred and more routers killed while they write the speech cache."""

from pathlib import Path

from cache_kills import kills
from figures import note


def test_a_hundred_kills_during_writes_leave_no_wrong_audio(tmp_path: Path) -> None:
    """Two writers share the folder each time, so that is a hundred kills in fifty turns."""
    report = kills(tmp_path, turns=50)
    note(f"100 kill -9 of routers that write the speech cache: {dict(report)}")
    assert (0, 0, 0) == (report["wrong"], report["leftovers"], report["over the bound"])
    assert report["right"] > 1000
