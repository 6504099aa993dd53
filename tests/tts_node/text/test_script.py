"""The one entrance: what each kind of engine is given."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_node.domain import Piece
from tts_node.engines import ESPEAK
from tts_node.text import NO_DICTIONARY, parse_dictionary, script_of
from tts_node.text.pieces import width

PLAIN = replace(ESPEAK, id="plain", reads_numbers=False, piece_chars=300)
TURBO = replace(PLAIN, id="turbo", keeps_tags=True)
LONG = "This is one of ten sentences, and 10 is a number. " * 10


def said(text: str, descriptor: object = PLAIN, language: str = "en", *, is_segment: bool = False) -> list[str]:
    """Only the texts."""
    assert isinstance(descriptor, type(ESPEAK))
    return [piece.text for piece in script_of(text, language, descriptor, NO_DICTIONARY, is_segment=is_segment)]


def test_an_engine_that_reads_figures_gets_the_text_as_it_came() -> None:
    """espeak knows its languages' numbers; the text stays one piece, spaces and all."""
    text = "  3 km at 5 p.m.\n\n" + LONG
    assert [text] == said(text, ESPEAK)


def test_tags_are_performed_or_not_spoken() -> None:
    """Turbo's are spelt as its tokenizer has them; any other engine would say the word."""
    text = "Well [Laughs], I [clear throat] see [my note]."
    assert ["Well [laugh], I [clear throat] see [my note]."] == said(text, TURBO)
    assert ["Well, I see [my note]."] == said(text)
    assert ["Well, I see [my note]."] == said(text, ESPEAK)


@pytest.mark.parametrize("text", ["…", "?!", "\u200b\x07", "\U0001f600", "[laugh]", "-- ---"])
def test_nothing_to_speak_gives_no_piece(text: str) -> None:
    """The model would speak something of its own."""
    assert [] == said(text)


def test_a_lone_tag_is_performed() -> None:
    """A laugh needs no word."""
    assert ["[laugh]"] == said("[laugh]", TURBO)


def test_what_cannot_be_said_is_left_out() -> None:
    """Control characters, directions, emoji; not the joiners that Indic scripts need."""
    assert ["Hello there you"] == said("Hello\x00 \u202ethere\ufeff \U0001f44d\U0001f3fd\ufe0f you\xad")
    assert ["क्\u200dष"] == said("क्\u200dष", language="hi")


def test_a_segment_is_never_cut_again() -> None:
    """Whoever sent it has cut it: one piece, whatever it holds."""
    text = "One. Two.\n\nThree! And a fourth sentence that is quite long for its place."
    assert [" ".join(text.split())] == said(text, is_segment=True)


def test_a_segment_too_long_for_the_engine_is_cut_without_pauses() -> None:
    """Figures in words can make it so; it sounds as one."""
    pieces = script_of(LONG, "en", PLAIN, NO_DICTIONARY, is_segment=True)
    assert len(pieces) > 1
    assert {0.0} == {piece.pause_s for piece in pieces}


def test_the_dictionary_comes_first() -> None:
    """For every engine, and what it puts in is made speakable too."""
    dictionary = parse_dictionary('[any]\nnginx = "engine 10"', "d")
    assert (Piece("engine 10 runs"),) == script_of("nginx runs", "en", ESPEAK, dictionary, is_segment=False)
    assert (Piece("engine ten runs"),) == script_of("nginx runs", "en", PLAIN, dictionary, is_segment=False)


@settings(deadline=None)
@given(
    text=st.text(max_size=600), is_segment=st.booleans(), language=st.sampled_from(["en", "de", "zh", "hi", "xx"])
)
def test_every_piece_can_be_spoken(text: str, is_segment: bool, language: str) -> None:
    """None is empty, none too long, for any text; the same again gives the same."""
    pieces = script_of(text, language, PLAIN, NO_DICTIONARY, is_segment=is_segment)
    assert all(width(piece.text) <= 300 and any(map(str.isalnum, piece.text)) for piece in pieces)
    assert pieces == script_of(text, language, PLAIN, NO_DICTIONARY, is_segment=is_segment)
