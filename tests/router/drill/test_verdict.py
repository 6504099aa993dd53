"""Whether the promises hold."""

from dataclasses import replace

import pytest
from drills import answer, by_form, fine, good_trial, ledger, trial

from router.drill.answer import Kind
from router.drill.comparison import Difference
from router.drill.ledger import Judged, Outcome, Trial
from router.drill.load import Scene
from router.drill.router_log import Notice
from router.drill.verdict import verdict


def broken(given: Trial) -> list[str]:
    """The promises that a drill with the good trial and this one does not keep."""
    return [one.name.partition(",")[0] for one in verdict(ledger(good_trial(), given)) if not one.holds]


def wrong(difference: Difference) -> Trial:
    said = Judged(answer(Kind.LONG_AUDIO, 91.0, 92.0, 99.0), Outcome.WRONG, difference)
    return trial((said, *good_trial().answers), notices=good_trial().notices)


def back(*answers: Judged) -> tuple[Judged, ...]:
    return (*answers, *good_trial().answers)


def test_everything_holds() -> None:
    """And each promise was put to the test."""
    criteria = verdict(ledger(good_trial()))
    assert [one.holds for one in criteria] == [True] * 10
    assert None not in [one.actual for one in criteria]


def test_what_was_not_measured_does_not_hold() -> None:
    """Unless it is the person's own provider, which cannot be put to every test."""
    empty = ledger(replace(good_trial(), answers=()))
    assert not all(one.holds for one in verdict(empty))
    assert verdict(empty)[7].actual is None
    assert verdict(empty)[5].actual is None
    assert None not in [one.actual for one in verdict(empty, is_own=True)]


REFUSED = by_form(answer(Kind.SHORT, 101.0, None, 101.0, "", status=503, headers={"retry-after": "1"}))
SLOW_FIRST = fine(answer(Kind.SHORT, 101.0, 102.5, 102.5, "cpu-tts"))
CUT_SHORT = Judged(answer(Kind.SHORT, 91.0, 92.0, 99.0), Outcome.DISHONEST)
LATE = [Notice(101.5, "gpu-tts", "down")]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (good_trial(), []),
        (replace(good_trial(), answers=back(*REFUSED)), ["failed requests that had not begun"]),
        (wrong(Difference(truncated=(1,))), ["truncated sentences"]),
        (wrong(Difference(repeated=(1,))), ["repeated sentences"]),
        (wrong(Difference(missing=(1,))), ["missing sentences"]),
        (wrong(Difference(is_other=True)), ["other differences of sound"]),
        (replace(good_trial(), answers=back(CUT_SHORT)), ["other differences of sound"]),
        (wrong(Difference(has_other_words=True)), ["chats aloud with words that are not the model's"]),
        (replace(good_trial(), notices=tuple(LATE)), ["detection"]),
        (replace(good_trial(), notices=tuple(LATE), is_sudden=False), []),
        (replace(good_trial(), answers=back(*SLOW_FIRST)), ["first audio after the fault"]),
        (replace(good_trial(), answers=back(*SLOW_FIRST), scene=Scene.CROWD), []),
        (replace(good_trial(), ready_s=None), ["return"]),
        (replace(good_trial(), answers=good_trial().answers[:3]), ["return"]),
    ],
    ids=[
        "good",
        "503",
        "cut off",
        "twice",
        "lost",
        "other",
        "half",
        "misquoted",
        "late",
        "slow",
        "first",
        "crowd",
        "dead",
        "gone",
    ],
)
def test_promise_that_is_broken_is_named(given: Trial, expected: list[str]) -> None:
    """That one and no other."""
    assert expected == broken(given)


def test_worst_figure_is_told_with_its_fault() -> None:
    """So that one knows where to look."""
    late = replace(good_trial(), fault="hung", notices=(Notice(102.0, "gpu-tts", "down"),))
    told = [(one.name, one.actual, one.by, one.holds) for one in verdict(ledger(good_trial(), late))]
    assert ("detection, worst", 2.0, "hung", False) in told
