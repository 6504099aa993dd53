"""Speech cut into the chunks of document 004."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.speech.chunking import MOST_TOKENS, TOKEN_BYTES, Chunking, Sizes


def _pcm(tokens: float) -> bytes:
    return bytes(round(tokens * TOKEN_BYTES) // 2 * 2)


def _lengths(chunking: Chunking, tokens: float) -> list[float]:
    return [len(chunk) / TOKEN_BYTES for chunk in chunking.cut(_pcm(tokens))]


def test_the_first_chunk_is_a_second_and_later_ones_three() -> None:
    """25 tokens, then 75, unless something else is asked for."""
    assert [25, 75, 75, 25] == _lengths(Chunking(Sizes()), 200)
    assert [10, 20, 20] == _lengths(Chunking(Sizes(10, 20)), 50)


def test_no_chunk_spans_two_segments() -> None:
    """What is spoken is sent, and does not wait for what is not."""
    chunking = Chunking(Sizes())
    assert [25, 5] == _lengths(chunking, 30)
    assert [40] == _lengths(chunking, 40)
    assert [75, 75] == _lengths(chunking, 150)


def test_an_aligned_chunk_is_a_whole_segment() -> None:
    """Up to 15 seconds: a message of which no client is afraid."""
    chunking = Chunking(Sizes(is_aligned=True))
    assert [200] == _lengths(chunking, 200)
    assert [MOST_TOKENS, 25] == _lengths(chunking, MOST_TOKENS + 25)


def test_there_is_always_a_chunk() -> None:
    """Even of nothing."""
    assert [b""] == list(Chunking(Sizes()).cut(b""))


@pytest.mark.parametrize("is_aligned", [False, True])
@given(
    first=st.integers(1, MOST_TOKENS),
    later=st.integers(1, MOST_TOKENS),
    segments=st.lists(st.binary(max_size=50_000), max_size=4),
)
def test_nothing_is_lost(*, first: int, later: int, segments: list[bytes], is_aligned: bool) -> None:
    """Joined, the chunks are what was cut."""
    chunking = Chunking(Sizes(first, later, is_aligned))
    chunks = [chunk for segment in segments for chunk in chunking.cut(segment)]
    assert b"".join(segments) == b"".join(chunks)
    assert all(len(chunk) <= MOST_TOKENS * TOKEN_BYTES for chunk in chunks)
