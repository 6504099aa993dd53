"""The figures of a trial."""

import pytest
from drills import answer, by_form, fine, good_trial, ledger, trial

from router.domain import BYTES_PER_S
from router.drill.answer import Kind
from router.drill.comparison import Difference
from router.drill.figures import by_fault, figures_of, percentile
from router.drill.hearing import Arrival
from router.drill.ledger import Judged, Outcome
from router.drill.load import Scene
from router.drill.router_log import Notice


def test_good_trial() -> None:
    """Each figure, once."""
    row = figures_of(good_trial())
    assert (row.requests, row.failed, row.broken, row.truncated) == (5, 0, 0, 0)
    assert row.detected_s == pytest.approx(0.5)
    assert row.elsewhere_s == pytest.approx(0.9)
    assert row.first_audio_s == pytest.approx((0.9, 0.7))
    assert row.until_known_s == pytest.approx((0.9,))
    assert row.gaps_s == (0.0,)
    assert row.aloud_gaps_s == pytest.approx((0.2,))
    assert row.returned_s == pytest.approx(0.3)


def test_detection_is_the_routers_word_or_its_deed() -> None:
    """Its log, or a request in that provider's place at the other machine, whichever is first; not before the
    fault, nor about others."""
    notices = [
        Notice(99.0, "gpu-tts", "down"),
        Notice(100.1, "cpu-tts", "down"),
        Notice(100.2, "gpu-tts", "up"),
        Notice(100.8, "gpu", "unreachable"),
    ]
    assert figures_of(trial(notices=notices)).detected_s == pytest.approx(0.8)
    asked = {"gpu-tts": [100.1], "cpu-llm": [100.2], "cpu-tts": [99.9, 100.4]}
    assert figures_of(trial(notices=notices, asked=asked)).detected_s == pytest.approx(0.4)


def test_detection_counts_from_when_the_fault_could_be_noticed() -> None:
    """Of several providers, the one that took longest; one that nobody asked meanwhile says nothing."""
    notices = [Notice(102.5, "gpu-tts", "failover"), Notice(101.2, "gpu-llm", "failover")]
    providers = {"gpu-tts": 102.4, "gpu-llm": 100.3}
    assert figures_of(trial(providers=providers, notices=notices)).detected_s == pytest.approx(0.9)
    assert figures_of(trial(providers={"gpu-tts": None}, notices=notices)).detected_s is None


def test_first_audio_counts_from_when_the_fault_met_the_request() -> None:
    """A cut in the middle of an answer costs nothing before."""
    cut = answer(Kind.SHORT, 101.0, 102.5, 102.5, "cpu-tts")
    assert figures_of(trial(fine(cut), struck={"gpu-tts": [101.7]})).first_audio_s == pytest.approx((0.8,))


def test_first_audio_is_measured_in_the_quiet_where_somebody_else_could_speak() -> None:
    """In a crowd it would measure the queue."""
    asked = fine(answer(Kind.SHORT, 101.0, 101.7, 101.7, "cpu-tts"))
    assert figures_of(trial(asked, scene=Scene.CROWD)).first_audio_s == ()
    assert figures_of(trial(asked, has_fallback=False)).first_audio_s == ()


def test_gap_is_of_who_listens_when_the_fault_strikes() -> None:
    """Not of who began later, nor of who had heard all."""
    in_the_middle = answer(Kind.LONG_AUDIO, 95.0, 96.0, 104.0)
    in_the_middle.arrivals = [Arrival(96.0, 5 * BYTES_PER_S), Arrival(101.25, 6 * BYTES_PER_S)]
    others = [answer(Kind.LONG_AUDIO, 91.0, 92.0, 99.0), answer(Kind.LONG_SSE, 101.0, 102.0, 104.0)]
    assert figures_of(trial(fine(in_the_middle, *others))).gaps_s == pytest.approx((0.25,))


def test_return_is_by_whoever_took_longest() -> None:
    """From when it could serve; never, when nothing was answered by it."""
    answers = fine(
        answer(Kind.SHORT, 105.1, 105.4, 105.4, "cpu-tts"),
        answer(Kind.SHORT, 108.0, 108.5, 108.5),
        answer(Kind.CHAT_JSON, 107.0, 107.1, 107.1, "gpu-llm"),
    )
    both = {"gpu-tts": 100.0, "gpu-llm": 100.0}
    assert figures_of(trial(answers, providers=both, ready_s=106.5)).returned_s == pytest.approx(1.5)
    assert figures_of(trial(answers, providers={"gpu-other": 100.0})).returned_s is None
    assert figures_of(trial(answers, ready_s=None)).returned_s is None
    seen = {"gpu-tts": [99.0, 105.7]}
    assert figures_of(trial(answers, asked=seen)).returned_s == pytest.approx(0.7)


def test_refusals_are_failures_unless_nobody_could_serve() -> None:
    """With both machines gone, a 503 that says when to come back is all that can be said."""
    refused = by_form(answer(Kind.SHORT, 101.0, None, 101.0, "", status=503, headers={"retry-after": "1"}))
    assert (figures_of(trial(refused)).failed, figures_of(trial(refused)).refused) == (1, 0)
    gone = figures_of(trial(refused, has_fallback=False))
    assert (gone.failed, gone.refused) == (0, 1)


def test_what_is_missing_of_a_chat_aloud_counts_unless_nobody_could_speak() -> None:
    """Then it is refused, in words."""
    mute = Judged(answer(Kind.ALOUD_SSE, 101.0, None, 102.0), Outcome.MUTED, Difference(missing=(0, 1)))
    row, gone = figures_of(trial([mute])), figures_of(trial([mute], has_fallback=False))
    assert (row.missing, row.refused, gone.missing, gone.refused) == (2, 0, 0, 1)


def test_other_words_are_counted() -> None:
    """Each answer that has some."""
    other = Judged(answer(Kind.ALOUD_JSON, 101.0, 102.0, 102.0), Outcome.WRONG, Difference(has_other_words=True))
    assert figures_of(trial([other, *good_trial().answers])).other_words == 1


def test_chats_aloud_do_not_say_where_others_went() -> None:
    """They are written by a machine that no fault takes."""
    aloud = answer(Kind.ALOUD_SSE, 100.1, 100.2, 102.0, "cpu-writer")
    assert figures_of(trial(fine(aloud), providers={"gpu-llm": 100.0})).elsewhere_s is None


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 2.0), (0.99, 4.0), (1.0, 4.0), (0.01, 1.0)], ids=["p50", "p99", "max", "p1"]
)
def test_percentile(share: float, expected: float) -> None:
    """Nearest rank."""
    assert expected == percentile([4.0, 1.0, 3.0, 2.0], share)
    assert percentile([], share) is None


def test_trials_are_gathered_by_fault_in_their_order() -> None:
    """Both scenes of one."""
    rows = by_fault(ledger(trial(fault="b"), trial(fault="a"), trial(fault="b")))
    assert {name: len(trials) for name, trials in rows.items()} == {"b": 2, "a": 1}
    assert list(rows) == ["b", "a"]
