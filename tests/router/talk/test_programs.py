"""Which programs play."""

import sys

import pytest

from router.talk.programs import STREAMING, found, suggestion


def test_those_that_are_here_in_their_order() -> None:
    """By their full paths."""
    here = {"play", "aplay"}
    programs = found(lambda name: f"/bin/{name}" if name in here else None, "linux")
    assert [("aplay", "/bin/aplay"), ("play", "/bin/play")] == [(each.name, each.command[0]) for each in programs]


@pytest.mark.parametrize("program", STREAMING, ids=[program.name for program in STREAMING])
def test_each_is_told_the_rate(program: object) -> None:
    """Raw sound does not say it."""
    assert "24000" in str(program)


def test_where_only_files_can_be_played() -> None:
    """On macOS and on Windows; elsewhere there is nothing without a program."""
    mac = found(lambda name: "/usr/bin/afplay" if name == "afplay" else None, "darwin")
    assert [(("/usr/bin/afplay",), False)] == [(each.command, each.can_stream) for each in mac]
    windows = found(lambda _: None, "win32")
    assert [("winsound", sys.executable, False)] == [
        (each.name, each.command[0], each.can_stream) for each in windows
    ]
    assert [] == found(lambda _: None, "linux")


def test_there_is_a_suggestion_for_each_system() -> None:
    """With something to install."""
    words = {platform: suggestion(platform) for platform in ("linux", "darwin", "win32")}
    assert 3 == len(set(words.values()))
    assert "apt install" in words["linux"]
