"""ElevenLabs' text-to-speech: what is spoken, and what is said of it."""

import json
from typing import Any

import pytest
from elevens import CLIENTS, KEY, VOICES, convert, detail_of, eleven_house
from fakes import FakeSpeech, speech_card
from houses import FakeHouse
from narrating import SEED, TEXT, pcm_of, said
from running import run

from router.api.elevenlabs_formats import OUTPUT_FORMATS
from router.api.elevenlabs_voices import PREMADE
from router.speech.voices import OPENAI_VOICES

RACHEL = "21m00Tcm4TlvDq8ikWAM"


def _heard(house: FakeHouse) -> tuple[Any, str]:
    """The first segment and the model that was asked of the node."""
    segment, model, _ = house.speech["gpu"].heard[0]
    return segment, model


def test_a_short_text_is_a_whole_answer() -> None:
    """With its length, the router's own headers, and ElevenLabs'."""
    answer = run(convert(eleven_house(), "Hello there.", (b"x-request-id", b"id-7"), seed=SEED))
    assert (200, True, pcm_of("Hello there.")) == (answer.status, answer.is_complete, answer.body)
    assert ("id-7", "id-7", "0") == (
        answer.get("request-id"),
        answer.get("x-request-id"),
        answer.get("character-cost"),
    )
    assert str(len(answer.body)) == answer.get("content-length")
    assert f"{len(answer.body) / 48_000:.3f}" == answer.get("x-audio-duration")
    assert (None, "audio/pcm") == (answer.get("x-router-substitution"), answer.get("content-type"))


@pytest.mark.parametrize("way", ["", "/stream"])
def test_a_long_text_is_sent_as_it_is_spoken(way: str) -> None:
    """Every word once, with no length, by whichever route."""
    answer = run(convert(eleven_house(), TEXT, way=way, seed=SEED))
    assert (200, True, pcm_of(TEXT)) == (answer.status, answer.is_complete, answer.body)
    assert (None, "0") == (answer.get("content-length"), answer.get("character-cost"))
    assert len(answer.chunks) > 2


def test_a_stream_of_a_short_text_is_a_stream() -> None:
    """Who asks for one does not wait for the whole."""
    answer = run(convert(eleven_house(), way="/stream"))
    assert (200, None) == (answer.status, answer.get("content-length"))


@pytest.mark.parametrize("name", sorted(OUTPUT_FORMATS))
def test_every_format_has_its_media_type(name: str) -> None:
    """28 of them."""
    answer = run(convert(eleven_house(), query=f"output_format={name}"))
    assert (200, OUTPUT_FORMATS[name].media_type) == (answer.status, answer.get("content-type"))
    assert answer.body


def test_mp3_is_what_is_meant_when_nothing_is_said() -> None:
    """44.1 kHz, 128 kbit/s."""
    named, usual = (run(convert(eleven_house(), query=q, seed=1)) for q in ("output_format=mp3_44100_128", ""))
    assert ("audio/mpeg", named.body) == (usual.get("content-type"), usual.body)


@pytest.mark.parametrize(
    ("models", "asked", "expected"),
    [
        ((), None, "m"),
        ((), "eleven_multilingual_v2", "m"),
        ((), "eleven_v9_that_will_be", "m"),
        (("eleven_v3",), "eleven_v3", "eleven_v3"),
        (("turbo",), "turbo", "turbo"),
        ((), "tts-1", "m"),
    ],
)
def test_its_models_mean_the_houses(models: tuple[str, ...], asked: str | None, expected: str) -> None:
    """Unless somebody here has one of that name."""
    house = eleven_house(*models)
    answer = run(convert(house, model_id=asked))
    assert (200, expected) == (answer.status, _heard(house)[1])


def test_a_model_that_nobody_has_is_told() -> None:
    """404, in its shape."""
    answer = run(convert(eleven_house(), model_id="wavenet"))
    assert (404, "model_not_found") == (answer.status, detail_of(answer)["code"])


def test_what_it_says_of_the_voice_is_passed_on_in_the_houses_words() -> None:
    """Options, speed, language and seed of every segment."""
    house = eleven_house()
    settings = {"stability": 0.5, "style": 0, "speed": 1.5, "similarity_boost": 0.75}
    run(convert(house, voice_settings=settings, language_code="de", seed=9))
    segment, _ = _heard(house)
    expected = {"exaggeration": 0.5, "temperature": pytest.approx(0.8), "similarity_boost": 0.75}
    assert (expected, 1.5, "de", 9) == (segment.options, segment.speed, segment.language, segment.seed)


def test_a_voice_that_nobody_has_is_told() -> None:
    """404 with its code, the request's number and what is close."""
    answer = run(convert(eleven_house(), "Hello.", (b"x-request-id", b"id-9"), voice="Ana"))
    detail = detail_of(answer)
    assert (404, "not_found", "voice_not_found", "id-9") == (
        answer.status,
        detail["type"],
        detail["code"],
        detail["request_id"],
    )
    assert "Anna" in detail["message"]


def test_another_speaks_for_a_voice_of_elevenlabs_own() -> None:
    """Programs name Rachel by id; the reply says who it was."""
    house = eleven_house()
    answer = run(convert(house, voice=RACHEL))
    assert (200, ["voice=nova"], "nova") == (
        answer.status,
        answer.all("x-router-substitution"),
        _heard(house)[0].voice,
    )


