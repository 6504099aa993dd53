"""Server-sent events in pieces of any size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import Malformed
from router.events import MAX_LINES, EventReader

ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
DATA = st.binary(max_size=20).map(lambda data: data.replace(b"\n", b"").replace(b"\r", b"").strip())


@given(st.lists(st.tuples(DATA, ENDS), max_size=6), st.integers(1, 7))
def test_the_pieces_do_not_matter(events: list[tuple[bytes, bytes]], size: int) -> None:
    """Whatever the pieces and the ends of lines, the same events."""
    stream = b"".join(b"event: x" + end + b"data: " + data + end + end for data, end in events)
    reader = EventReader(1000)
    found = [data for at in range(0, len(stream), size) for data in reader.feed(stream[at : at + size])]
    assert [data for data, _ in events] == found


def test_what_an_event_says() -> None:
    """Several lines are one text; comments say nothing; a space after the colon is not part of it."""
    stream = b"data: one\ndata:two\n\n: alive\n\nid: 7\ndata:  three\n\ndata: not whole"
    assert [b"one\ntwo", b"", b" three"] == EventReader(1000).feed(stream)


def test_an_event_without_end_is_noise() -> None:
    """Neither one that is too long nor one of too many lines is held."""
    with pytest.raises(Malformed, match="more than 100 bytes"):
        EventReader(100).feed(b"data: " + b"x" * 100)
    with pytest.raises(Malformed, match=f"more than {MAX_LINES} lines"):
        EventReader(100_000).feed(b"data: x\n" * (MAX_LINES + 2) + b"\n")
