"""Where sound goes."""

from pathlib import Path

import pytest
from fakes import ManualClock
from running import run
from talks import frames_in, pcm

from router.talk.programs import Program
from router.talk.recording import Recording
from router.talk.sound import Sound


def through(
    folder: Path, programs: list[Program], answers: int = 1, *, is_played: bool = True, saved: bool = False
) -> list[str]:
    """What is told of some answers of a tenth of a second each."""
    told: list[str] = []

    async def main() -> None:
        recording = Recording(folder / "saved.wav") if saved else None
        instead = folder / "instead.wav"
        with Sound(
            is_played, programs, recording, lambda: Recording(instead), told.append, ManualClock()
        ) as sound:
            for value in range(1, answers + 1):
                sound.begin()
                sound.add(pcm(0.1, value))
                await sound.finish()
                await sound.stop()

    run(main())
    return told


def cat(path: Path) -> Program:
    return Program("cat", ("/bin/sh", "-c", 'cat >> "$0"', str(path)))


def test_played_and_saved(tmp_path: Path) -> None:
    """Both, each answer after the other."""
    assert [f"{tmp_path / 'saved.wav'}: 0.2 s of speech"] == through(
        tmp_path, [cat(tmp_path / "heard")], answers=2, saved=True
    )
    both = pcm(0.1, 1) + pcm(0.1, 2)
    assert (both, both) == ((tmp_path / "heard").read_bytes(), frames_in(tmp_path / "saved.wav"))


def test_neither(tmp_path: Path) -> None:
    """Then nothing is said of it either."""
    assert [] == through(tmp_path, [], is_played=False)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "programs", [[], [Program("bad", ("/bin/sh", "-c", "exit 1"))]], ids=["none", "a bad one"]
)
def test_what_nobody_plays_is_saved_instead(programs: list[Program], tmp_path: Path) -> None:
    """Which is said once, with what to do; nothing of the first answer is missing."""
    told = through(tmp_path, programs, answers=3)
    assert 1 == sum("No program here can play sound" in line for line in told)
    assert f"{tmp_path / 'instead.wav'}: 0.3 s of speech" == told[-1]
    assert pcm(0.1, 1) + pcm(0.1, 2) + pcm(0.1, 3) == frames_in(tmp_path / "instead.wav")


def test_what_is_saved_anyway_is_saved_once(tmp_path: Path) -> None:
    """Though nobody plays it."""
    told = through(tmp_path, [Program("bad", ("/bin/sh", "-c", "exit 1"))], answers=2, saved=True)
    assert f"{tmp_path / 'saved.wav'}: 0.2 s of speech" == told[-1]
    assert not (tmp_path / "instead.wav").exists()
