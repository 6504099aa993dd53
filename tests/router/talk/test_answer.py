"""What is known of an answer while it comes."""

from talks import pcm, sounded

from router.talk.answer import Answer
from router.talk.happenings import (
    Arrived,
    Ended,
    Failed,
    Fault,
    Happening,
    Named,
    Opened,
    Segment,
    Sounded,
    Summed,
    Wrote,
)


def after(*happenings: tuple[float, Happening]) -> Answer:
    answer = Answer(asked_s=10.0)
    for at_s, happening in happenings:
        answer.take(Arrived(at_s, happening))
    return answer


def test_words_and_the_first_of_each() -> None:
    """The first word and the first sound have their times; later ones do not change them."""
    answer = after(
        (10.1, Named("audio_1")), (10.2, Wrote("Hi ")), (10.3, Wrote("you")), (10.5, sounded(1, 0, "Hi"))
    )
    answer.take(Arrived(11.0, Sounded(pcm(1))))
    assert (10.2, 10.5, "Hi you", "audio_1", 2.0) == (
        answer.first_word_s,
        answer.first_sound_s,
        answer.text,
        answer.audio_id,
        answer.audio_s,
    )


def test_the_longest_gap_is_the_listeners() -> None:
    """Sound that comes before the last has been played makes none."""
    answer = after((10.0, sounded(1, 0, "a")), (10.9, sounded(1, 1, "b")), (12.5, sounded(1, 2, "c")))
    answer.take(Arrived(13.75, sounded(1, 3, "d")))
    assert 0.5 == answer.longest_gap_s


def test_what_was_heard_is_the_segments_that_had_begun() -> None:
    """Not what was only written, nor what had only arrived."""
    answer = after((10.0, Wrote("One. Two. Three.")), (10.1, sounded(1, 0, "One. ")), (10.2, Sounded(pcm(1))))
    answer.take(Arrived(10.3, sounded(1, 1, "Two. ")))
    assert ["", "One.", "One.", "One. Two."] == [answer.heard(played_s) for played_s in (0.0, 0.1, 2.0, 2.1)]


def test_of_an_answer_that_nobody_speaks_the_text_is_known() -> None:
    """Somebody has read it; of one that is to be spoken, nothing is heard yet."""
    assert "Hi" == after((10.0, Opened(mute="no_provider")), (10.1, Wrote("Hi"))).heard(0.0)
    assert "" == after((10.0, Opened()), (10.1, Wrote("Hi"))).heard(0.0)


def test_an_answer_is_whole_with_its_mark() -> None:
    """Not when it failed, whatever comes then."""
    assert after((11.0, Ended())).is_whole
    failed = after((10.5, Failed(Fault("Lost."))), (11.0, Ended()))
    assert (False, "Lost.") == (failed.is_whole, failed.failure)


def test_whose_voices_it_has() -> None:
    """As the sum says, else as far as was told."""
    answer = after(
        (10.1, sounded(1, 0, "a", "x")), (10.2, sounded(1, 1, "b", "y")), (10.3, sounded(1, 2, "c", "x"))
    )
    assert ["x", "y"] == answer.providers
    answer.take(Arrived(11.0, Summed(1.0, 0.1, None, (Segment(0, "z"), Segment(1, None)), None)))
    assert ["z"] == answer.providers
