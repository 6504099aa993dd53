"""`POST /v1/audio/speech` of a real node, over a real socket: formats, figures, shapes, errors."""

import base64
import json
import time

import httpx
import pytest

import sound
from nodes import LONG, RunningNode

FORMATS = ["mp3", "opus", "aac", "flac", "wav", "pcm"]


@pytest.mark.parametrize("audio_format", FORMATS)
def test_six_formats_speak(node: RunningNode, audio_format: str) -> None:
    """Decoded, each is speech of the duration that the header tells."""
    reply = node.speak(response_format=audio_format)
    assert 200 == reply.status_code
    heard = sound.decode(reply.content, audio_format)
    duration_s = float(reply.headers["X-Audio-Duration"])
    assert duration_s == pytest.approx(heard.duration_s, abs=0.07)
    assert 1.0 < duration_s < 4.0
    assert heard.is_speech_like


@pytest.mark.parametrize("audio_format", FORMATS)
def test_six_formats_stream(node: RunningNode, audio_format: str) -> None:
    """Chunked, without figures in the header, and as good as the complete reply."""
    reply = node.speak(input=LONG, response_format=audio_format)
    assert "chunked" == reply.headers["Transfer-Encoding"]
    assert "X-Audio-Duration" not in reply.headers
    whole = node.speak(input=LONG, response_format=audio_format, stream=False)
    heard = sound.decode(reply.content, audio_format)
    assert float(whole.headers["X-Audio-Duration"]) == pytest.approx(heard.duration_s, abs=0.1)
    assert heard.is_speech_like


def test_complete_replies_carry_everything(node: RunningNode) -> None:
    """All headers of the contract; the figures agree with samples and clock."""
    started_s = time.monotonic()
    reply = node.speak(response_format="pcm", voice={"id": "Nova"}, model="tts-1")
    elapsed_s = time.monotonic() - started_s
    headers = reply.headers
    assert ("audio/pcm", "espeak", "nova") == (
        headers["Content-Type"],
        headers["X-TTS-Engine"],
        headers["X-TTS-Voice"],
    )
    assert len(reply.content) == int(headers["Content-Length"])
    assert len(reply.content) / 48000 == pytest.approx(float(headers["X-Audio-Duration"]), abs=1e-6)
    assert 0 < float(headers["X-Generation-Time"]) < elapsed_s


def test_a_wav_tells_its_size_or_that_it_streams(node: RunningNode) -> None:
    """True sizes in a complete file, 0xFFFFFFFF in a stream."""
    whole = node.speak(response_format="wav").content
    streamed = node.speak(response_format="wav", stream=True).content
    assert len(whole) - 8 == int.from_bytes(whole[4:8], "little")
    assert b"\xff\xff\xff\xff" == streamed[4:8] == streamed[40:44]
    assert whole[44:] == streamed[44:]


@pytest.mark.parametrize(
    ("body", "is_complete"),
    [
        ({"input": "x" * 200}, True),
        ({"input": LONG}, False),
        ({"input": LONG, "stream": "auto"}, False),
        ({"input": LONG, "segment": True}, True),
        ({"input": LONG, "stream": False}, True),
        ({"stream": True}, False),
    ],
)
def test_what_decides_the_shape(node: RunningNode, body: dict[str, object], is_complete: bool) -> None:
    """Length, unless the request says otherwise."""
    assert is_complete is ("X-Generation-Time" in node.speak(**body).headers)


def test_requests_are_repeatable(node: RunningNode) -> None:
    """The same request, the same bytes; another seed, voice, speed or language, other bytes."""
    first = node.speak(response_format="pcm", seed=1).content
    assert first == node.speak(response_format="pcm", seed=1).content
    others: list[dict[str, object]] = [
        {"seed": 2},
        {"voice": "onyx"},
        {"speed": 1.5},
        {"language": "de"},
        {"voice": "fr"},
    ]
    contents = {node.speak(**{"response_format": "pcm", "seed": 1} | other).content for other in others}
    assert len(others) == len(contents - {first})


def test_server_sent_events(node: RunningNode) -> None:
    """Deltas that join to the streamed audio, then one `done` with usage and figures."""
    reply = node.speak(input=LONG, response_format="pcm", stream_format="sse")
    assert "text/event-stream" == reply.headers["Content-Type"]
    events = [json.loads(event.removeprefix("data: ")) for event in reply.text.split("\n\n") if event]
    *deltas, done = events
    assert {"speech.audio.delta"} == {delta["type"] for delta in deltas}
    audio = b"".join(base64.b64decode(delta["audio"]) for delta in deltas)
    assert node.speak(input=LONG, response_format="pcm").content == audio
    usage = done["usage"]
    assert ("speech.audio.done", len(LONG)) == (done["type"], usage["input_tokens"])
    assert round(len(audio) / 48000 * 25) == usage["output_tokens"]
    assert usage["input_tokens"] + usage["output_tokens"] == usage["total_tokens"]
    assert len(audio) / 48000 == pytest.approx(done["audio_duration"], abs=1e-5)
    assert done["generation_time"] > 0


