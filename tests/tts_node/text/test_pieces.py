"""Long texts in pieces: nothing lost, nothing repeated, nothing too long, cut where a speaker breathes."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_node.domain import Piece
from tts_node.text.pieces import pieces_of, width

SENTENCE = "The quick brown fox jumps over the lazy dog. "


def bare(text: str) -> str:
    """Without any white space."""
    return "".join(text.split())


TEXTS = st.lists(
    st.text(max_size=60)
    | st.sampled_from(
        [
            SENTENCE,
            "Hi! ",
            "one, two; three: four ",
            "\n\n",
            "你好。今天天气很好，",
            "한국어 문장. ",
            "e\u0301" * 20,
            "[clear throat] ",
        ]
    ),
    max_size=40,
).map("".join)


@settings(deadline=None, max_examples=300)
@given(text=TEXTS, cap=st.sampled_from([20, 50, 300]))
def test_nothing_is_lost_repeated_or_too_long(text: str, cap: int) -> None:
    """The pieces join to the text, spaces aside; each fits; the last has no pause; again gives the same."""
    pieces = pieces_of(text, "en", cap)
    assert bare(text) == "".join(bare(piece.text) for piece in pieces)
    assert all(0 < width(piece.text) <= cap for piece in pieces)
    assert all(piece.text == piece.text.strip() for piece in pieces)
    assert [0.0] == [piece.pause_s for piece in pieces[-1:]] or not pieces
    assert pieces == pieces_of(text, "en", cap)


def test_sentences_stay_whole_and_share_pieces() -> None:
    """As many whole sentences as fit; the first piece is short, so that it is heard soon."""
    pieces = pieces_of(SENTENCE * 10, "en", 100)
    assert [1, 2, 2, 2, 2, 1] == [piece.text.count("fox") for piece in pieces]
    assert all(piece.text.endswith("dog.") for piece in pieces)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One is the first of all these little sentences. Two.", [0.2, 0.0]),
        ("One is first.\n\nTwo is second.", [0.4, 0.0]),
        ("One clause of it is here, and another clause is right over there", [0.1, 0.0]),
        ("words and words and words and words and words and words and words", [0.0, 0.0]),
    ],
)
def test_pauses_by_the_kind_of_boundary(text: str, expected: list[float]) -> None:
    """A paragraph 0.4 s, a sentence 0.2 s, a clause 0.1 s; between words none."""
    assert expected == [piece.pause_s for piece in pieces_of(text, "en", 50)]


def test_abbreviations_and_decimals_end_no_sentence() -> None:
    """The splitter knows them."""
    text = "Dr. Smith of the U.S. office came at 5 p.m. today, e.g. by train. He left."
    assert "Dr. Smith of the U.S. office came at 5 p.m. today, e.g. by train." == pieces_of(text, "en", 70)[0].text


def test_ideographs_count_by_their_time() -> None:
    """300 of them are over a minute, beyond what the model speaks at once: a hundred make a piece."""
    pieces = pieces_of("今天天气很好，我们去公园吧。" * 30, "zh", 300)
    assert all(len(piece.text) <= 100 for piece in pieces)
    assert all(piece.text.endswith("。") for piece in pieces)


def test_text_without_spaces_is_cut_between_characters() -> None:
    """A base character keeps its marks."""
    pieces = pieces_of("e\u0301" * 100, "en", 25)
    assert {"e"} == {piece.text[0] for piece in pieces}


def test_a_tag_of_two_words_stays_whole() -> None:
    """Cut in two it would be spoken."""
    pieces = pieces_of("word [clear throat] " * 20, "en", 22)
    assert 20 == sum(piece.text.count("[clear throat]") for piece in pieces)


def test_nothing_gives_nothing() -> None:
    """No piece for no text."""
    assert () == pieces_of(" \n\n ", "en", 300)
    assert (Piece("a"),) == pieces_of("a", "en", 300)


@pytest.mark.parametrize("unit", ["word. ", "a", "你", "[", "[laugh", '"a. ', "\n", "x; ", "e\u0301"])
def test_the_work_is_linear(unit: str) -> None:
    """A hundred thousand characters take well under a second on a slow machine."""
    started_s = time.process_time()
    pieces_of((unit * 100_000)[:100_000], "en", 300)
    assert time.process_time() - started_s < 3
