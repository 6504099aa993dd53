"""PCM as fragmented MP4."""

import pytest
from tones import heard, loudest_hz, rms, share_beside, tone

from router.domain import BYTES_PER_S
from router.speech.fragments import FRAGMENT_S, FRAME, Fragment, Fragmenter

FRAME_S = FRAME / 24_000


def _made(pcm: bytes, step: int) -> tuple[bytes, list[Fragment]]:
    fragmenter = Fragmenter()
    fragments = [each for at in range(0, len(pcm), step) for each in fragmenter.feed(pcm[at : at + step])]
    return fragmenter.head, [*fragments, *fragmenter.close()]


@pytest.mark.parametrize("step", [999, BYTES_PER_S // 10, 2 * BYTES_PER_S])
def test_fragments_joined_are_the_sound(step: int) -> None:
    """However it is fed: as long as it was, but for the encoder's padding, as loud, and without a click."""
    head, fragments = _made(tone(440, 4.0), step)
    rate, channels = heard(head + b"".join(each.data for each in fragments))
    samples = channels[0]
    assert len(samples) / rate == pytest.approx(4.0, abs=2 * FRAME_S)
    middle = samples[rate // 2 : -rate // 2]
    assert loudest_hz(middle, rate) == pytest.approx(440, abs=2)
    assert rms(middle) == pytest.approx(0.5 / 2**0.5, rel=0.05)
    assert share_beside(middle, rate, 440) < 0.001  # of a click


def test_a_fragment_is_there_as_soon_as_it_is_full() -> None:
    """And its length is told to the frame."""
    fragmenter = Fragmenter()
    first = fragmenter.feed(tone(440, 0.5))
    assert [pytest.approx(FRAGMENT_S)] == [each.duration_s for each in first]
    more = fragmenter.feed(tone(440, 2.0))
    rest = fragmenter.close()
    total_s = sum(each.duration_s for each in (*first, *more, *rest))
    assert [pytest.approx(FRAGMENT_S)] * 5 == [each.duration_s for each in more]
    assert total_s == pytest.approx(2.5, abs=3 * FRAME_S)


def test_each_fragment_can_be_heard_alone() -> None:
    """With the head before it: players begin anywhere (EXT-X-INDEPENDENT-SEGMENTS)."""
    head, fragments = _made(tone(300, 3.0), BYTES_PER_S)
    rate, channels = heard(head + fragments[3].data)
    assert channels.shape[1] / rate == pytest.approx(FRAGMENT_S, abs=FRAME_S)


def test_the_shortest_sound_is_a_fragment() -> None:
    """A moment of silence, of what cannot be said."""
    head, fragments = _made(bytes(BYTES_PER_S // 10), BYTES_PER_S)
    assert (1, True) == (len(fragments), b"ftyp" in head and b"moov" in head)
