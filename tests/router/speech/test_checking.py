"""Whether audio can be the whole of its text."""

import pytest

from router.errors import Malformed
from router.speech.checking import check_duration


def _verdict(seconds: float, text: str, speed: float = 1.0) -> str:
    try:
        check_duration(bytes(int(seconds * 24_000) * 2), text, speed)
    except Malformed as fault:
        return "short" if "too short" in fault.message else "long"
    return "fine"


SENTENCE = "The quick brown fox jumps over the lazy dog."


@pytest.mark.parametrize(
    ("seconds", "text", "speed", "expected"),
    [
        (2.8, SENTENCE, 1.0, "fine"),
        (0.8, SENTENCE, 4.0, "fine"),
        (11.0, SENTENCE, 0.25, "fine"),
        (0.0, SENTENCE, 1.0, "short"),
        (0.3, SENTENCE, 1.0, "fine"),
        (0.2, SENTENCE, 1.0, "short"),
        (0.06, SENTENCE, 4.0, "fine"),
        (0.05, SENTENCE, 4.0, "short"),
        (70.0, SENTENCE, 1.0, "long"),
        (70.0, SENTENCE, 0.25, "fine"),
        (0.0, "", 1.0, "fine"),
        (0.0, "…!?", 1.0, "fine"),
        (0.3, "Hi", 1.0, "fine"),
        (0.0, "Hi", 1.0, "short"),
        (0.02, "I", 4.0, "short"),
        (9.0, "1234567890", 1.0, "fine"),
        (13.0, "Hi", 1.0, "long"),
        (4.0, "こんにちは、世界。今日はいい天気ですね。", 1.0, "fine"),
    ],
)
def test_verdicts(seconds: float, text: str, speed: float, expected: str) -> None:
    """The bounds are wide: they catch what is cut or babbles, not what is slow or quick."""
    assert expected == _verdict(seconds, text, speed)
