"""What became of a request."""

import pytest
from drills import (
    LENGTHS_S,
    PCM,
    WORDS,
    aloud_document,
    aloud_stream,
    answer,
    chunk,
    chunked,
    document,
    event,
    read,
    spoken_chunks,
    trial,
)

from router.drill.answer import Answer, Kind, Told
from router.drill.comparison import Difference
from router.drill.ledger import Outcome, Reference, judged

SPOKEN = {"text": Reference(PCM, (1.0, 1.0, 1.2))}
CHAT = {"text": Reference(b"data: hello\n\ndata: [DONE]\n\n")}
ALOUD = {"text": Reference(PCM, LENGTHS_S, WORDS)}
RETRY = {"retry-after": "1"}
GONE = event({"error": {"message": "gone"}})
SAID = chunk({"audio": {"transcript": WORDS}})


def chat(body: bytes, *, is_complete: bool = True, kind: Kind = Kind.CHAT_SSE) -> Answer:
    return answer(kind, 1.0, 1.1, 2.0, "gpu-llm", sound=body, is_complete=is_complete)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (answer(Kind.SHORT, 1, None, 2, "", status=503, headers=RETRY), Outcome.REFUSED),
        (answer(Kind.SHORT, 1, None, 2, "", status=429, headers=RETRY), Outcome.REFUSED),
        (answer(Kind.SHORT, 1, None, 2, "", status=503), Outcome.FAILED),
        (answer(Kind.SHORT, 1, None, 2, "", status=0), Outcome.FAILED),
        (answer(Kind.SHORT, 1, None, 2), Outcome.FAILED),
        (answer(Kind.SHORT, 1, 2, 2, sound=PCM), Outcome.OK),
        (answer(Kind.SHORT, 1, 2, 2, sound=PCM, is_complete=False), Outcome.DISHONEST),
        (answer(Kind.LONG_SSE, 1, 2, 2, sound=PCM), Outcome.DISHONEST),
        (answer(Kind.SHORT, 1, 2, 2, sound=PCM[:-2]), Outcome.WRONG),
    ],
    ids=["503", "429", "503 without a time", "no answer", "empty", "right", "no end", "no done event", "short"],
)
def test_speech(given: Answer, expected: Outcome) -> None:
    """Compared with what it should be, and ended as it should."""
    assert expected is judged(given, SPOKEN).outcome


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (chat(b"data: hello\n\ndata: [DONE]\n\n"), Outcome.OK),
        (chat(b'data: hel\n\ndata: {"error":{"message":"gone"}}\n\n', is_complete=False), Outcome.BROKEN),
        (chat(b'data: hel\n\ndata: {"error":{"message":"gone"}}\n\n'), Outcome.DISHONEST),
        (chat(b"data: hel\n\n", is_complete=False), Outcome.DISHONEST),
        (chat(b"data: hel\n\ndata: [DONE]\n\n"), Outcome.DISHONEST),
        (chat(b"data: hel\n\n", is_complete=False, kind=Kind.CHAT_JSON), Outcome.DISHONEST),
    ],
    ids=[
        "right",
        "error and a cut",
        "error and a clean end",
        "cut without a word",
        "a part as the whole",
        "half JSON",
    ],
)
def test_chat(given: Answer, expected: Outcome) -> None:
    """A stream may break, but must say so; what looks whole must be whole."""
    assert expected is judged(given, CHAT).outcome


def test_wrong_speech_says_what_is_wrong() -> None:
    """By sentence."""
    found = judged(answer(Kind.LONG_AUDIO, 1, 2, 3, sound=PCM[: 2 * 48_000], is_complete=False), SPOKEN)
    assert found.difference == Difference(missing=(2,))
    assert str(found).startswith("wrong: sentence 3 missing: long speech, audio by gpu-tts")


def test_what_nobody_knows_is_judged_by_its_form() -> None:
    """As of providers that need not sound alike."""
    assert judged(answer(Kind.SHORT, 1, 2, 2, sound=b"xx"), {}).outcome is Outcome.OK
    cut = judged(answer(Kind.SHORT, 1, 2, 2, sound=b"xx", is_complete=False), {})
    assert (cut.outcome, cut.difference) == (Outcome.WRONG, Difference(truncated=(0,)))


def aloud(body: bytes, *, is_complete: bool = True) -> Answer:
    return read(chunked(body, is_whole=is_complete), Kind.ALOUD_SSE)


def muted(*numbers: int, words: str = WORDS) -> bytes:
    return aloud_stream(numbers, words, error={"reason": "no_provider"})


