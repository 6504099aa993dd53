"""Text and sound of a request through the real HTTP server, with an engine whose every word lasts 0.1 s."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from fakes import FAKE
from measuring import pitch_hz, read_wav, samples_of
from nodes import hosted
from tts_node.engines import EngineOption

pytestmark = pytest.mark.anyio

PLAIN = replace(
    FAKE,
    reads_numbers=False,
    piece_chars=40,
    has_speed=False,
    options={"warmth": EngineOption(float, 0.5, 0.0, 1.0)},
)
SECOND = "audio " * 10


@pytest.mark.parametrize(("speed", "duration_s"), [(0.25, 4.0), (1.0, 1.0), (2.0, 0.5), (4.0, 0.25)])
async def test_speed_is_heard_and_told(speed: float, duration_s: float) -> None:
    """The header tells what the client hears, to the sample; the engine's pitch stays."""
    async with hosted(PLAIN) as (_, client):
        body = {"input": SECOND, "speed": speed, "response_format": "wav"}
        reply = await client.post("/v1/audio/speech", json=body)
        wav = read_wav(reply.content)
        assert duration_s == pytest.approx(float(reply.headers["X-Audio-Duration"]), abs=0.0001)
        assert len(wav.samples) / 24_000 == pytest.approx(float(reply.headers["X-Audio-Duration"]), abs=0.0001)
        assert 220 == pytest.approx(pitch_hz(wav.samples), rel=0.02)


async def test_events_tell_what_is_heard() -> None:
    """`done` too, and its tokens."""
    async with hosted(PLAIN) as (_, client):
        body = {"input": SECOND, "speed": 2, "response_format": "pcm", "stream_format": "sse"}
        reply = await client.post("/v1/audio/speech", json=body)
        done = json.loads(reply.text.strip().rpartition("data: ")[2])
        assert pytest.approx(0.5, abs=0.0001) == done["audio_duration"]
        assert done["usage"]["output_tokens"] in (12, 13)


async def test_pitch_volume_rate_and_codec_together() -> None:
    """A telephone's sound, an octave higher, complete and streamed alike."""
    wish = {"pitch": 2, "volume": 0.5, "sample_rate": 8000, "codec": "pcm_mulaw", "response_format": "wav"}
    async with hosted(PLAIN) as (_, client):
        whole = await client.post("/v1/audio/speech", json={"input": SECOND} | wish)
        streamed = await client.post("/v1/audio/speech", json={"input": SECOND, "stream": True} | wish)
        wav, other = read_wav(whole.content), read_wav(streamed.content)
        assert (7, 8000, 8) == (wav.tag, wav.rate, wav.bits)
        assert 440 == pytest.approx(pitch_hz(wav.samples, 8000), rel=0.02)
        assert 1.0 == pytest.approx(len(wav.samples) / 8000, abs=0.001)
        assert 4000 == pytest.approx(max(wav.samples), rel=0.15)
        assert wav.samples == other.samples


async def test_raw_samples_are_named() -> None:
    """Content-Type says what a header would."""
    async with hosted(PLAIN) as (_, client):
        for wish, name in (
            ({"codec": "ulaw", "sample_rate": 8000}, "audio/basic"),
            ({"codec": "alaw", "sample_rate": 8000}, "audio/PCMA;rate=8000;channels=1"),
            ({"sample_rate": 16_000, "channels": 2}, "audio/pcm;rate=16000;channels=2"),
            ({}, "audio/pcm"),
        ):
            body = {"input": "audio", "response_format": "pcm"} | wish
            assert name == (await client.post("/v1/audio/speech", json=body)).headers["Content-Type"]


async def test_an_impossible_shape_is_refused() -> None:
    """400, the field, and what is possible."""
    async with hosted(PLAIN) as (_, client):
        body = {"input": "audio", "response_format": "opus", "sample_rate": 44_100}
        reply = await client.post("/v1/audio/speech", json=body)
        assert (400, "sample_rate") == (reply.status_code, reply.json()["error"]["param"])
        assert "48000" in reply.json()["error"]["message"]


async def test_pieces_are_joined_with_their_pauses() -> None:
    """A new paragraph is 0.4 s of silence; words of one sentence have none between them."""
    async with hosted(PLAIN) as (_, client):
        body = {"input": "audio\n\naudio", "response_format": "pcm"}
        samples = samples_of((await client.post("/v1/audio/speech", json=body)).content)
        assert 0.6 == pytest.approx(len(samples) / 24_000, abs=0.0001)
        assert {0} == set(samples[2400:12_000])
        assert 7000 < max(samples[12_000:])
        body["input"] = SECOND
        assert 1.0 == len((await client.post("/v1/audio/speech", json=body)).content) / 48_000


async def test_nothing_to_speak_is_a_moment_of_silence() -> None:
    """And not what the model makes of nothing."""
    async with hosted(PLAIN) as (_, client):
        reply = await client.post("/v1/audio/speech", json={"input": "… [laugh]", "response_format": "pcm"})
        assert bytes(4800) == reply.content


async def test_options_are_checked_told_or_passed_over() -> None:
    """400 for a bad value, a header for another engine's option, nothing for what nobody knows."""
    async with hosted(PLAIN) as (_, client):
        bad = await client.post("/v1/audio/speech", json={"input": "audio", "warmth": 1.5})
        assert (400, "warmth") == (bad.status_code, bad.json()["error"]["param"])
        fields = {"exaggeration": 0.7, "cfg_weight": 0.5, "warmth": 0.5, "instructions": "whisper", "user": "me"}
        told = await client.post("/v1/audio/speech", json={"input": "audio"} | fields)
        assert "ignored: cfg_weight, exaggeration, instructions" == told.headers["X-TTS-Warning"]
        quiet = await client.post("/v1/audio/speech", json={"input": "audio", "warmth": 0.5})
        assert "X-TTS-Warning" not in quiet.headers


async def test_the_dictionary_is_spoken(tmp_path: Path) -> None:
    """`--dictionary`: a word that is said as two."""
    words = tmp_path / "words.toml"
    words.write_text('[any]\nhello = "audio audio"\n', encoding="utf-8")
    async with hosted(PLAIN, dictionary=str(words)) as (_, client):
        reply = await client.post("/v1/audio/speech", json={"input": "Hello", "response_format": "pcm"})
        assert 0.2 == len(reply.content) / 48_000
