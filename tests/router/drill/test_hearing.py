"""What a listener hears who plays as it arrives."""

from hypothesis import given
from hypothesis import strategies as st

from router.domain import BYTES_PER_S
from router.drill.hearing import Arrival, Gap, gaps_in, longest_gap_s

SECOND = BYTES_PER_S


def test_audio_that_is_always_ahead_has_no_gap() -> None:
    """Two seconds at once, then one more before they are over."""
    assert gaps_in([Arrival(0.0, 2 * SECOND), Arrival(1.5, 3 * SECOND)]) == []


def test_late_piece_is_a_gap_of_as_long_as_it_was_late() -> None:
    """A second of sound, then nothing for another half."""
    assert gaps_in([Arrival(10.0, SECOND), Arrival(11.5, 2 * SECOND)]) == [Gap(11.0, 0.5)]


def test_gap_moves_what_is_heard_after_it() -> None:
    """After the first gap the listener is later, so the next piece is in time."""
    arrivals = [Arrival(0.0, SECOND), Arrival(1.5, 2 * SECOND), Arrival(2.4, 3 * SECOND)]
    assert [gap.length_s for gap in gaps_in(arrivals)] == [0.5]


def test_silence_before_the_first_byte_and_after_the_last_is_no_gap() -> None:
    """A listener who heard nothing yet, or everything, misses nothing."""
    assert gaps_in([]) == []
    assert gaps_in([Arrival(30.0, SECOND)]) == []


def test_gaps_that_were_over_do_not_count() -> None:
    """Only what the fault could have done."""
    arrivals = [Arrival(0.0, SECOND), Arrival(3.0, 2 * SECOND), Arrival(4.5, 3 * SECOND)]
    assert longest_gap_s(arrivals) == 2.0
    assert longest_gap_s(arrivals, since_s=3.5) == 0.5


@given(st.lists(st.tuples(st.floats(0, 10), st.integers(1, 100_000)), min_size=1, max_size=30))
def test_gaps_and_sound_add_up_to_the_time_it_took(pieces: list[tuple[float, int]]) -> None:
    """Heard and silent together are never less than the time until the last piece."""
    at_s, total, arrivals = 0.0, 0, []
    for pause_s, size in pieces:
        at_s, total = at_s + pause_s, total + size
        arrivals.append(Arrival(at_s, total))
    silent_s = sum(gap.length_s for gap in gaps_in(arrivals))
    heard_before_s = (total - pieces[-1][1]) / BYTES_PER_S
    assert silent_s >= arrivals[-1].at_s - arrivals[0].at_s - heard_before_s - 1e-6
    assert silent_s <= arrivals[-1].at_s - arrivals[0].at_s + 1e-6
