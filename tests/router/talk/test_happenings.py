"""What each event of a spoken chat tells."""

import base64
import json

import pytest

from router.errors import Malformed
from router.talk.happenings import Ended, Failed, Fault, Named, Segment, Sounded, Summed, Wrote, happenings_in


def of(delta: object) -> bytes:
    return json.dumps({"id": "x", "choices": [{"index": 0, "delta": delta}], "usage": None}).encode()


@pytest.mark.parametrize(
    "data", [b"", of({"role": "assistant", "content": ""}), b'{"choices":[],"usage":{}}', of({})]
)
def test_what_tells_nothing(data: bytes) -> None:
    """A comment, the role, usage, the reason for the end."""
    assert [] == happenings_in(data)


def test_words_come_in_two_ways() -> None:
    """As a transcript, or as content when nobody can speak."""
    assert [Wrote("Hi")] == happenings_in(of({"content": "Hi"}))
    assert [Named("audio_1"), Wrote("Hi")] == happenings_in(of({"audio": {"id": "audio_1", "transcript": "Hi"}}))


def test_sound_comes_with_the_words_that_begin_with_it() -> None:
    """On the first piece of each segment only."""
    data = base64.b64encode(b"\0\1\2\3").decode()
    segment = {"index": 2, "text": "Hi.", "audio_duration": 0.5, "provider": "a"}
    assert [Sounded(b"\0\1\2\3", Segment(2, "a", "Hi.", None, 0.5))] == happenings_in(
        of({"audio": {"data": data, "segment": segment}})
    )
    assert [Sounded(b"\0\1\2\3")] == happenings_in(of({"audio": {"data": data}}))


def test_the_sum_at_the_end() -> None:
    """With the reason, when the speech ended before the text."""
    audio = {
        "expires_at": 1,
        "audio_duration": 1.5,
        "generation_time": 0.5,
        "substitution": "voice=x",
        "segments": [{"index": 0, "provider": "a", "engine": "e", "audio_duration": 1.5, "characters": 3}],
        "error": {"message": "No provider.", "code": "c", "reason": "no_provider"},
    }
    fault = Fault("No provider.", "c", "no_provider")
    expected = Summed(1.5, 0.5, "voice=x", (Segment(0, "a", "", "e", 1.5),), fault)
    assert [expected] == happenings_in(of({"audio": audio}))


def test_the_end_and_what_is_none() -> None:
    """A stream ends with a mark, or breaks off with an error."""
    assert [Ended()] == happenings_in(b"[DONE]")
    assert [Failed(Fault("Lost.", "x"))] == happenings_in(b'{"error":{"message":"Lost.","code":"x","type":"y"}}')


@pytest.mark.parametrize(
    "data", [b"{", b"[]", b"\xff", of({"audio": {"data": "%%%"}}), of({"content": 7}), of({"audio": {"id": 1}})]
)
def test_what_is_no_chunk_is_malformed(data: bytes) -> None:
    """Broken JSON, wrong types, base64 that is none."""
    with pytest.raises(Malformed):
        happenings_in(data)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("m", "c", "r"), "m"),
        (Fault("", "c", "r"), "r"),
        (Fault("", "c"), "c"),
        (Fault(), "no reason was told"),
    ],
)
def test_a_fault_says_what_it_can(fault: Fault, said: str) -> None:
    """Its message, else its reason, else its code."""
    assert said == str(fault)
