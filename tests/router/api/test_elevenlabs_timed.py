"""Speech with the times of its characters."""

import base64
import json
from itertools import pairwise
from typing import Any

import pytest
from elevens import convert, detail_of, eleven_house
from fakes import FakeSpeech, speech_card
from houses import Answer, FakeHouse
from narrating import SEED, SENTENCES, TEXT, cut, pcm_of, said
from running import run

from router.api.elevenlabs_timed import PIECE_BYTES, Alignment
from router.domain import BYTES_PER_S, Segment, Utterance
from router.errors import ConnectionLost
from router.spoken import NOTHING

WHOLE, LINES = "/with-timestamps", "/stream/with-timestamps"


def _documents(answer: Answer) -> list[Any]:
    return [json.loads(line) for line in answer.body.splitlines() if line]


def _sound(documents: list[Any]) -> bytes:
    return b"".join(base64.b64decode(each["audio_base64"]) for each in documents)


def _times(documents: list[Any]) -> list[tuple[str, float, float]]:
    """Character, begin and end, of all alignments."""
    return [
        triple
        for each in documents
        if each["alignment"] is not None
        for triple in zip(*each["alignment"].values(), strict=True)
    ]


def test_characters_share_a_duration_evenly() -> None:
    """To the millisecond."""
    alignment = Alignment([], [], [])
    alignment.add("abc", 1.0, 0.9)
    alignment.add(" ", 1.9, 0.0)
    assert Alignment([*"abc "], [1.0, 1.3, 1.6, 1.9], [1.3, 1.6, 1.9, 1.9]) == alignment


@pytest.mark.parametrize("text", ["Hello there.", TEXT])
def test_the_whole_is_one_document(text: str) -> None:
    """With its length, all of the sound, and headers that tell of it."""
    answer = run(convert(eleven_house(), text, way=WHOLE, seed=SEED))
    (document,) = _documents(answer)
    assert (200, "application/json", pcm_of(text)) == (
        answer.status,
        answer.get("content-type"),
        _sound([document]),
    )
    assert str(len(answer.body)) == answer.get("content-length")
    assert f"{len(pcm_of(text)) / BYTES_PER_S:.3f}" == answer.get("x-audio-duration")
    assert ("0", True) == (answer.get("character-cost"), answer.get("request-id") is not None)
    assert document["alignment"] == document["normalized_alignment"]


@pytest.mark.parametrize("way", [WHOLE, LINES])
def test_the_times_are_those_of_the_segments(way: str) -> None:
    """Each begins where its sound begins, and the next where it ends, and all the characters are there."""
    documents = _documents(run(convert(eleven_house(), TEXT, way=way, seed=SEED)))
    times, passages = _times(documents), cut(TEXT)
    assert " ".join(passage.text for passage in passages) == "".join(c for c, _, _ in times)
    assert all(begin <= end for _, begin, end in times)
    assert all(end == begin for (_, _, end), (_, begin, _) in pairwise(times))
    at, start_s = 0, 0.0
    for passage in passages:
        assert abs(times[at][1] - start_s) < 0.002
        at += len(passage.text) + 1
        start_s += len(said(Segment(passage.text, None, 1, None, SEED)).pcm) / BYTES_PER_S + passage.pause_s
    assert times[-1][2] <= start_s + 0.002


def test_lines_come_as_it_is_spoken() -> None:
    """One for each piece; the first of a segment has its times."""
    answer = run(convert(eleven_house(), TEXT, way=LINES, seed=SEED))
    documents = _documents(answer)
    assert (200, True, None) == (answer.status, answer.is_complete, answer.get("content-length"))
    assert pcm_of(TEXT) == _sound(documents)
    assert len(cut(TEXT)) == sum(each["alignment"] is not None for each in documents)
    assert documents[0]["alignment"] is not None
    assert all(chunk.endswith(b"}\n") for chunk in answer.chunks)


def test_the_default_format_is_compressed() -> None:
    """Lines of MP3 are one file."""
    answer = run(convert(eleven_house(), TEXT, way=LINES, query=""))
    assert _sound(_documents(answer))[:2] in {b"\xff\xfb", b"\xff\xf3"}


@pytest.mark.parametrize("way", [WHOLE, LINES])
def test_where_nothing_can_be_said(way: str) -> None:
    """A moment of silence, and no character."""
    documents = _documents(run(convert(eleven_house(), "🎉", way=way)))
    assert (NOTHING, []) == (_sound(documents), _times(documents))


def test_a_long_document_is_sent_in_pieces() -> None:
    """Each of them whole base64, so that together they are one."""
    long = FakeHouse(
        FakeSpeech(speech_card("gpu"), lambda _: Utterance(bytes(2 * PIECE_BYTES + 2), 0.1, "engine", "alloy"))
    )
    long.report("gpu", "m", voices=("alloy",))
    answer = run(convert(long, "Hello there.", way=WHOLE))
    assert 5 == len(answer.chunks)
    assert bytes(2 * PIECE_BYTES + 2) == _sound(_documents(answer))
    assert str(len(answer.body)) == answer.get("content-length")


@pytest.mark.parametrize("way", [WHOLE, LINES])
def test_what_became_of_it_can_be_asked(way: str) -> None:
    """By its number, as of any answer."""
    house = eleven_house(has_rest=True)

    async def main() -> Any:
        await convert(house, TEXT, (b"x-request-id", b"id-1"), way=way, seed=SEED)
        return (await house.ask("GET", "/v1/audio/speech/id-1")).json

    told = run(main())
    assert ("completed", len(cut(TEXT))) == (told["status"], len(told["segments"]))
    assert abs(told["audio_duration"] - len(pcm_of(TEXT)) / BYTES_PER_S) < 0.01


@pytest.mark.parametrize("way", [WHOLE, LINES])
def test_a_fault_before_the_first_byte_has_its_status(way: str) -> None:
    """As of any answer."""
    house = eleven_house()
    house.drained.add("gpu")
    answer = run(convert(house, way=way))
    assert (503, "system_busy") == (answer.status, detail_of(answer)["code"])


def test_a_fault_in_the_middle_is_the_last_line() -> None:
    """And then the connection is cut."""

    def until_the_third(segment: Segment) -> Utterance:
        if SENTENCES[3] in segment.text or segment.text in SENTENCES[3]:
            raise ConnectionLost("gone")
        return said(segment)

    house = FakeHouse(FakeSpeech(speech_card("gpu"), until_the_third))
    house.report("gpu", "m", voices=("alloy",))
    answer = run(convert(house, " ".join(SENTENCES * 3), way=LINES))
    *_, last = _documents(answer)
    assert (200, False, "system_busy") == (answer.status, answer.is_complete, last["detail"]["code"])
