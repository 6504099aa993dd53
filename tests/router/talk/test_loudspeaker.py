"""Sound through programs: scripts that write down what they get, or fail."""

import asyncio
import contextlib
import os
import sys
import wave
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from fakes import ManualClock
from running import run, until
from talks import pcm

from router.talk import loudspeaker
from router.talk.loudspeaker import Loudspeaker
from router.talk.programs import Program

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs are shell scripts")


def shell(script: str, *arguments: object, can_stream: bool = True) -> Program:
    return Program("player", ("/bin/sh", "-c", script, *map(str, arguments)), can_stream)


def with_speaker(
    programs: list[Program], block: Callable[[Loudspeaker], Awaitable[None]], clock: ManualClock | None = None
) -> list[str]:
    """What was told."""
    told: list[str] = []

    async def main() -> None:
        speaker = Loudspeaker(programs, told.append, clock or ManualClock())
        try:
            await block(speaker)
        finally:
            await speaker.stop()

    run(main())
    return told


async def play(speaker: Loudspeaker) -> None:
    for value in (1, 2, 3):
        speaker.add(pcm(1.0, value))
        await asyncio.sleep(0)
    await speaker.finish()


PLAYED = pcm(1.0, 1) + pcm(1.0, 2) + pcm(1.0, 3)


def test_the_program_gets_every_byte(tmp_path: Path) -> None:
    """And then its end."""
    assert [] == with_speaker([shell('cat > "$0"', tmp_path / "heard")], play)
    assert PLAYED == (tmp_path / "heard").read_bytes()


def test_one_that_cannot_play_is_followed_by_the_next_from_the_beginning(tmp_path: Path) -> None:
    """What it took was not heard; it is not tried again."""
    programs = [
        shell("head -c 50000 > /dev/null; echo no device >&2; exit 1"),
        Program("none", ("/nowhere/none",)),
        shell('cat > "$0"', tmp_path / "heard"),
    ]
    told = with_speaker(programs, play)
    assert ["player cannot play: no device", "none cannot play: No such file or directory"] == told
    assert (PLAYED, 1) == ((tmp_path / "heard").read_bytes(), len(programs))


def test_when_none_can_play_the_sound_is_still_there() -> None:
    """For a file."""
    kept: list[tuple[bool, bytes]] = []

    async def block(speaker: Loudspeaker) -> None:
        await play(speaker)
        kept.append((speaker.has_nobody, speaker.pcm))

    assert ["player cannot play: it ended with status 3"] == with_speaker([shell("exit 3")], block)
    assert [(True, PLAYED)] == kept


def test_one_that_dies_in_the_middle_is_not_followed(tmp_path: Path) -> None:
    """Some was heard, and twice would be odd; the next answer is the next program's."""
    clock = ManualClock()
    programs = [shell('cat > "$0"; kill -9 $$', tmp_path / "first"), shell('cat > "$0"', tmp_path / "second")]

    async def block(speaker: Loudspeaker) -> None:
        speaker.add(PLAYED)
        await until((tmp_path / "first").exists)
        clock.advance(60.0)
        await speaker.finish()
        assert not speaker.has_nobody

    assert ["player cannot play: it ended with status -9"] == with_speaker(programs, block, clock)
    assert (1, False) == (len(programs), (tmp_path / "second").exists())


def test_stopping_ends_the_program(tmp_path: Path) -> None:
    """At once, also one that would go on."""

    async def block(speaker: Loudspeaker) -> None:
        speaker.add(PLAYED)
        await until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().endswith("\n"))
        await speaker.stop()

    assert [] == with_speaker([shell('echo $$ > "$0"; exec sleep 600', tmp_path / "pid")], block)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_the_terminals_signals_are_not_for_the_program(tmp_path: Path) -> None:
    """It has a session of its own, so Ctrl-C reaches us alone."""
    with_speaker([shell('ps -o sid= -p $$ > "$0"; cat > /dev/null', tmp_path / "sid")], play)
    assert os.getsid(0) != int((tmp_path / "sid").read_text())


def test_one_that_does_not_come_to_an_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for ever."""
    monkeypatch.setattr(loudspeaker, "GRACE_S", 0.05)

    async def block(speaker: Loudspeaker) -> None:
        speaker.add(b"\0\0")
        await speaker.finish()

    told = with_speaker([shell("exec sleep 600")], block)
    assert ["player does not come to an end; it was stopped."] == told


def test_one_that_plays_files_gets_all_at_once(tmp_path: Path) -> None:
    """In a WAV file that is gone afterwards."""
    script = 'cp "$1" "$0/heard.wav"; echo "$1" > "$0/name"'
    with_speaker([shell(script, tmp_path, can_stream=False)], play)
    with wave.open(str(tmp_path / "heard.wav")) as file:
        assert PLAYED == file.readframes(file.getnframes())
    assert not Path((tmp_path / "name").read_text().strip()).exists()


def test_how_much_has_been_played() -> None:
    """As much as fits into the time since the first piece, not what a pipe has taken."""
    clock, played = ManualClock(), list[float]()

    async def block(speaker: Loudspeaker) -> None:
        for seconds in (0.0, 1.5, 9.0):
            if not seconds:
                speaker.add(pcm(2.0))
            clock.advance(seconds)
            played.append(speaker.played_s())

    with_speaker([shell("cat > /dev/null")], block, clock)
    assert [0.0, 1.5, 2.0] == played


def test_of_a_file_nothing_is_played_before_it_is_whole(tmp_path: Path) -> None:
    """Then its own clock runs."""
    clock, played = ManualClock(), list[float]()

    async def block(speaker: Loudspeaker) -> None:
        speaker.add(pcm(2.0))
        clock.advance(9.0)
        played.append(speaker.played_s())
        finishing = asyncio.ensure_future(speaker.finish())
        await until((tmp_path / "began").exists)
        clock.advance(0.5)
        played.append(speaker.played_s())
        finishing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await finishing

    with_speaker([shell('touch "$0"; exec sleep 600', tmp_path / "began", can_stream=False)], block, clock)
    assert [0.0, 0.5] == played


def test_without_sound_nothing_is_started(tmp_path: Path) -> None:
    """An answer that nobody speaks."""

    async def block(speaker: Loudspeaker) -> None:
        await speaker.finish()

    assert [] == with_speaker([shell('touch "$0"', tmp_path / "began")], block)
    assert not (tmp_path / "began").exists()
