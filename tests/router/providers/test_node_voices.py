"""The voices that a tts-node keeps: what goes out, and what its answers mean."""

import json

import pytest
from loopback import Loopback, answering, ok, serving
from running import run
from scripted_node import node_at

from router.domain import LibraryVoice, Segment
from router.errors import InvalidRequest, Rejected, RouterError, VoiceMissing
from router.providers.node_voices import multipart
from router.providers.tts_node import TtsNode

ANNA = LibraryVoice(id="voice_" + "a" * 24, hash="a" * 64, name="Anna", created_at=77, language="de")
pytestmark = pytest.mark.usefixtures("_patient")


def _node(upstream: Loopback) -> TtsNode:
    return node_at(upstream, api_key="secret", connect_s=10)


def _said(status: int, **error: object) -> bytes:
    body = json.dumps({"error": {"message": "the key secret will not do", "param": "audio_sample"} | error})
    return f"HTTP/1.1 {status} Oops\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def test_a_recording_goes_out_whole_and_by_its_id() -> None:
    """PUT with the key, the details, and the bytes as they are; the node's warnings come back."""

    async def put() -> None:
        async with serving(answering(ok(b'{"warnings":["Noisy."],"more":1}'))) as upstream:
            node = _node(upstream)
            assert ("Noisy.",) == await node.voices.put_voice(ANNA, b"RIFF\r\n--\0", is_checked=True)
            await node.voices.put_voice(ANNA, b"RIFF\r\n--\0", is_checked=False)
            await node.aclose()
        judged, plain = upstream.requests
        assert f"PUT /v1/audio/voices/{ANNA.id}?check=true HTTP/1.1" == judged.line
        assert f"PUT /v1/audio/voices/{ANNA.id} HTTP/1.1" == plain.line
        assert b"\r\n\r\nRIFF\r\n--\0\r\n--" in plain.body
        for name, value in (("name", "Anna"), ("language", "de"), ("created_at", "77")):
            assert f'name="{name}"\r\n\r\n{value}\r\n'.encode() in plain.body

    run(put())


def test_a_multipart_body_says_its_boundary() -> None:
    """In the header, another one each time, and at the end."""
    (name, first), body = multipart({}, b"x")
    assert b"Content-Type" == name
    boundary = first.partition(b"boundary=")[2]
    assert body.endswith(b"--" + boundary + b"--\r\n")
    assert first != multipart({}, b"x")[0][1]


@pytest.mark.parametrize(
    ("answer", "kind", "status"),
    [
        (_said(400, code="clip_too_short"), InvalidRequest, 400),
        (_said(413, code="file_too_large"), InvalidRequest, 413),
        (_said(404, code="voice_missing"), Rejected, 502),
        (_said(507, code="library_full"), Rejected, 502),
        (_said(503), Rejected, 502),
    ],
)
def test_a_refusal_is_the_clients_or_the_nodes(answer: bytes, kind: type[RouterError], status: int) -> None:
    """A recording that will not do is a 400 with the node's words; the rest is the node's fault. No key leaks."""

    async def refused() -> None:
        async with serving(answering(answer)) as upstream:
            node = _node(upstream)
            with pytest.raises(kind) as caught:
                await node.voices.put_voice(ANNA, b"", is_checked=True)
            assert status == caught.value.status
            assert "secret" not in caught.value.message
            await node.aclose()

    run(refused())


def test_preparing_deleting_and_hearing() -> None:
    """A cold model has not prepared; what is gone already is deleted too."""

    async def all_three() -> None:
        async with serving(answering(ok(b'{"prepared":false}'))) as upstream:
            node = _node(upstream)
            assert False is await node.voices.prepare_voice(ANNA.id, "turbo", may_load=True)
            assert b'{"prepared":false}' == await node.voices.preview_voice(ANNA.id)
            await node.voices.delete_voice(ANNA.id)
            await node.aclose()
        assert ["POST", "GET", "DELETE"] == [request.line.split()[0] for request in upstream.requests]
        async with serving(answering(_said(404))) as upstream:
            node = _node(upstream)
            await node.voices.delete_voice(ANNA.id)
            await node.aclose()

    run(all_three())


def test_a_voice_it_has_not_got_is_told_apart() -> None:
    """404 `voice_missing` asks for the recording; any other 404 is a fault like others."""
    segment = Segment("Hello.", ANNA.id, 1.0, None, 1)

    async def asked(answer: bytes) -> type[BaseException]:
        async with serving(answering(answer)) as upstream:
            node = _node(upstream)
            with pytest.raises(Rejected) as caught:
                await node.speak(segment, "turbo", "r")
            await node.aclose()
            return caught.type

    assert VoiceMissing is run(asked(_said(404, code="voice_missing")))
    assert Rejected is run(asked(_said(404, code="model_not_found")))
