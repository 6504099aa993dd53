"""What is said on the speech WebSocket, checked."""

import json
from typing import Any

import pytest

from router.api.socket_messages import error_told, message_of, wanted_of
from router.domain import AudioFormat
from router.errors import ClientError, InvalidRequest, RateLimited
from router.speech.chunking import Sizes


def _wanted(**document: Any) -> Any:
    return wanted_of({"text": "Hello.", **document}, max_chars=100, is_written=False)


def test_a_text_alone_is_an_utterance() -> None:
    """As PCM, in document 004's chunks."""
    assert {"type": "speak", "text": "Hello."} == message_of('{"text":"Hello."}')
    wanted = _wanted()
    assert ("Hello.", AudioFormat.PCM, Sizes(25, 75, False)) == (
        wanted.request.text,
        wanted.request.rendition.format,
        wanted.sizes,
    )


def test_what_an_engine_knows_goes_to_it() -> None:
    """What says how it is sent does not, nor the length that the router bounds itself."""
    wanted = _wanted(
        temperature=0.7,
        top_k=900,
        top_p=0.9,
        repetition_penalty=1.3,
        max_gen_len=1000,
        exaggeration=0.6,
        first_chunk_tokens=10,
        subsequent_chunk_tokens=50,
        overlap_tokens=0,
        strategy="sentence_aligned",
        format="opus",
        voice="fable",
        speed=1.5,
        language="de",
        seed=7,
    )
    request = wanted.request
    assert {
        "temperature": 0.7,
        "top_k": 900,
        "top_p": 0.9,
        "repetition_penalty": 1.3,
        "exaggeration": 0.6,
    } == request.options
    assert Sizes(10, 50, True) == wanted.sizes
    assert ("fable", 1.5, "de", 7) == (request.voice, request.speed, request.language, request.seed)


@pytest.mark.parametrize(
    ("document", "param", "code"),
    [
        ({"first_chunk_tokens": 0}, "first_chunk_tokens", "out_of_range"),
        ({"subsequent_chunk_tokens": 376}, "subsequent_chunk_tokens", "out_of_range"),
        ({"overlap_tokens": 5}, "overlap_tokens", "out_of_range"),
        ({"strategy": "random"}, "strategy", "wrong_type"),
        ({"first_chunk_tokens": "many"}, "first_chunk_tokens", "wrong_type"),
        ({"format": "ogg"}, "format", "unknown_format"),
        ({"speed": 9}, "speed", "out_of_range"),
        ({"text": ""}, "text", "text_empty"),
        ({"text": "x" * 101}, "text", "text_too_long"),
    ],
)
def test_a_field_that_cannot_be_used_is_named(document: dict[str, Any], param: str, code: str) -> None:
    """As on every other route."""
    with pytest.raises(ClientError) as raised:
        _wanted(**document)
    assert (param, code) == (raised.value.param, raised.value.code)


def test_a_text_that_is_still_to_come_is_not_missed() -> None:
    """How it will be spoken is known."""
    wanted = wanted_of({"voice": "fable"}, max_chars=100, is_written=True)
    assert ("", "fable") == (wanted.request.text, wanted.request.voice)
    with pytest.raises(InvalidRequest):
        wanted_of({"voice": "fable"}, max_chars=100, is_written=False)


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "[]",
        "7",
        "{",
        '{"type":"sing"}',
        '{"type":7}',
        '{"type":[]}',
        '{"type":{}}',
        b"{}",
        '{"text":1,"text":2}',
    ],
)
def test_what_is_no_message_is_refused(raw: str | bytes) -> None:
    """With what is wrong about it."""
    with pytest.raises(InvalidRequest):
        message_of(raw)


def test_an_error_has_openais_fields() -> None:
    """And says when to come again, where it helps."""
    error = json.loads(json.dumps(error_told(RateLimited("Slow down.", retry_after_s=2.0)), default=_plain))
    assert ("error", 2.0, "rate_limit_exceeded") == (error["type"], error["retry_after"], error["error"]["code"])


def _plain(struct: Any) -> Any:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}
