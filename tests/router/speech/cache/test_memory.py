"""The part in memory: bounded, the least recently used goes first."""

from cached import entry_of, key_of
from hypothesis import given
from hypothesis import strategies as st

from router.speech.cache.memory import Memory

SIZE = entry_of().size


def test_the_least_recently_used_goes_first() -> None:
    """A look counts as use."""
    memory = Memory(SIZE * 4)
    for number in range(4):
        memory.put(key_of(number), entry_of(number))
    memory.get(key_of(0))
    memory.put(key_of(4), entry_of(4))
    assert [True, False, True, True, True] == [memory.get(key_of(n)) is not None for n in range(5)]


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9000))), st.integers(0, 40_000), st.integers(0, 40_000)
)
def test_the_bound_holds(puts: list[tuple[int, int]], before: int, after: int) -> None:
    """Whatever is put, also when the bound changes; and what is there is what was put last."""
    memory = Memory(before)
    last = {}
    for index, (number, size) in enumerate(puts):
        if index == len(puts) // 2:
            memory.resize(after)
        last[number] = entry_of(number, size, made_at=float(index))
        memory.put(key_of(number), last[number])
        assert memory.bytes <= memory.max_bytes
    assert all(memory.get(key_of(number)) in (None, entry) for number, entry in last.items())


def test_an_entry_over_a_quarter_is_not_kept() -> None:
    """Nor what it replaces, which is outdated."""
    memory = Memory(SIZE * 4)
    memory.put(key_of(0), entry_of(0))
    memory.put(key_of(0), entry_of(0, size=2001))
    assert (None, 0, 0) == (memory.get(key_of(0)), len(memory), memory.bytes)


def test_a_smaller_bound_keeps_what_was_used_last() -> None:
    """And in the same order."""
    memory = Memory(SIZE * 16)
    for number in range(8):
        memory.put(key_of(number), entry_of(number))
    memory.resize(SIZE * 4)
    memory.put(key_of(8), entry_of(8))
    assert [5, 6, 7, 8] == [n for n in range(9) if memory.get(key_of(n)) is not None]


def test_nothing_fits_in_nothing() -> None:
    """`memory_mb: 0`."""
    memory = Memory(0)
    memory.put(key_of(0), entry_of(0, size=0))
    assert 0 == len(memory)
