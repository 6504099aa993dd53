"""What is seen."""

from io import BytesIO, StringIO, TextIOWrapper

import pytest

from router.talk.screen import Screen, plain


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("is_live", [True, False])
def test_the_answer_then_what_is_told_of_it(is_live: bool) -> None:
    """The same text in a pipe and on a terminal; notes are apart."""
    out, err = StringIO(), StringIO()
    screen = Screen(out, err, is_live=is_live)
    screen.wait("m is asked")
    for text in ("One ", "two\nthr", "ee"):
        screen.write(text)
    screen.end_text()
    screen.tell("figures")
    screen.note("saved")
    screen.write("four\n")
    screen.end_text()
    assert ("One two\nthree\nfigures\nfour\n", "saved\n") == (out.getvalue(), err.getvalue())


def test_letters_as_they_come_or_whole_lines() -> None:
    """Nobody wants half a line in a log."""
    live, piped = StringIO(), StringIO()
    for out in (live, piped):
        screen = Screen(out, StringIO(), is_live=out is live)
        screen.write("One\ntw")
    assert ("One\ntw", "One\n") == (live.getvalue(), piped.getvalue())


def test_a_note_within_an_answer_begins_a_line() -> None:
    """On a terminal, where both are seen as one."""
    out = Terminal()
    screen = Screen(out, out, is_live=True)
    screen.write("One")
    screen.note("a note")
    screen.write("two")
    screen.end_text()
    assert "One\na note\ntwo\n" == out.getvalue()


def test_a_moving_line_is_gone_before_anything_else_comes() -> None:
    """Its last words erase it."""
    out, err = StringIO(), Terminal()
    screen = Screen(out, err, is_live=True)
    screen.wait("m is asked")
    screen.write("One")
    assert "m is asked" in err.getvalue()
    said = err.getvalue()
    screen.end_text()
    assert said == err.getvalue()


def test_a_terminal_is_not_steered() -> None:
    """By nobody's words; lines and tabs stay."""
    assert "[31mred\n\tü 🙂" == plain("\x1b[31mred\x07\n\t\x9bü\x7f 🙂")
    out = StringIO()
    Screen(out, StringIO(), is_live=True).write("\x1b]0;title\x07")
    assert "]0;title" == out.getvalue()


def test_letters_that_a_terminal_does_not_know() -> None:
    """Are replaced; the answer goes on."""
    raw = BytesIO()
    out = TextIOWrapper(raw, encoding="ascii")
    Screen(out, StringIO(), is_live=True).write("für 🙂")
    assert b"f?r ?" == raw.getvalue()
