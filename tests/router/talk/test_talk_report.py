"""What is told of an answer."""

import pytest
from talks import SUMMED, pcm, sounded

from router.talk.answer import Answer
from router.talk.happenings import (
    Arrived,
    Ended,
    Failed,
    Fault,
    Happening,
    Opened,
    Segment,
    Sounded,
    Summed,
    Wrote,
)
from router.talk.report import interruption, report

OPENED = Opened("ollama", "llama3.2", 1, "req-1")


def after(*happenings: tuple[float, Happening]) -> Answer:
    answer = Answer(100.0)
    for at_s, happening in happenings:
        answer.take(Arrived(at_s, happening))
    return answer


def test_a_good_answer_is_one_line() -> None:
    """Both firsts count from the question."""
    told = report(
        after(
            (100.2, OPENED),
            (100.31, Wrote("Hi.")),
            (100.92, sounded(1.0, 0, "Hi.")),
            (102.17, Sounded(pcm(1.0))),
            (103.0, SUMMED),
            (103.0, Ended()),
        )
    )
    figures = (
        "first word 0.31 s (ollama, llama3.2) · first sound 0.92 s (gaming-pc-tts, turbo) · "
        "1 segment, 2.0 s of speech, generated in 0.5 s · longest gap 0.25 s"
    )
    assert [figures] == told


def test_what_went_wrong_has_lines_of_its_own() -> None:
    """Who failed, who spoke instead, with what, and how far."""
    segments = (Segment(0, "pc", engine="turbo"), Segment(1, "cpu", engine="espeak", cached=True))
    answer = after(
        (100.2, Opened("cpu-llm", "m", 2, "req-1")),
        (100.3, Wrote("Hi.")),
        (100.9, sounded(1.0, 0, "Hi.", "pc")),
        (101.0, Summed(1.0, 0.5, "model=espeak", segments, Fault("No provider can serve speech."))),
        (101.1, Failed(Fault("Lost."))),
    )
    answer.failovers = ("provider_host_lost", "provider_overdue")
    first, *others = report(answer)
    assert "2 segments, 1.0 s of speech, generated in 0.5 s, 1 from the cache" in first
    assert [
        "failed over: cpu-llm wrote it at attempt 2; a voice was given up (host lost, overdue)",
        "spoken by pc, then cpu",
        "voice substituted: model=espeak",
        "the speech ended before the text: No provider can serve speech.",
        "the answer broke off: Lost.",
    ] == others


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (after(), ["no word"]),
        (after((100.5, OPENED), (100.5, Wrote("a"))), ["first word 0.50 s (ollama, llama3.2)"]),
        (after((100.5, Opened(mute="no_provider")), (100.5, Wrote("a"))), None),
    ],
    ids=["nothing", "text", "mute"],
)
def test_without_sound(answer: Answer, told: list[str] | None) -> None:
    """There are no figures of it, but perhaps a reason."""
    silent = ["first word 0.50 s", "no sound: no_provider"]
    assert (told or silent) == report(answer)


def test_a_voice_that_fails_at_once_is_no_sound() -> None:
    """And not an end before the end."""
    lost = Summed(0.0, 0.0, None, (), Fault("No provider can serve speech."))
    told = report(after((100.5, Opened()), (100.5, Wrote("a")), (101.0, lost), (101.0, Ended())))
    assert ["first word 0.50 s", "no sound: No provider can serve speech."] == told


def test_before_the_sum_the_segments_that_came_count() -> None:
    """Of an answer that was stopped."""
    told = report(after((100.5, Wrote("a")), (101.0, sounded(1.0, 0, "a", "pc"))))
    assert [
        "first word 0.50 s · first sound 1.00 s (pc) · 1 segment, 1.0 s of speech · longest gap 0.00 s"
    ] == told


def test_an_interruption() -> None:
    """Says how far it had come."""
    answer = after((100.5, sounded(3.0, 0, "a")))
    assert interruption(answer, 1.25).startswith("stopped after 1.2 s of speech")
    assert "stopped" == interruption(after(), 0.0)
