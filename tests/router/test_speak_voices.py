"""Whose voice speaks: voices that nobody has, substitutes, and what the client says of them."""

import json

import pytest
from fakes import FakeSpeech, speech_card
from houses import FakeHouse
from running import run
from speaking import GOOD, SECOND, fails, node_of, says, two_nodes

from router.domain import Utterance
from router.errors import (
    ConnectionLost,
)


def test_an_unknown_voice_is_a_404_that_names_close_ones() -> None:
    """When every provider has said which voices it has."""
    house = two_nodes(GOOD)
    house.report("gpu", "turbo", voices=["fable", "alloy"])
    house.report("cpu", "espeak", voices=["alloy"])
    answer = run(house.say(b'{"input":"hi","voice":"fabel"}'))
    assert (404, "voice", "voice_not_found") == (
        answer.status,
        answer.json["error"]["param"],
        answer.json["error"]["code"],
    )
    assert "Did you mean fable?" in answer.json["error"]["message"]


def test_a_provider_without_the_voice_is_passed_over() -> None:
    """The voice counts for more than the tier, and for more than the engine."""
    house = two_nodes(GOOD)
    house.report("gpu", "turbo", voices=["fable"])
    house.report("cpu", "espeak", voices=["en-gb"])
    answer = run(house.say(b'{"input":"hi there","voice":"en-gb"}'))
    assert (200, "cpu", []) == (answer.status, answer.get("x-router-provider"), node_of(house, "gpu").heard)
    assert "model=espeak" == answer.get("x-router-substitution")


@pytest.mark.parametrize(
    ("voice", "told", "spoken_as"),
    [
        ("nova", "voice=fable", None),
        ("fable", None, "fable"),
        ("narrator", None, "fable"),
    ],
)
def test_a_voice_that_nobody_has_is_substituted_and_told(
    voice: str, told: str | None, spoken_as: str | None
) -> None:
    """OpenAI's names are asked for by habit; the provider speaks with its default and says which that was."""
    house = FakeHouse(
        FakeSpeech(speech_card("gpu"), GOOD), settings={"voices": {"narrator": {"use": {"gpu": "fable"}}}}
    )
    house.report("gpu", "turbo", voices=["fable"])
    answer = run(house.say(json.dumps({"input": "Hello there.", "voice": voice}).encode()))
    assert (200, told) == (answer.status, answer.get("x-router-substitution"))
    assert [spoken_as] == [segment.voice for segment, _, _ in node_of(house, "gpu").heard]


def test_a_voice_of_the_house_goes_out_by_the_providers_own_name() -> None:
    """And the client is told the name it used, unless the provider says otherwise."""
    house = FakeHouse(
        FakeSpeech(speech_card("gpu"), says(Utterance(SECOND))),
        settings={"voices": {"narrator": {"use": {"gpu": "fable"}}}},
    )
    house.report("gpu", "turbo")
    answer = run(house.say(b'{"input":"Hello there.","voice":"narrator"}'))
    assert ("fable", "narrator", "narrator") == (
        node_of(house, "gpu").heard[0][0].voice,
        answer.get("x-tts-voice"),
        house.observer.finished[0].voice,
    )


def test_without_substitution_another_engine_does_not_speak_for_a_named_one() -> None:
    """`substitution: none`: a 503 rather than another voice."""
    house = two_nodes(fails(ConnectionLost("gone")), substitution="none")
    answer = run(house.say(b'{"input":"Hello there.","model":"gpu/turbo"}'))
    assert (503, []) == (answer.status, node_of(house, "cpu").heard)


def test_the_default_voice_is_used_and_recorded() -> None:
    """When the client names none."""
    house = two_nodes(GOOD, default_voice="sage")
    run(house.say())
    assert ("sage", "sage") == (node_of(house, "gpu").heard[0][0].voice, house.observer.finished[0].voice)


@pytest.mark.parametrize(
    ("header", "voice", "expected"),
    [
        (None, None, "cpu"),
        (b"any", None, "cpu"),
        (b" Same_Voice ", None, "cpu"),
        (b"mapped", None, "cpu"),
        (b"none", None, None),
        (None, "strict", None),
        (b"any", "strict", "cpu"),
        (b"none", "easy", None),
        (b"same_voice", "easy", None),
        (b"mapped", "easy", "cpu"),
    ],
)
def test_the_clients_word_on_substitution_counts_first(
    header: bytes | None, voice: str | None, expected: str | None
) -> None:
    """Then the voice's, then the house's."""
    voices = {
        "strict": {"use": {"gpu": "s", "cpu": "s"}, "substitution": "none"},
        "easy": {"use": {"gpu": "e", "cpu": "f"}},
    }
    house = two_nodes(fails(ConnectionLost("gone")), GOOD, settings={"voices": voices})
    body = {"input": "Hello there."} | ({"voice": voice} if voice else {})
    headers = [(b"x-router-fallback", header)] if header is not None else []
    answer = run(house.say(json.dumps(body).encode(), *headers))
    spoke = answer.get("x-router-provider") if answer.status == 200 else None
    assert (200 if expected else 503, expected) == (answer.status, spoke)


def test_a_word_on_substitution_that_is_none_is_a_400() -> None:
    """Named, with those that are."""
    answer = run(two_nodes(GOOD).say(b'{"input":"hi"}', (b"x-router-fallback", b"perhaps")))
    error = answer.json["error"]
    assert (400, "X-Router-Fallback", "out_of_range") == (answer.status, error["param"], error["code"])
    assert "none, same_voice, mapped, any" in error["message"]
