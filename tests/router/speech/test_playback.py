"""The listener's clock: played at its own pace, told the time."""

from router.speech.playback import Playback


def test_nothing_is_left_before_anything_was_handed_over() -> None:
    """No clock runs before the first sound."""
    playback = Playback()
    assert playback.left_s(100.0) == 0.0


def test_what_was_handed_over_is_played_at_its_own_pace() -> None:
    """Ten seconds taken at once are heard for ten seconds, however fast they were read."""
    playback = Playback()
    playback.handed_over(4.0, now=100.0)
    playback.handed_over(6.0, now=100.1)
    assert abs(playback.left_s(100.1) - 9.9) < 1e-9
    assert abs(playback.left_s(105.0) - 5.0) < 1e-9
    assert playback.left_s(200.0) == 0.0
    assert playback.gap_s == 0.0


def test_silence_is_counted_when_the_next_sound_comes() -> None:
    """The listener had nothing to hear between 104 and 106, and again from 107 to 107.5."""
    playback = Playback()
    playback.handed_over(4.0, now=100.0)
    assert playback.handed_over(1.0, now=106.0) == 2.0
    assert playback.left_s(106.5) == 0.5
    assert playback.handed_over(1.0, now=107.5) == 0.5
    assert playback.gap_s == 2.5


def test_the_end_is_no_gap() -> None:
    """After the last sound nothing is missing."""
    playback = Playback()
    playback.handed_over(1.0, now=0.0)
    assert playback.left_s(50.0) == 0.0
    assert playback.gap_s == 0.0
