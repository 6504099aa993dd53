"""What became of a request."""

import pytest
from drills import PCM, answer

from router.drill.answer import Answer, Kind
from router.drill.comparison import Difference
from router.drill.ledger import Outcome, Reference, judged

SPOKEN = {"text": Reference(PCM, (1.0, 1.0, 1.2))}
CHAT = {"text": Reference(b"data: hello\n\ndata: [DONE]\n\n")}
RETRY = {"retry-after": "1"}


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
