"""Events ↔ bytes, however they are cut, and however much they claim."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import Malformed
from router.wyoming import Event, EventReader, encode
from router.wyoming.reading import MAX_DATA_BYTES, MAX_LINE_BYTES, MAX_PAYLOAD_BYTES

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_events = st.builds(
    Event,
    st.text("abcdefg-", min_size=1),
    st.dictionaries(_texts, st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _texts, max_size=4),
    st.binary(max_size=50),
)


def _read(wire: bytes, *cuts: int) -> list[Event]:
    reader, events, at = EventReader(), list[Event](), 0
    for cut in (*sorted(cuts), len(wire)):
        events += reader.feed(wire[at:cut])
        at = max(at, cut)
    assert reader.is_between
    return events


@given(st.lists(_events, max_size=5), st.lists(st.integers(0, 400), max_size=6))
def test_what_is_written_is_read_however_it_is_cut(events: Sequence[Event], cuts: list[int]) -> None:
    """Whole events, in order, and nothing left over."""
    wire = b"".join(map(encode, events))
    assert list(events) == _read(wire, *(min(cut, len(wire)) for cut in cuts))


def test_data_in_the_line_and_behind_it_are_one() -> None:
    """Older writers put data into the line; what stands in the block goes first."""
    block = b'{"a":2,"b":3}'
    line = json.dumps({"type": "x", "data": {"a": 1, "c": 4}, "data_length": len(block), "more": [1]}).encode()
    assert [Event("x", {"a": 2, "b": 3, "c": 4})] == _read(line + b"\n" + block)


@pytest.mark.parametrize("lengths", [{}, {"data_length": None}, {"data_length": 0, "payload_length": -5}])
def test_lengths_that_are_none(lengths: dict[str, object]) -> None:
    """Absent, null, nothing and less than nothing mean the same."""
    assert [Event("ping")] == _read(json.dumps({"type": "ping", **lengths}).encode() + b"\n")


@pytest.mark.parametrize(
    ("wire", "why"),
    [
        (b"GET / HTTP/1.1\r\n", "no event"),
        (b"{}\n", "no event"),
        (b'{"type":5}\n', "no event"),
        (b'{"type":"x","data":[]}\n', "no event"),
        (b'{"type":"x","data_length":"7"}\n', "no event"),
        (b"\xff\xfe\n", "no event"),
        (b"[" * 60_000 + b"\n", "no event"),
        (b'{"type":"x","data":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}\n", "no event"),
        (b'{"type":"x","data_length":2}\n[]', "no JSON object"),
        (b'{"type":"x","data_length":2}\n{{', "no JSON object"),
        (b'{"type":"x","data_length":%d}\n' % (MAX_DATA_BYTES + 1), "bytes of data"),
        (b'{"type":"x","payload_length":%d}\n' % (MAX_PAYLOAD_BYTES + 1), "bytes of payload"),
        (b'{"type":"x","payload_length":1e300}\n', "no event"),
        (b"x" * (MAX_LINE_BYTES + 1), "first line is longer"),
        (b"x" * (MAX_LINE_BYTES + 1) + b"\n", "first line is longer"),
    ],
)
def test_what_is_no_event(wire: bytes, why: str) -> None:
    """Each is told as what it is, as soon as it can be known: before what it claims has come."""
    with pytest.raises(Malformed, match=why):
        list(EventReader().feed(wire))


def test_an_event_that_has_begun_is_known() -> None:
    """So that an end of the connection in its middle is told from one behind it."""
    reader = EventReader()
    states = []
    for piece in (b"", b'{"type":"x",', b'"payload_length":2}\n', b"a", b"b"):
        list(reader.feed(piece))
        states.append(reader.is_between)
    assert [True, False, False, False, True] == states


@given(st.binary(max_size=300))
def test_noise_is_malformed_or_waits(noise: bytes) -> None:
    """Nothing else is ever raised."""
    reader = EventReader()
    try:
        events = list(reader.feed(noise))
    except Malformed:
        return
    assert len(events) <= noise.count(b"\n")
