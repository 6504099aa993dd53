"""Sound in a file."""

from pathlib import Path

import pytest
from talks import frames_in, pcm

from router.talk.errors import CannotTalk
from router.talk.recording import Recording, free_path


def test_the_file_has_exactly_the_sound(tmp_path: Path) -> None:
    """Each piece after the other, in what any player takes."""
    with Recording(tmp_path / "a.wav") as recording:
        recording.add(pcm(0.1, 1))
        recording.add(pcm(0.2, 2))
        assert 0.3 == pytest.approx(recording.audio_s)
    assert pcm(0.1, 1) + pcm(0.2, 2) == frames_in(tmp_path / "a.wav")


def test_the_file_is_valid_before_it_is_closed(tmp_path: Path) -> None:
    """Whatever becomes of us: its header is right after every piece."""
    recording = Recording(tmp_path / "a.wav")
    recording.add(pcm(0.5))
    recording.add(pcm(0.5))
    (tmp_path / "copy.wav").write_bytes((tmp_path / "a.wav").read_bytes())
    recording.close()
    assert len(pcm(1.0)) - len(frames_in(tmp_path / "copy.wav")) <= 8192  # what a file's buffer holds


def test_no_sound_is_a_valid_file(tmp_path: Path) -> None:
    """Of no length."""
    Recording(tmp_path / "a.wav").close()
    assert b"" == frames_in(tmp_path / "a.wav")


def test_a_place_where_nothing_can_be_written(tmp_path: Path) -> None:
    """Is told before anything is asked."""
    with pytest.raises(CannotTalk, match=r"a\.wav cannot be written: No such file"):
        Recording(tmp_path / "none" / "a.wav")


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    """By a file that nobody named."""
    assert tmp_path / "a.wav" == free_path(tmp_path / "a.wav")
    for name in ("a.wav", "a-2.wav"):
        (tmp_path / name).touch()
    assert tmp_path / "a-3.wav" == free_path(tmp_path / "a.wav")
