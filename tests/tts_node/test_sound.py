"""Pace without pitch, pitch without pace, loudness without clipping: measured on a voiced sound."""

from itertools import pairwise

import pytest

from measuring import level_db, pitch_hz, samples_of, vowel
from tts_node.domain import SpeechRequest
from tts_node.sound.encoding import encoder_for
from tts_node.sound.rendering import Rendering, Tuner, Tuning, rendering_of, tempo_factors, tuning_of

VOWEL = vowel(2.0)
STEP = 4800


def tuned(tuning: Tuning, pcm: bytes = VOWEL, step: int = STEP) -> bytes:
    """Through the filters, in steps."""
    tuner = Tuner(tuning)
    return b"".join(tuner.feed(pcm[at : at + step]) for at in range(0, len(pcm), step)) + tuner.flush()


@pytest.mark.parametrize("tempo", [0.25, 0.4, 0.5, 0.8, 1.25, 2.0, 3.0, 4.0])
def test_speed_leaves_the_pitch(tempo: float) -> None:
    """The duration follows to the sample, the pitch stays within 2 %."""
    heard = tuned(Tuning(tempo=tempo))
    assert 2.0 / tempo == pytest.approx(len(heard) / 48_000, abs=0.0001)
    assert 150 == pytest.approx(pitch_hz(samples_of(heard)), rel=0.02)
    assert level_db(samples_of(VOWEL)) == pytest.approx(level_db(samples_of(heard)), abs=1.5)


@pytest.mark.parametrize("pitch", [0.5, 0.8, 1.1, 1.5, 2.0])
def test_pitch_leaves_the_speed(pitch: float) -> None:
    """The pitch follows within 2 %, the duration stays to the sample."""
    heard = tuned(Tuning(pitch=pitch))
    assert len(VOWEL) == len(heard)
    assert 150 * pitch == pytest.approx(pitch_hz(samples_of(heard)), rel=0.02)


def test_speed_and_pitch_together() -> None:
    """Each does its own."""
    heard = tuned(Tuning(tempo=0.5, pitch=1.5))
    assert 4.0 == pytest.approx(len(heard) / 48_000, abs=0.0001)
    assert 225 == pytest.approx(pitch_hz(samples_of(heard)), rel=0.02)


@pytest.mark.parametrize(("volume", "change_db"), [(0.25, -12.04), (0.5, -6.02), (2.0, 6.02), (3.0, 9.54)])
def test_volume_in_decibels(volume: float, change_db: float) -> None:
    """Where there is room, a factor is a factor."""
    heard = tuned(Tuning(volume=volume))
    assert change_db == pytest.approx(level_db(samples_of(heard)) - level_db(samples_of(VOWEL)), abs=0.2)
    assert len(VOWEL) == len(heard)


def test_too_loud_is_limited_and_neither_wraps_nor_clips() -> None:
    """Four times a loud sound: no sample at the rails, no jump that the sound itself has not."""
    loud = vowel(2.0, peak=30_000)
    heard = samples_of(tuned(Tuning(volume=4.0), loud))[2400:]
    assert 32_100 > max(map(abs, heard)) > 25_000
    steps = [abs(b - a) for a, b in pairwise(heard)]
    before = samples_of(loud)
    assert max(steps) < 1.3 * max(abs(b - a) for a, b in pairwise(before))


def test_no_volume_is_silence() -> None:
    """As long as the speech."""
    assert bytes(len(VOWEL)) == tuned(Tuning(volume=0.0))


@pytest.mark.parametrize("tuning", [Tuning(0.6), Tuning(2.5, 1.3), Tuning(1.0, 0.7, 3.0)])
def test_streamed_equals_whole(tuning: Tuning) -> None:
    """How the samples come makes no difference to those that go."""
    assert tuned(tuning, step=len(VOWEL)) == tuned(tuning, step=1000)


def test_the_end_is_not_lost() -> None:
    """A sound after silence, up to the very last sample, is still there when speech is stretched."""
    late = bytes(48_000) + vowel(0.2)
    heard = samples_of(tuned(Tuning(tempo=0.5), late))
    assert level_db(heard[-4800:]) > level_db(samples_of(vowel(0.2))) - 4


def test_audio_comes_while_it_goes_in() -> None:
    """Within 0.3 s of speech something is heard."""
    tuner = Tuner(Tuning(0.8, 1.2, 2.0))
    assert any(tuner.feed(VOWEL[at : at + STEP]) for at in range(0, 3 * STEP, STEP))


def test_nothing_in_nothing_out() -> None:
    """No speech, no fault."""
    assert b"" == tuned(Tuning(0.5, 1.5, 2.0), b"")


@pytest.mark.parametrize(
    ("tempo", "count"), [(1.0, 0), (0.5, 1), (2.0, 1), (0.49, 2), (0.125, 3), (8.0, 3), (4.0, 2)]
)
def test_tempos_are_chained(tempo: float, count: int) -> None:
    """Each factor within what a filter does well; their product is the tempo."""
    factors = tempo_factors(tempo)
    product = 1.0
    for factor in factors:
        assert 0.5 <= factor <= 2.0
        product *= factor
    assert count == len(factors)
    assert tempo == pytest.approx(product)


@pytest.mark.parametrize(
    ("has_speed", "expected"), [(True, Tuning(1.0, 1.2, 0.5)), (False, Tuning(1.5, 1.2, 0.5))]
)
def test_an_engine_with_its_own_speed_is_not_hurried_twice(has_speed: bool, expected: Tuning) -> None:
    """espeak speaks faster by itself; Chatterbox does not."""
    request = SpeechRequest("Hi", speed=1.5, pitch=1.2, volume=0.5)
    assert expected == tuning_of(request, has_speed=has_speed)


def test_a_rendering_knows_what_is_heard() -> None:
    """Counted after the tempo, whatever the format; untouched samples are passed as they are."""
    request = SpeechRequest("Hi", speed=2.0)
    rendering = rendering_of(request, has_speed=False, is_whole=True)
    rendering.feed(VOWEL)
    rendering.finish()
    assert rendering.is_slow
    assert 1.0 == pytest.approx(rendering.heard_s, abs=0.0001)
    plain = Rendering(Tuning(), encoder_for(SpeechRequest("Hi").format.PCM, is_whole=True))
    assert (False, VOWEL, b"", 2.0) == (plain.is_slow, plain.feed(VOWEL), plain.finish(), plain.heard_s)
    plain.close()
    rendering.close()
