"""ChatTTS' dialect of /v1/audio/speech: `text` in the place of `input`."""

import json
from typing import Any

import pytest
from aloud import pcm_in
from fakes import FakeSpeech, speech_card
from houses import Answer, FakeHouse
from narrating import said, sound_of
from running import run

from router.api.chattts_body import DEFAULTS, headers_of, is_chattts, speech_of
from router.spoken import SpokenAnswer

# As document 003 has it.
DOCUMENTS_BODY = {
    "text": "Hello world",
    "voice": "female_1",
    "speed": 1.0,
    "temperature": 0.3,
    "top_p": 0.7,
    "top_k": 20,
    "response_format": "wav",
    "use_refine": False,
}


def _house() -> FakeHouse:
    routes = {"speech": {"serves": "speech", "routes": [{"provider": "node", "model": "v"}]}}
    house = FakeHouse(FakeSpeech(speech_card("node"), said), settings={"models": routes})
    house.report("node", "v", voices=["alloy"])
    return house


def _say(house: FakeHouse, **fields: Any) -> Answer:
    return run(house.say(json.dumps({**DOCUMENTS_BODY, **fields}).encode()))


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"text": "a"}, True),
        ({"text": "a", "input": "b"}, False),
        ({"text": "a", "input": None}, False),
        ({"text": 5}, False),
        ({"input": "b"}, False),
        ({}, False),
    ],
)
def test_whose_dialect_it_is(document: dict[str, object], *, expected: bool) -> None:
    """OpenAI's own field goes first."""
    assert expected is is_chattts(document)


def test_the_documents_request() -> None:
    """Is spoken by whoever speaks here, whole, with its figures in its headers."""
    house = _house()
    answer = _say(house)
    assert (200, "audio/wav", str(len(answer.body))) == (
        answer.status,
        answer.get("content-type"),
        answer.get("content-length"),
    )
    duration_s = len(sound_of("Hello world")) / 48_000
    assert len(pcm_in(answer.body)) == len(sound_of("Hello world"))
    assert ("0.010", f"{0.01 / duration_s:.3f}") == (answer.get("x-processing-time"), answer.get("x-rtf"))
    assert answer.get("x-processing-time") == answer.get("x-generation-time")
    assert "voice=default" == answer.get("x-router-substitution")


def test_its_defaults_say_nothing_to_another_engine() -> None:
    """What its clients send every time. Anything else was chosen, and is passed on."""
    house = _house()
    _say(house)
    assert {} == house.speech["node"].heard[-1][0].options
    _say(house, temperature=0.5, top_k=12, use_refine=True)
    assert {"temperature": 0.5, "top_k": 12, "use_refine": True} == house.speech["node"].heard[-1][0].options


def test_a_long_text_comes_whole_too() -> None:
    """Its clients read a length; a stream is there for those who ask for one."""
    text = "This sentence is said again and again, as long as it takes. " * 8
    assert None is not _say(_house(), text=text).get("content-length")
    assert None is _say(_house(), text=text, stream=True).get("content-length")


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"speed": 2.1}, "speed", "out_of_range"),
        ({"speed": 0.4}, "speed", "out_of_range"),
        ({"speed": "fast"}, "speed", "wrong_type"),
        ({"temperature": 1.1}, "temperature", "out_of_range"),
        ({"temperature": True}, "temperature", "wrong_type"),
        ({"top_p": 0.4}, "top_p", "out_of_range"),
        ({"top_k": 31}, "top_k", "out_of_range"),
        ({"top_k": 20.5}, "top_k", "wrong_type"),
        ({"use_refine": 1}, "use_refine", "wrong_type"),
        ({"text": " "}, "text", "text_empty"),
        ({"voice": "nobody"}, "voice", "voice_not_found"),
        ({"response_format": "midi"}, "response_format", "unknown_format"),
    ],
)
def test_its_ranges(fields: dict[str, Any], param: str, code: str) -> None:
    """As its server has them; the field is named as its client knows it."""
    error = _say(_house(), **fields).json["error"]
    assert (param, code) == (error["param"], error["code"])


@pytest.mark.parametrize("voice", ["female_3", "male_2", "neutral_1"])
def test_its_presets_are_known(voice: str) -> None:
    """By habit, as OpenAI's are: whoever has them not is a substitute, and says so."""
    assert 200 == _say(_house(), voice=voice).status


def test_wav_and_whole_are_its_defaults() -> None:
    """Unless the client says otherwise."""
    assert {"response_format": "wav", "stream": False, "text": "a"} == speech_of({"text": "a", **DEFAULTS})
    assert ("mp3", True) == tuple(
        speech_of({"text": "a", "response_format": "mp3", "stream": True})[name]
        for name in ("response_format", "stream")
    )


def test_an_answer_without_sound_has_no_rate() -> None:
    """And is no division by nothing."""
    answer = SpokenAnswer(b"", 0.0, 0.0, None, "none", "alloy", None)
    assert [(b"x-processing-time", b"0.000"), (b"x-rtf", b"0.000")] == headers_of(answer)
