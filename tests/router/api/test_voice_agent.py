"""A voice agent's dialect: /api/v1/tts and /api/v1/voices."""

import json
from typing import Any

import pytest
from aloud import pcm_in
from fakes import FakeSpeech, speech_card
from houses import Answer, FakeHouse
from narrating import said, sound_of
from running import run

from router.api.admission import key_hash
from router.domain import Segment, Voice
from router.health import ProviderSign

KEY = "lar-agent"
TEXT = "Hello, how can I help you today?"
DOCUMENTS_FORMAT = {"sample_rate": 16_000, "bit_depth": 16, "channels": 1, "codec": "pcm_s16le"}


def _house(*, has_rest: bool = False, models: tuple[str, ...] = ("v",), **settings: Any) -> FakeHouse:
    routes = {"speech": {"serves": "speech", "routes": [{"provider": "node", "model": "v"}]}}
    card = speech_card("node", shapes=frozenset({"pitch", "volume"}))
    house = FakeHouse(FakeSpeech(card, said), settings={"models": routes, **settings}, has_rest=has_rest)
    house.report("node", *models, voices=["alloy", "fable"])
    return house


def _asked(house: FakeHouse) -> Segment:
    return house.speech["node"].heard[-1][0]


async def _say(house: FakeHouse, *headers: Any, **fields: Any) -> Answer:
    return await house.ask("POST", "/api/v1/tts", json.dumps({"text": TEXT, **fields}).encode(), headers)


def test_the_documents_request() -> None:
    """Its voice and model are placeholders: the default speaks. A WAV says itself what it is."""
    house = _house()
    settings = {"speed": 1.0, "pitch": 1.0}
    answer = run(_say(house, voice_id="voice_1", model_id="model_1", settings=settings))
    assert (200, "audio/wav", "node") == (
        answer.status,
        answer.get("content-type"),
        answer.get("x-router-provider"),
    )
    assert len(pcm_in(answer.body)) == len(sound_of(TEXT))
    assert "voice=default" == answer.get("x-router-substitution")
    assert (None, 1.0, {}) == (_asked(house).voice, _asked(house).speed, _asked(house).options)


def test_its_own_format() -> None:
    """Bare samples at 16 kHz, as many as 24 kHz were."""
    answer = run(_say(_house(), audio_format=DOCUMENTS_FORMAT))
    assert (200, "audio/pcm;rate=16000;channels=1") == (answer.status, answer.get("content-type"))
    assert len(sound_of(TEXT)) * 2 / 3 == pytest.approx(len(answer.body), abs=64)


@pytest.mark.parametrize(
    ("wanted", "media_type", "begins"),
    [
        ({}, "audio/pcm", b""),
        ({"codec": "wav", "bit_depth": 24, "channels": 2}, "audio/wav", b"RIFF"),
        ({"codec": "mp3"}, "audio/mpeg", b"\xff"),
        ({"codec": "FLAC"}, "audio/flac", b"fLaC"),
        ({"codec": "opus", "sample_rate": 48_000}, "audio/ogg", b"OggS"),
        ({"codec": "ogg"}, "audio/ogg", b"OggS"),
        ({"codec": "pcm_mulaw", "sample_rate": 8000, "bit_depth": 8}, "audio/basic", b""),
        ({"bit_depth": 32}, "audio/pcm;rate=24000;channels=1;bits=32", b""),
    ],
)
def test_other_formats(wanted: dict[str, Any], media_type: str, begins: bytes) -> None:
    """Whatever the house can write down."""
    answer = run(_say(_house(), audio_format=wanted))
    assert (200, media_type) == (answer.status, answer.get("content-type"))
    assert answer.body.startswith(begins)


def test_how_it_is_spoken() -> None:
    """Speed is the house's; the rest are options, a mood also as how much feeling it has."""
    house = _house()
    settings = {"speed": 1.5, "pitch": 0.9, "volume": 2, "emotion": "happy"}
    run(_say(house, voice_id="fable", model_id="node/v", settings=settings, language="en"))
    asked = _asked(house)
    assert ("fable", 1.5, "en") == (asked.voice, asked.speed, asked.language)
    assert {"pitch": 0.9, "volume": 2.0, "emotion": "happy", "exaggeration": 0.75} == asked.options


def test_what_is_neutral_is_not_said() -> None:
    """So it is the same speech as without, in the cache too."""
    house = _house()
    run(_say(house, settings={"speed": None, "pitch": 1, "volume": 1.0, "emotion": "Neutral"}))
    assert {} == _asked(house).options