@pytest.mark.parametrize(
    ("given", "outcome", "found"),
    [
        (aloud(aloud_stream()), Outcome.OK, Difference()),
        (aloud(aloud_stream((0, 2))), Outcome.WRONG, Difference(missing=(1,))),
        (aloud(aloud_stream((0, 1, 1, 2))), Outcome.WRONG, Difference(repeated=(1,))),
        (aloud(aloud_stream((1, 0, 2))), Outcome.WRONG, Difference(is_other=True)),
        (aloud(aloud_stream(words="One. Two. Tree.")), Outcome.WRONG, Difference(has_other_words=True)),
        (aloud(aloud_stream(), is_complete=False), Outcome.DISHONEST, Difference()),
        (aloud(aloud_stream()[: -len(b"data: [DONE]\n\n")]), Outcome.DISHONEST, Difference()),
        (aloud(SAID + spoken_chunks(0)), Outcome.WRONG, Difference(missing=(1, 2))),
        (aloud(SAID + spoken_chunks(0), is_complete=False), Outcome.WRONG, Difference(missing=(1, 2))),
        (aloud(SAID + spoken_chunks(0) + GONE), Outcome.WRONG, Difference(missing=(1, 2))),
        (aloud(SAID + spoken_chunks(0) + GONE, is_complete=False), Outcome.BROKEN, Difference(missing=(1, 2))),
        (
            aloud(SAID + spoken_chunks(1) + spoken_chunks(0) + GONE, is_complete=False),
            Outcome.WRONG,
            Difference(missing=(2,)),
        ),
        (aloud(muted()), Outcome.MUTED, Difference(missing=(0, 1, 2))),
        (aloud(muted(0, 1)), Outcome.MUTED, Difference(missing=(2,))),
        (aloud(muted(0, words="One.")), Outcome.WRONG, Difference(missing=(1, 2), has_other_words=True)),
        (aloud(muted(0, 1, 2)), Outcome.DISHONEST, Difference()),
        (read(document(aloud_document()), Kind.ALOUD_JSON), Outcome.OK, Difference()),
        (
            read(document(aloud_document(PCM[: 2 * 48_000])), Kind.ALOUD_JSON),
            Outcome.WRONG,
            Difference(missing=(2,)),
        ),
        (
            read(document(aloud_document(words="One.")), Kind.ALOUD_JSON),
            Outcome.WRONG,
            Difference(has_other_words=True),
        ),
    ],
    ids=[
        "right",
        "a sentence lost",
        "a sentence twice",
        "other order",
        "other words",
        "cut at its end",
        "no [DONE]",
        "a clean end too early",
        "cut without a word",
        "error and a clean end",
        "error and a cut",
        "error and a cut after other sound",
        "never spoken",
        "not spoken to its end",
        "nor written",
        "says that it is mute and is not",
        "whole",
        "whole with less",
        "whole with other words",
    ],
)
def test_chat_aloud(given: Answer, outcome: Outcome, found: Difference) -> None:
    """Words and sound must be right, and an end too early must say so."""
    made = judged(given, ALOUD)
    assert (outcome, found) == (made.outcome, made.difference)


@pytest.mark.parametrize(
    ("given", "outcome", "found"),
    [
        (aloud(aloud_stream(words="Whatever.")), Outcome.OK, Difference()),
        (aloud(aloud_stream((0, 2))), Outcome.WRONG, Difference(missing=(1,))),
        (aloud(aloud_stream((0, 1, 1, 2))), Outcome.WRONG, Difference(repeated=(1,))),
        (aloud(aloud_stream((1, 0, 2))), Outcome.WRONG, Difference(is_other=True)),
        (aloud(SAID + spoken_chunks(0)), Outcome.WRONG, Difference(truncated=(0,))),
        (aloud(muted(0, 1, 2)), Outcome.MUTED, Difference(truncated=(2,))),
        (aloud(chunk({}, "stop") + b"data: [DONE]\n\n"), Outcome.OK, Difference()),
        (aloud(chunk({})), Outcome.FAILED, Difference()),
    ],
    ids=[
        "whole",
        "a sentence lost",
        "a sentence twice",
        "other order",
        "no end",
        "mute",
        "nothing to say",
        "nothing",
    ],
)
def test_chat_aloud_that_nobody_knows(given: Answer, outcome: Outcome, found: Difference) -> None:
    """By its segments' numbers, and by its end."""
    made = judged(given, {})
    assert (outcome, found) == (made.outcome, made.difference)


def test_sound_that_is_shorter_than_what_is_told_is_truncated() -> None:
    """Though nobody knows what it should be."""
    given = read(document(aloud_document(PCM[:-4800])), Kind.ALOUD_JSON)
    given.segments = [Told("gpu-tts", length_s) for length_s in LENGTHS_S]
    assert judged(given, {}).difference == Difference(truncated=(2,))
    given.sound += PCM[-4800:]
    assert judged(given, {}).outcome is Outcome.OK


def test_nothing_excuses_a_chat_aloud_while_somebody_can_speak() -> None:
    """With nobody there, it may break off or stay mute, if it says so."""
    broken = judged(aloud(SAID + spoken_chunks(0) + GONE, is_complete=False), ALOUD)
    mute, right = judged(aloud(muted()), ALOUD), judged(aloud(aloud_stream()), ALOUD)
    chat_broken = judged(chat(b'data: {"error":{"message":"gone"}}\n\n', is_complete=False), CHAT)
    fallback, nobody = trial(), trial(has_fallback=False)
    answers = (right, chat_broken, broken, mute)
    assert [True, True, False, False] == [fallback.is_fine(each) for each in answers]
    assert [True] * 4 == [nobody.is_fine(each) for each in answers]