def test_who_has_the_voice_speaks_itself() -> None:
    """Because ElevenLabs is one of the providers."""
    house = eleven_house(voices=("alloy", RACHEL))
    answer = run(convert(house, voice=RACHEL))
    assert (200, None, RACHEL) == (answer.status, answer.get("x-router-substitution"), _heard(house)[0].voice)


def test_the_configuration_says_who_speaks_for_it() -> None:
    """By the id that its clients send."""
    house = FakeHouse(
        FakeSpeech(speech_card("gpu"), said), settings={"voices": {RACHEL: {"use": {"gpu": "Anna"}}}}
    )
    house.report("gpu", "m", voices=VOICES)
    answer = run(convert(house, voice=RACHEL))
    assert (200, None, "Anna") == (answer.status, answer.get("x-router-substitution"), _heard(house)[0].voice)


@pytest.mark.parametrize("policy", ["none", "same_voice"])
def test_nobody_speaks_for_it_where_that_is_not_wanted(policy: str) -> None:
    """By the client's word, or the house's."""
    headers = ((b"x-router-fallback", policy.encode()),)
    asked = run(convert(eleven_house(), "Hello.", *headers, voice=RACHEL))
    ruled = run(convert(eleven_house(speech={"substitution": policy}), voice=RACHEL))
    assert [(404, "voice_not_found")] * 2 == [(a.status, detail_of(a)["code"]) for a in (asked, ruled)]


def test_whoever_stands_in_is_known_everywhere() -> None:
    """A voice of OpenAI's names."""
    assert {premade.stand_in for premade in PREMADE.values()} <= set(OPENAI_VOICES)
    assert {20} == {len(voice) for voice in PREMADE}


def test_a_voices_name_may_have_anything_in_it() -> None:
    """The path is decoded before it gets here."""
    house = eleven_house(voices=("Änne/2 b",))
    answer = run(convert(house, voice="Änne/2 b", way="/stream"))
    assert (200, "Änne/2 b") == (answer.status, _heard(house)[0].voice)


def test_nothing_is_kept_for_who_says_so(tmp_path: Any) -> None:
    """`enable_logging=false`; Cache-Control has the last word."""
    house = eleven_house(cache={"enabled": True, "dir": str(tmp_path)})
    query = "output_format=pcm_24000&enable_logging=false"

    async def main() -> list[str | None]:
        told = [(await convert(house, query=query)).get("x-router-cache")]
        told.append((await convert(house)).get("x-router-cache"))
        told.append((await convert(house)).get("x-router-cache"))
        told.append((await convert(house, query=query)).get("x-router-cache"))
        await house.cache.aclose()
        return told

    assert ["bypass", "miss", "hit", "bypass"] == run(main())


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ((), 401, "missing_api_key"),
        (((b"xi-api-key", b"sk_0123"),), 401, "invalid_api_key"),
        ((KEY,), 200, None),
        (((b"authorization", b"Bearer lar-migrant"),), 200, None),
    ],
)
def test_the_key(headers: Any, status: int, code: str | None) -> None:
    """In its own header, or the usual one."""
    answer = run(convert(eleven_house(**CLIENTS), "Hello.", *headers))
    assert status == answer.status
    if code is not None:
        assert ("authentication_error", code) == (detail_of(answer)["type"], detail_of(answer)["code"])
        assert b"sk_0123" not in answer.body


@pytest.mark.parametrize(
    ("body", "query", "status", "told"),
    [
        (b"{}", "", 422, "missing"),
        (b'{"text":3}', "", 422, "string_type"),
        (b"nonsense", "", 400, "malformed_json"),
        (b'{"text":" "}', "", 400, "empty_text"),
        (b'{"text":"a"}', "output_format=mp3_1", 400, "invalid_output_format"),
        (b'{"text":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}', "", 400, "text_too_long"),
        (b'{"text":"a","voice_settings":{"speed":9}}', "", 400, "invalid_voice_settings"),
    ],
)
def test_what_is_wrong_is_said_in_its_shape(body: bytes, query: str, status: int, told: str) -> None:
    """Fields that are missing or of another kind are a list, the rest an object."""
    house = eleven_house(speech={"max_input_chars": 30})
    answer = run(house.ask("POST", "/v1/text-to-speech/alloy", body, query=query))
    detail = detail_of(answer)
    assert (status, told) == (answer.status, detail[0]["type"] if status == 422 else detail["code"])
    assert "application/json" == answer.get("content-type")


def test_when_nobody_can_speak() -> None:
    """503, with when to come again."""
    house = eleven_house()
    house.drained.add("gpu")
    answer = run(convert(house))
    assert (503, "service_unavailable", "system_busy") == (
        answer.status,
        detail_of(answer)["type"],
        detail_of(answer)["code"],
    )
    assert answer.get("retry-after") is not None


def test_a_get_is_refused() -> None:
    """405, in its shape."""
    answer = run(eleven_house().ask("GET", "/v1/text-to-speech/alloy"))
    assert (405, "POST", "method_not_allowed") == (answer.status, answer.get("allow"), detail_of(answer)["code"])


def test_openais_errors_are_not_touched() -> None:
    """A key in ElevenLabs' header does not change whose route it is."""
    answer = run(eleven_house(**CLIENTS).ask("POST", "/v1/audio/speech", b"{}", (KEY,)))
    assert {"error"} == set(json.loads(answer.body))
