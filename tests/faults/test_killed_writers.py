"""A router that is killed while it writes the speech cache leaves no wrong audio. `make soak` kills a hundred."""

from pathlib import Path

from cache_kills import kills


def test_ten_kills_during_writes_leave_no_wrong_audio(tmp_path: Path) -> None:
    """Every entry read back is byte for byte what was put, or absent; and what was left over goes."""
    report = kills(tmp_path, turns=5)
    assert (0, 0, 0) == (report["wrong"], report["leftovers"], report["over the bound"])
    assert report["right"]