def test_its_placeholder_may_be_somebodys_model() -> None:
    """A server of the document's own has one of that name; then that is meant."""
    house = _house(models=("model_1", "v"))
    run(_say(house, model_id="model_1"))
    assert "model_1" == house.speech["node"].heard[-1][1]


@pytest.mark.parametrize(
    ("fields", "code", "told"),
    [
        ({"text": None}, "wrong_type", "text: expected `str`, got `null`"),
        ({"text": " "}, "text_empty", '"text" is empty'),
        ({"text": "x" * 101}, "text_too_long", '"text" has 101 characters'),
        ({"voice_id": 5}, "wrong_type", "voice_id: expected `str | null`, got `int`"),
        ({"voice_id": "v" * 300}, "name_too_long", "voice_id"),
        ({"voice_id": "nobody"}, "voice_not_found", "No voice is called 'nobody'"),
        ({"model_id": "nothing"}, "model_not_found", "No model is called 'nothing'"),
        ({"settings": []}, "wrong_type", "settings"),
        ({"settings": {"speed": 5}}, "out_of_range", "settings.speed must be 0.25 to 4.0, is 5"),
        ({"settings": {"pitch": 0}}, "out_of_range", "settings.pitch must be a factor up to 4"),
        ({"settings": {"volume": -1}}, "out_of_range", "settings.volume must be a factor up to 4"),
        ({"settings": {"emotion": "x" * 300}}, "name_too_long", "settings.emotion"),
        (
            {"audio_format": {"sample_rate": 7999}},
            "out_of_range",
            "audio_format.sample_rate: must be 8000 to 48000",
        ),
        ({"audio_format": {"bit_depth": 12}}, "out_of_range", "audio_format.bit_depth: must be 8, 16, 24 or 32"),
        ({"audio_format": {"channels": 3}}, "out_of_range", "audio_format.channels: must be 1 or 2, is 3"),
        ({"audio_format": {"codec": "midi"}}, "unknown_format", "audio_format.codec: 'midi' is none of"),
        ({"audio_format": {"sample_rate": "16000"}}, "wrong_type", "audio_format.sample_rate"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_complaints(fields: dict[str, Any], code: str, told: str) -> None:
    """In its own shape, with the field by its own name."""
    answer = run(_say(_house(speech={"max_input_chars": 100}), **fields))
    error = answer.json["error"]
    assert (404 if code.endswith("not_found") else 400, code) == (answer.status, error["code"])
    assert {"code", "message"} == set(error)
    assert told in error["message"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{}", "text_required"),
        (b"no", "invalid_json"),
        (b"[]", "wrong_type"),
        (b'{"text":"a","text":"b"}', "duplicate_key"),
    ],
)
def test_bodies_that_are_none(body: bytes, code: str) -> None:
    """Likewise."""
    answer = run(_house().ask("POST", "/api/v1/tts", body))
    assert (400, code) == (answer.status, answer.json["error"]["code"])


def test_other_methods() -> None:
    """Are told what there is."""
    answer = run(_house().ask("GET", "/api/v1/tts"))
    assert (405, "POST", "method_not_allowed") == (
        answer.status,
        answer.get("allow"),
        answer.json["error"]["code"],
    )


def test_its_key() -> None:
    """Bearer; of both routes."""

    async def main() -> None:
        house = _house(clients={"agent": {"key_sha256": key_hash(KEY)}}, has_rest=True)
        bearer = (b"authorization", b"Bearer " + KEY.encode())
        assert [401, 401] == [(await _say(house)).status, (await house.ask("GET", "/api/v1/voices")).status]
        assert "invalid_api_key" == (await _say(house)).json["error"]["code"]
        assert 200 == (await _say(house, bearer)).status
        assert 200 == (await house.ask("GET", "/api/v1/voices", b"", [bearer])).status

    run(main())


def test_its_list_of_voices() -> None:
    """Every one, in its shape; what is not known is said in a word."""
    house = _house(
        has_rest=True, voices={"narrator": {"use": {"node": "fable"}, "language": "en-GB", "gender": "male"}}
    )
    house.sign("node", ProviderSign.READY, voices=(Voice("alloy", "Alloy"),))
    answer = run(house.ask("GET", "/api/v1/voices"))
    expected = [
        {"id": "narrator", "name": "narrator", "language": "en-GB", "gender": "male"},
        {"id": "alloy", "name": "Alloy", "language": "und", "gender": "neutral"},
    ]
    assert (200, {"voices": expected}) == (answer.status, answer.json)


def test_what_is_not_there() -> None:
    """Below its path, in its shape."""
    answer = run(_house(has_rest=True).ask("GET", "/api/v1/models"))
    assert (404, {"code", "message"}) == (answer.status, set(answer.json["error"]))
