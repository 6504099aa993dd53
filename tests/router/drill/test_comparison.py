"""Which sentences are wrong."""

import random

from hypothesis import given
from hypothesis import strategies as st

from router.drill.comparison import Difference, difference, is_beginning, numbering

DURATIONS = (1.0, 0.5, 2.0, 0.75)


def spoken(seed: int = 1) -> tuple[bytes, list[bytes]]:
    """Noise as long as the sentences, and each sentence's own."""
    noise = random.Random(seed)
    sentences = [noise.randbytes(round(length * 24_000) * 2) for length in DURATIONS]
    return b"".join(sentences), sentences


def test_the_same_is_no_difference() -> None:
    """Byte for byte."""
    whole, _ = spoken()
    assert difference(whole, whole, DURATIONS) == Difference()
    assert str(difference(whole, whole, DURATIONS)) == "the same"


@given(st.integers(0, 3))
def test_sentence_that_is_not_there_is_missing(number: int) -> None:
    """Whichever it is."""
    whole, sentences = spoken()
    without = b"".join(s for index, s in enumerate(sentences) if index != number)
    assert difference(whole, without, DURATIONS) == Difference(missing=(number,))


@given(st.integers(0, 3), st.integers(0, 3))
def test_sentence_that_is_there_again_is_repeated(number: int, after: int) -> None:
    """Whichever it is, and wherever."""
    whole, sentences = spoken()
    again = b"".join(sentences[: after + 1]) + sentences[number] + b"".join(sentences[after + 1 :])
    assert difference(whole, again, DURATIONS) == Difference(repeated=(number,))


@given(st.integers(0, 3), st.floats(0.2, 0.8))
def test_sentence_that_ends_early_is_truncated(number: int, share: float) -> None:
    """With those after it, unless they are missing."""
    whole, sentences = spoken()
    half = sentences[number][: int(len(sentences[number]) * share) // 2 * 2]
    cut = b"".join([*sentences[:number], half, *sentences[number + 1 :]])
    assert difference(whole, cut, DURATIONS) == Difference(truncated=(number,))
    ended = b"".join([*sentences[:number], half])
    assert difference(whole, ended, DURATIONS) == Difference(
        missing=tuple(range(number + 1, 4)), truncated=(number,)
    )


def test_nothing_at_all_is_everything_missing() -> None:
    """Silence is no sentence."""
    whole, _ = spoken()
    assert difference(whole, b"", DURATIONS) == Difference(missing=(0, 1, 2, 3))


def test_end_that_is_a_moment_early_is_truncated() -> None:
    """Though every sentence is there but for its last 20 ms."""
    whole, _ = spoken()
    assert difference(whole, whole[:-960], DURATIONS) == Difference(truncated=(3,))


def test_other_order_is_another_sound() -> None:
    """Everything once, and still wrong."""
    whole, sentences = spoken()
    assert difference(whole, b"".join(sentences[::-1]), DURATIONS) == Difference(is_other=True)


def test_whole_is_one_sentence_where_nobody_told_of_segments() -> None:
    """As from a provider that does not say."""
    whole, _ = spoken()
    assert difference(whole, whole[: len(whole) // 2], ()) == Difference(truncated=(0,))


def test_sentences_are_told_by_their_number_from_one() -> None:
    """As people count."""
    found = Difference(missing=(1, 2), repeated=(0,))
    assert str(found) == "sentence 2, 3 missing; sentence 1 repeated"
    assert str(Difference(missing=(0,), has_other_words=True)) == "sentence 1 missing; other words"
    assert str(Difference(is_other=True)) == "other sound"


def test_what_is_right_as_far_as_it_goes_is_a_beginning() -> None:
    """But for its last sentence, which may be half of one."""
    whole, sentences = spoken()
    half = sentences[2][:24_000]
    assert is_beginning(whole, b"".join([*sentences[:2], half]), (1.0, 0.5, 0.5))
    assert is_beginning(whole, b"".join([*sentences[:2], half[::-1]]), (1.0, 0.5, 0.5))
    assert is_beginning(whole, b"", ())
    assert not is_beginning(whole, b"".join([sentences[1], sentences[0], half]), (0.5, 1.0, 0.5))
    assert not is_beginning(whole, sentences[0][:24_000], (1.0, 0.5))


@given(st.permutations([0, 1, 2, 3]))
def test_numbers_that_are_all_there_may_be_in_another_order(numbers: list[int]) -> None:
    """Which is no difference only in one."""
    assert Difference(is_other=numbers != [0, 1, 2, 3]) == numbering(numbers, 4)


def test_numbers_that_lack_or_come_again() -> None:
    """Are named."""
    assert Difference(missing=(2,), repeated=(1,)) == numbering([0, 1, 1], 3)
