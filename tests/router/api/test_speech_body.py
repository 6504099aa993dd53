"""OpenAI's speech body: every field, every complaint."""

import msgspec
import pytest

from router.api.openai import error_body
from router.api.speech_body import parse
from router.domain import AudioFormat, Rendition, SpeechRequest
from router.errors import InvalidRequest


def _parsed(raw: bytes) -> SpeechRequest:
    return parse(raw, max_chars=20)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"input":"hi"}', SpeechRequest("hi")),
        (b'{"input":"hi","model":"tts-1","voice":"nova"}', SpeechRequest("hi", "tts-1", "nova")),
        (b'{"input":"hi","voice":{"id":"nova"}}', SpeechRequest("hi", voice="nova")),
        (b'{"input":"hi","voice":null,"model":null}', SpeechRequest("hi")),
        (b'{"input":"hi","voice":"","model":""}', SpeechRequest("hi")),
        (b'{"input":"hi","response_format":"wav"}', SpeechRequest("hi", rendition=Rendition(AudioFormat.WAV))),
        (b'{"input":"hi","speed":2}', SpeechRequest("hi", speed=2.0)),
        (b'{"input":"hi","speed":0.25}', SpeechRequest("hi", speed=0.25)),
        (b'{"input":"hi","speed":4}', SpeechRequest("hi", speed=4.0)),
        (b'{"input":"hi","language":"de","seed":0}', SpeechRequest("hi", language="de", seed=0)),
        (b'{"input":"hi","seed":4294967295}', SpeechRequest("hi", seed=2**32 - 1)),
        (b'{"input":"hi","instructions":"calm"}', SpeechRequest("hi", instructions="calm")),
        (b'{"input":"hi","stream_format":"sse"}', SpeechRequest("hi", sse=True)),
        (b'{"input":"hi","stream_format":"audio","stream":false}', SpeechRequest("hi", stream=False)),
        (
            b'{"input":"hi","exaggeration":0.7,"tags":["a"]}',
            SpeechRequest("hi", options={"exaggeration": 0.7, "tags": ["a"]}),
        ),
        (b'{"input":"hi","segment":true,"temperature":1}', SpeechRequest("hi", options={"temperature": 1})),
        ('{"input":"grüße 🎉"}'.encode(), SpeechRequest("grüße 🎉")),
        (b'{"input":"12345678901234567890"}', SpeechRequest("12345678901234567890")),
    ],
    ids=lambda value: value[12:50] if isinstance(value, bytes) else "",
)
def test_every_field_is_read(raw: bytes, expected: SpeechRequest) -> None:
    """What is known is checked, what is unknown becomes an engine option, what is the router's own is dropped."""
    assert expected == _parsed(raw)


@pytest.mark.parametrize(
    ("raw", "param", "code"),
    [
        (b"", None, "invalid_json"),
        (b"{", None, "invalid_json"),
        (b'{"input":"hi"} x', None, "invalid_json"),
        (b'{"input":"\xff"}', None, "invalid_json"),
        (b'{"input":"hi","speed":NaN}', None, "invalid_json"),
        (b'{"input":"hi","x":-Infinity}', None, "invalid_json"),
        (b'{"input":"hi","x":' + b"1" * 5000 + b"}", None, "invalid_json"),
        (b'{"input":"hi","x":' + b"[" * 100_000, None, "invalid_json"),
        (b"[]", None, "wrong_type"),
        (b"null", None, "wrong_type"),
        (b"5", None, "wrong_type"),
        (b"{}", "input", "input_required"),
        (b'{"model":"tts-1"}', "input", "input_required"),
        (b'{"input":null}', "input", "wrong_type"),
        (b'{"input":5}', "input", "wrong_type"),
        (b'{"input":["hi"]}', "input", "wrong_type"),
        (b'{"input":""}', "input", "input_empty"),
        (b'{"input":" \\n\\t "}', "input", "input_empty"),
        (b'{"input":"123456789012345678901"}', "input", "input_too_long"),
        (b'{"input":"\\ud800"}', "input", "invalid_json"),
        (b'{"input":"hi","model":5}', "model", "wrong_type"),
        (b'{"input":"hi","voice":5}', "voice", "wrong_type"),
        (b'{"input":"hi","voice":{}}', "voice", "wrong_type"),
        (b'{"input":"hi","voice":{"id":5}}', "voice.id", "wrong_type"),
        (b'{"input":"hi","response_format":"midi"}', "response_format", "unknown_format"),
        (b'{"input":"hi","response_format":5}', "response_format", "wrong_type"),
        (b'{"input":"hi","speed":0.2}', "speed", "out_of_range"),
        (b'{"input":"hi","speed":4.01}', "speed", "out_of_range"),
        (b'{"input":"hi","speed":1e999}', "speed", "out_of_range"),
        (b'{"input":"hi","speed":"fast"}', "speed", "wrong_type"),
        (b'{"input":"hi","speed":true}', "speed", "wrong_type"),
        (b'{"input":"hi","seed":-1}', "seed", "out_of_range"),
        (b'{"input":"hi","seed":4294967296}', "seed", "out_of_range"),
        (b'{"input":"hi","seed":1.5}', "seed", "wrong_type"),
        (b'{"input":"hi","stream_format":"mp3"}', "stream_format", "wrong_type"),
        (b'{"input":"hi","stream":"yes"}', "stream", "wrong_type"),
        (b'{"input":"hi","language":5}', "language", "wrong_type"),
        (b'{"input":"hi","instructions":5}', "instructions", "wrong_type"),
        (b'{"input":"hi","input":"ho"}', "input", "duplicate_key"),
        (b'{"model":"a","input":"hi","mod\\u0065l":"b"}', "model", "duplicate_key"),
        (b'{"input":"hi","x":{"y":1,"y":2}}', "y", "duplicate_key"),
    ],
    ids=lambda value: value[:40] if isinstance(value, bytes) else value,
)
def test_every_complaint_names_its_field(raw: bytes, param: str | None, code: str) -> None:
    """A 400 with `param` and `code`, and a body that can be sent."""
    with pytest.raises(InvalidRequest) as caught:
        _parsed(raw)
    assert (400, param, code) == (caught.value.status, caught.value.param, caught.value.code)
    assert error_body(caught.value).startswith(b'{"error":{"message":"')


@pytest.mark.parametrize(
    "raw",
    [
        b'{"input":"hi","instructions":"\\ud800"}',
        b'{"input":"hi","voice":"\\udfff"}',
        b'{"input":"hi","model":"\\ud800"}',
        b'{"input":"hi","language":"\\ud800"}',
        b'{"input":"hi","x":["\\ud800"]}',
        b'{"input":"hi","\\ud800":1}',
        b'{"input":"hi","\\ud800":1,"\\ud800":2}',
    ],
)
def test_half_a_surrogate_pair_is_refused_wherever_it_stands(raw: bytes) -> None:
    """It cannot be encoded for the provider nor for the client, so it must not get past the door."""
    with pytest.raises(InvalidRequest) as caught:
        _parsed(raw)
    assert isinstance(msgspec.json.decode(error_body(caught.value)), dict)


def test_whatever_is_accepted_can_be_sent_on() -> None:
    """Options are any JSON; what is parsed is encodable again."""
    request = _parsed(b'{"input":"hi","a":123456789012345678901234567890,"b":1e999,"c":{"d":[null,true]}}')
    assert b'"d":[null,true]' in msgspec.json.encode(request.options)


def test_a_surrogate_pair_is_one_character() -> None:
    """Escaped emoji are text like any other."""
    assert "\U0001f389" == _parsed(b'{"input":"\\ud83c\\udf89"}').text
