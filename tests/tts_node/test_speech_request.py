"""Every way to ask wrongly is a 400 that names the field."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_node.api.speech_request import parse_speech_request
from tts_node.domain import AudioFormat, Layout, Priority, SpeechRequest
from tts_node.errors import BadRequest


def parse(**body: Any) -> SpeechRequest:
    """A good one."""
    return parse_speech_request(json.dumps({"input": "Hello"} | body).encode(), 100)


def test_the_least_request() -> None:
    """Only `input` is needed; the rest has OpenAI's defaults."""
    assert SpeechRequest(text="Hello", format=AudioFormat.MP3, speed=1.0, layout=Layout(24_000, 1)) == parse()


def test_everything_at_once() -> None:
    """Each field arrives; unknown ones are other engines' options and pass."""
    expected = SpeechRequest(
        text="Hello",
        model="tts-1",
        voice="nova",
        format=AudioFormat.OPUS,
        speed=2.0,
        language="de",
        seed=2**63,
        instructions="whisper",
        is_segment=True,
        stream=False,
        is_sse=True,
        priority=Priority.BATCH,
        options={"exaggeration": 0.7},
        pitch=1.5,
        volume=0.5,
        layout=Layout(16_000, 2),
    )
    assert expected == parse(
        model="tts-1",
        voice={"id": "nova"},
        response_format="opus",
        speed=2,
        language="de",
        seed=2**63,
        instructions="whisper",
        segment=True,
        stream=False,
        stream_format="sse",
        priority="batch",
        pitch=1.5,
        volume=0.5,
        sample_rate=16_000,
        bit_depth=16,
        channels=2,
        codec="opus",
        exaggeration=0.7,
        top_k=None,
    )


def test_null_means_absent() -> None:
    """SDKs send null for what was not set."""
    fields = (
        "model",
        "voice",
        "response_format",
        "speed",
        "language",
        "seed",
        "segment",
        "stream",
        "stream_format",
    )
    assert parse() == parse(**dict.fromkeys(fields))


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"{", None),
        (b"null", None),
        (b"[]", None),
        (b'"input"', None),
        (b"\xff\xfe", None),
        ('{"input":"caf\xe9"}'.encode("latin-1"), None),
        (b'{"input":"a","input":"b"}', "input"),
        (b'{"input":"a","x":{"y":1,"y":2}}', "y"),
        (b'{"input":"\\ud83d"}', "input"),
        (b'{"input":"a","voice":"\\udc00"}', "voice"),
        (b'{"input":"a","voice":{"id":"\\udc00"}}', "voice"),
        (b'{"\\udc00":1,"\\udc00":2}', None),
        (b"[" * 100_000, None),
        (b'{"input":"a","seed":' + b"9" * 5000 + b"}", None),
        (b"{}", "input"),
        (b'{"input":null}', "input"),
        (b'{"input":5}', "input"),
        (b'{"input":["a"]}', "input"),
        (b'{"input":""}', "input"),
        (b'{"input":" \\n\\t "}', "input"),
        (b'{"input":"' + b"a" * 101 + b'"}', "input"),
        (b'{"input":"a","model":1}', "model"),
        (b'{"input":"a","voice":1}', "voice"),
        (b'{"input":"a","voice":{}}', "voice"),
        (b'{"input":"a","voice":{"id":1}}', "voice"),
        (b'{"input":"a","response_format":"ogg"}', "response_format"),
        (b'{"input":"a","response_format":3}', "response_format"),
        (b'{"input":"a","speed":0.2}', "speed"),
        (b'{"input":"a","speed":4.1}', "speed"),
        (b'{"input":"a","speed":NaN}', "speed"),
        (b'{"input":"a","speed":Infinity}', "speed"),
        (b'{"input":"a","speed":"1"}', "speed"),
        (b'{"input":"a","speed":true}', "speed"),
        (b'{"input":"a","seed":1.5}', "seed"),
        (b'{"input":"a","seed":18446744073709551616}', "seed"),
        (b'{"input":"a","segment":"yes"}', "segment"),
        (b'{"input":"a","stream":"maybe"}', "stream"),
        (b'{"input":"a","stream_format":"midi"}', "stream_format"),
        (b'{"input":"a","pitch":0.4}', "pitch"),
        (b'{"input":"a","pitch":NaN}', "pitch"),
        (b'{"input":"a","volume":-1}', "volume"),
        (b'{"input":"a","volume":4.5}', "volume"),
        (b'{"input":"a","sample_rate":7000}', "sample_rate"),
        (b'{"input":"a","sample_rate":44100.5}', "sample_rate"),
        (b'{"input":"a","sample_rate":44100,"response_format":"opus"}', "sample_rate"),
        (b'{"input":"a","bit_depth":24}', "bit_depth"),
        (b'{"input":"a","channels":5}', "channels"),
        (b'{"input":"a","codec":"vorbis","response_format":"wav"}', "codec"),
        (b'{"input":"a","codec":5}', "codec"),
        (b'{"input":"a","priority":"urgent"}', "priority"),
        (b'{"input":"a","language":7}', "language"),
        (b'{"input":"a","instructions":7}', "instructions"),
    ],
)
def test_bad_bodies(body: bytes, param: str | None) -> None:
    """A 400 with the field's name, where one field is at fault."""
    with pytest.raises(BadRequest) as caught:
        parse_speech_request(body, 100)
    assert param == caught.value.param
    assert caught.value.message
    assert caught.value.code


@given(body=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_body_is_a_fault_of_ours(body: bytes) -> None:
    """Whatever the bytes, the answer is a request or a BadRequest."""
    try:
        parsed: object = parse_speech_request(body, 100)
    except BadRequest as exc:
        parsed = exc
    assert isinstance(parsed, SpeechRequest | BadRequest)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (SpeechRequest("x" * 200), True),
        (SpeechRequest("x" * 201), False),
        (SpeechRequest("x" * 201, is_segment=True), True),
        (SpeechRequest("x" * 201, stream=False), True),
        (SpeechRequest("x", stream=True), False),
        (SpeechRequest("x", stream=False, is_sse=True), False),
    ],
)
def test_which_replies_are_complete(request_: SpeechRequest, expected: bool) -> None:
    """Short texts, segments and `stream: false` carry their figures in the header; events never do."""
    assert expected == request_.is_complete_reply(200)
