"""Files put in their place whole."""

from pathlib import Path

import pytest

from tts_node.files import put_in_place


def test_a_place_that_is_held_for_a_moment_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a virus scanner does on Windows; what stays held is told."""
    part, place = tmp_path / "a.part", tmp_path / "a"
    part.write_text("new")
    naps: list[float] = []
    refusals = [PermissionError("held"), PermissionError("held")]
    replace = Path.replace

    def held(self: Path, target: Path) -> Path:
        if refusals:
            raise refusals.pop()
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", held)
    monkeypatch.setattr("tts_node.files.time.sleep", naps.append)
    put_in_place(part, place)
    assert ("new", [0.01, 0.02]) == (place.read_text(), naps)
    refusals.extend(PermissionError("held") for _ in range(20))
    with pytest.raises(PermissionError):
        put_in_place(place, part)
