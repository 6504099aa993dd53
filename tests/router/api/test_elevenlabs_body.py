"""ElevenLabs' request: path, query and body, every field and every complaint."""

import json
from typing import Any

import pytest

from router.api.elevenlabs_body import Way, request_of, way_of
from router.domain import AudioFormat, CacheUse, Rendition, SpeechRequest
from router.errors import ClientError, InvalidRequest, Unprocessable

WAY = Way("alloy", is_streamed=False, is_timed=False)


def _request(query: str = "", way: Way = WAY, **fields: Any) -> SpeechRequest:
    return request_of(way, query.encode(), json.dumps(fields).encode(), max_chars=20)


def _fault(query: str = "", **fields: Any) -> ClientError:
    with pytest.raises(ClientError) as caught:
        _request(query, **fields)
    return caught.value


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("alloy", Way("alloy", False, False)),
        ("alloy/stream", Way("alloy", True, False)),
        ("alloy/with-timestamps", Way("alloy", False, True)),
        ("alloy/stream/with-timestamps", Way("alloy", True, True)),
        ("stream", Way("stream", False, False)),
        ("with-timestamps/stream", Way("with-timestamps", True, False)),
        ("a/b c/stream", Way("a/b c", True, False)),
    ],
)
def test_what_a_path_asks_for(path: str, expected: Way) -> None:
    """A voice may be called what a route is called."""
    assert expected == way_of(f"/v1/text-to-speech/{path}")


def test_what_is_meant_when_nothing_is_said() -> None:
    """As its SDK sends it: the text alone."""
    expected = SpeechRequest("hi", None, "alloy", Rendition(AudioFormat.MP3, 44_100, bit_rate=128_000), options={})
    assert expected == _request(text="hi")
    nothing: dict[str, Any] = dict.fromkeys(
        ("model_id", "language_code", "voice_settings", "seed", "previous_text", "next_text")
    )
    assert expected == _request(text="hi", **nothing)
    assert expected == _request(text="hi", voice_settings=dict.fromkeys(("style", "speed", "stability")))


def test_every_field_is_read() -> None:
    """What has no counterpart, and what nobody knows, has no effect."""
    request = _request(
        "output_format=pcm_16000&optimize_streaming_latency=3",
        way=Way("Anna", is_streamed=True, is_timed=False),
        text="hi",
        model_id="eleven_v3",
        language_code="de",
        seed=7,
        previous_text="before",
        next_text="after",
        previous_request_ids=["a"],
        pronunciation_dictionary_locators=[{"pronunciation_dictionary_id": "x"}],
        apply_text_normalization="auto",
        anything={"at": "all"},
        voice_settings={
            "stability": 0.25,
            "similarity_boost": 1,
            "style": 1,
            "use_speaker_boost": True,
            "speed": 0.7,
            "clone_strength": 1,
        },
    )
    options = {
        "exaggeration": 2.0,
        "temperature": pytest.approx(1.05),
        "similarity_boost": 1.0,
        "use_speaker_boost": True,
    }
    expected = SpeechRequest(
        "hi",
        "eleven_v3",
        "Anna",
        Rendition(AudioFormat.PCM, 16_000),
        0.7,
        "de",
        7,
        stream=True,
        options=options,
    )
    assert expected == request


@pytest.mark.parametrize("query", ["enable_logging=false", "enable_logging=False&x=1", "enable_logging=0"])
def test_who_wants_nothing_kept_is_obeyed(query: str) -> None:
    """ElevenLabs' zero retention is the cache's no-store."""
    assert CacheUse.BYPASS is _request(query, text="hi").cache
    assert CacheUse.USE is _request("enable_logging=true", text="hi").cache


@pytest.mark.parametrize(
    ("fields", "where", "kind"),
    [
        ({}, ("body", "text"), "missing"),
        ({"text": None}, ("body", "text"), "missing"),
        ({"text": 1}, ("body", "text"), "string_type"),
        ({"text": ["a"]}, ("body", "text"), "string_type"),
        ({"text": "a", "model_id": 1}, ("body", "model_id"), "string_type"),
        ({"text": "a", "language_code": {}}, ("body", "language_code"), "string_type"),
        ({"text": "a", "seed": "1"}, ("body", "seed"), "int_type"),
        ({"text": "a", "seed": True}, ("body", "seed"), "int_type"),
        ({"text": "a", "seed": 1.5}, ("body", "seed"), "int_type"),
        ({"text": "a", "seed": -1}, ("body", "seed"), "greater_than_equal"),
        ({"text": "a", "seed": 2**32}, ("body", "seed"), "less_than_equal"),
        ({"text": "a", "voice_settings": []}, ("body", "voice_settings"), "model_attributes_type"),
        ({"text": "a", "voice_settings": {"style": "1"}}, ("body", "voice_settings", "style"), "number_type"),
        ({"text": "a", "voice_settings": {"style": True}}, ("body", "voice_settings", "style"), "number_type"),
        (
            {"text": "a", "voice_settings": {"stability": 1.01}},
            ("body", "voice_settings", "stability"),
            "less_than_equal",
        ),
        (
            {"text": "a", "voice_settings": {"similarity_boost": -1}},
            ("body", "voice_settings", "similarity_boost"),
            "greater_than_equal",
        ),
        (
            {"text": "a", "voice_settings": {"use_speaker_boost": 1}},
            ("body", "voice_settings", "use_speaker_boost"),
            "bool_type",
        ),
    ],
    ids=str,
)
def test_fields_of_the_wrong_kind(fields: dict[str, Any], where: tuple[str, ...], kind: str) -> None:
    """422, with the field's place, as its own service has it."""
    fault = _fault(**fields)
    assert isinstance(fault, Unprocessable)
    assert (422, where, kind) == (fault.status, fault.where, fault.kind)


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"text": ""}, "text", "input_empty"),
        ({"text": " \n"}, "text", "input_empty"),
        ({"text": "x" * 21}, "text", "input_too_long"),
        ({"text": "a", "model_id": "x" * 5000}, "model_id", "name_too_long"),
        ({"text": "a", "voice_settings": {"speed": 0.2}}, "voice_settings.speed", "invalid_voice_settings"),
        ({"text": "a", "voice_settings": {"speed": 1e300}}, "voice_settings.speed", "invalid_voice_settings"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_cannot_be_used(fields: dict[str, Any], param: str, code: str) -> None:
    """400, with the field's name."""
    fault = _fault(**fields)
    assert isinstance(fault, InvalidRequest)
    assert (param, code) == (fault.param, fault.code)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"text":"a","text":"b"}', b'{"text":"\xff"}', b"null"])
def test_bodies_that_are_none(raw: bytes) -> None:
    """Strictly JSON, strictly an object."""
    with pytest.raises(InvalidRequest):
        request_of(WAY, b"", raw, max_chars=20)


@pytest.mark.parametrize("query", [b"%", b"&&=&", b"output_format", b"a=%ff%fe", b"\xff=\xfe", b"x=1;y=2"])
def test_odd_queries_ask_for_nothing(query: bytes) -> None:
    """No fault of anybody's."""
    assert _request(text="hi") == request_of(WAY, query, b'{"text":"hi"}', max_chars=20)
