"""Sealed entries: what was put, or nothing."""

import struct

import pytest
from cached import entry_of, key_of
from hypothesis import given
from hypothesis import strategies as st

from router.speech.cache.entry import CachedAudio, sealed, unsealed

KEY = key_of(1)


def _content(entry: CachedAudio, key: str = KEY) -> bytes:
    return b"".join(sealed(key, entry))


_entries = st.builds(
    CachedAudio,
    st.binary(max_size=300),
    st.floats(0, 1e6),
    st.floats(0, 1e6),
    *[st.none() | st.text(max_size=10)] * 3,
    *[st.text(max_size=10)] * 2,
    st.floats(0, 1e10),
)


@given(_entries)
def test_what_was_sealed_comes_back(entry: CachedAudio) -> None:
    """Byte for byte, with all that is known of it."""
    assert entry == unsealed(KEY, _content(entry))


@given(_entries, st.data())
def test_a_flipped_bit_anywhere_is_seen(entry: CachedAudio, data: st.DataObject) -> None:
    """In the head, in what is known and in the audio."""
    content = bytearray(_content(entry))
    bit = data.draw(st.integers(0, len(content) * 8 - 1))
    content[bit // 8] ^= 1 << bit % 8
    assert unsealed(KEY, bytes(content)) is None


@given(_entries, st.data(), st.binary(min_size=1, max_size=9))
def test_a_file_of_another_length_is_seen(entry: CachedAudio, data: st.DataObject, more: bytes) -> None:
    """Cut short, or with something behind it."""
    content = _content(entry)
    length = data.draw(st.integers(0, len(content) - 1))
    assert (None, None) == (unsealed(KEY, content[:length]), unsealed(KEY, content + more))


def test_an_entry_under_another_name_is_none() -> None:
    """A file that was copied or renamed."""
    assert unsealed(key_of(2), _content(entry_of())) is None


@pytest.mark.parametrize("length", [0, 1, 20, 21, 53])
def test_what_was_never_an_entry_is_none(length: int) -> None:
    """Zeros, as some file systems leave them after a power cut."""
    assert unsealed(KEY, bytes(length)) is None


def test_lengths_that_add_up_over_an_overflow_are_none() -> None:
    """Nobody's numbers are believed."""
    content = bytearray(_content(entry_of()))
    struct.pack_into(">IQ", content, 9, 2**32 - 1, 2**64 - 1)
    assert unsealed(KEY, bytes(content)) is None