def test_a_simulated_machine_keeps_its_times(slow_node: RunningNode) -> None:
    """Never faster than `first + rtf * duration`, and not much slower."""
    started_s = time.monotonic()
    reply = slow_node.speak(response_format="pcm")
    elapsed_s = time.monotonic() - started_s
    expected_s = 0.3 + 0.1 * float(reply.headers["X-Audio-Duration"])
    assert expected_s <= float(reply.headers["X-Generation-Time"]) <= elapsed_s
    assert float(reply.headers["X-Generation-Time"]) < expected_s + 10


@pytest.mark.parametrize("audio_format", ["mp3", "opus", "pcm"])
def test_audio_arrives_while_it_is_made(slow_node: RunningNode, audio_format: str) -> None:
    """On a slow machine the first bytes are there while the rest is still spoken, and no byte before its time."""
    started_s = time.monotonic()
    body = {"input": LONG * 3, "response_format": audio_format}
    with slow_node.client.stream("POST", "/v1/audio/speech", json=body) as reply:
        parts = reply.iter_raw()
        next(parts)
        first_s = time.monotonic() - started_s
        assert slow_node.health()["queue"]["busy"]
        rest = list(parts)
    assert first_s >= 0.3
    assert len(rest) > 3


def test_the_request_id_is_kept_when_sane(node: RunningNode) -> None:
    """Else it is a new one; errors carry it too."""
    kept = node.client.get("/health", headers={"X-Request-Id": "abc-1.2_3:4"})
    replaced = node.client.get("/nowhere", headers={"X-Request-Id": "two words"})
    assert "abc-1.2_3:4" == kept.headers["X-Request-Id"]
    assert 32 == len(replaced.headers["X-Request-Id"])


BAD: list[tuple[str, bytes, int, str | None]] = [
    ("broken JSON", b"{", 400, None),
    ("no UTF-8", b'{"input":"\xff"}', 400, None),
    ("a list", b"[]", 400, None),
    ("twice", b'{"input":"a","input":"b"}', 400, "input"),
    ("no input", b"{}", 400, "input"),
    ("empty", b'{"input":""}', 400, "input"),
    ("spaces", b'{"input":"  \\n"}', 400, "input"),
    ("too long", b'{"input":"' + b"a" * 4097 + b'"}', 400, "input"),
    ("surrogate", b'{"input":"\\ud83d"}', 400, "input"),
    ("number", b'{"input":1}', 400, "input"),
    ("format", b'{"input":"a","response_format":"midi"}', 400, "response_format"),
    ("speed", b'{"input":"a","speed":9}', 400, "speed"),
    ("language", b'{"input":"a","language":"xx"}', 400, "language"),
    ("model", b'{"input":"a","model":"espeek"}', 404, "model"),
    ("voice", b'{"input":"a","voice":"alloi"}', 404, "voice"),
    ("body", b'{"input":"' + b"a" * 300_000 + b'"}', 413, None),
]


@pytest.mark.parametrize(("body", "status", "param"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_requests_are_the_callers_fault(
    node: RunningNode, body: bytes, status: int, param: str | None
) -> None:
    """Right status, all four keys, the field's name; never a 500."""
    reply = node.client.post("/v1/audio/speech", content=body)
    error = reply.json()["error"]
    assert status == reply.status_code
    assert ["message", "type", "param", "code"] == list(error)
    assert ("invalid_request_error", param) == (error["type"], error["param"])


def test_a_body_of_unknown_length_is_bounded_too(node: RunningNode) -> None:
    """Chunked uploads are counted while they arrive."""
    reply = node.client.post("/v1/audio/speech", content=(b" " * 60_000 for _ in range(10)))
    assert 413 == reply.status_code


def test_close_matches_are_listed(node: RunningNode) -> None:
    """Of models and of voices."""
    assert "espeak" in node.speak(model="espeek").json()["error"]["message"]
    assert "alloy" in node.speak(voice="alloi").json()["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/v1/audio/speech", 405, "POST"),
        ("POST", "/health", 405, "GET, HEAD"),
        ("GET", "/v1/audio/speech/", 404, None),
        ("GET", "/%00", 404, None),
        ("GET", "/v1/models/none", 404, None),
        ("DELETE", "/v1/models", 405, "GET, HEAD"),
    ],
)
def test_wrong_routes(node: RunningNode, method: str, path: str, status: int, allow: str | None) -> None:
    """404 and 405 in the same shape."""
    reply = node.client.request(method, path)
    assert status == reply.status_code
    assert ["message", "type", "param", "code"] == list(reply.json()["error"])
    assert allow == (", ".join(sorted(reply.headers["Allow"].split(", "))) if allow else None)


def test_what_is_spoken_is_not_logged(node: RunningNode) -> None:
    """Neither good nor bad requests leave their words in the log."""
    node.speak(input="my secret is xylophone")
    node.speak(input="my secret is xylophone", speed=99)
    assert "speech ok" in node.log
    assert "xylophone" not in node.log


def test_keep_alive_survives_errors(node: RunningNode) -> None:
    """After a refused request the same connection serves the next."""
    with httpx.Client(base_url=node.url, trust_env=False, limits=httpx.Limits(max_connections=1)) as client:
        statuses = [
            client.post("/v1/audio/speech", content=body).status_code
            for body in (b"{", b'{"input":"a"}', b" " * 300_000, b'{"input":"a"}')
        ]
    assert [400, 200, 413, 200] == statuses
