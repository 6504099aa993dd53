"""ElevenLabs' own SDK at this router: what was written for its service goes on with another base URL and key.

The SDK checks nothing that it gets, so values and types are looked at; that nothing was raised would say nothing.
"""

import asyncio
import base64
import hashlib
import io
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import av
import httpx
import pytest
from audio import RATE_HZ, Sound
from elevenlabs import AsyncElevenLabs, ElevenLabs, VoiceSettings
from elevenlabs.core.api_error import ApiError
from elevenlabs.errors import UnprocessableEntityError
from processes import Process, start_node, start_router

TEXT: Final = "Good evening. The kettle is on, and the lights are off in the kitchen."
LONG: Final = " ".join([TEXT, "Nobody is at home but the cat, who sleeps on the warm side of the stove."] * 4)
KEY: Final = "lar-a-key-that-only-this-test-knows-0123456789"
RACHEL: Final = "21m00Tcm4TlvDq8ikWAM"
PADDING_S: Final = 0.15  # encoders pad, and decoders of streams without a length keep the padding
RATES_HZ: Final = (8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
FORMATS: Final = (
    *(
        f"mp3_{rate}"
        for rate in ("22050_32", "24000_48", "44100_32", "44100_64", "44100_96", "44100_128", "44100_192")
    ),
    *(f"opus_48000_{kbit}" for kbit in (32, 64, 96, 128, 192)),
    *(f"{kind}_{rate}" for kind in ("pcm", "wav") for rate in RATES_HZ),
    "ulaw_8000",
    "alaw_8000",
)
ROUTE: Final = "POST /v1/text-to-speech/{voice_id}"


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """With one client, in front of one espeak node."""
    folder = tmp_path_factory.mktemp("elevenlabs")
    key_hash = hashlib.sha256(KEY.encode()).hexdigest()
    with start_node(folder, "--queue-limit", "64") as node:
        config = f"""\
providers:
  node: {{kind: tts-node, url: "{node.base_url}"}}
clients:
  migrant: {{key_sha256: {key_hash}}}
"""
        with start_router(config, folder) as running:
            yield running


@contextmanager
def _client(router: Process, key: str | None = KEY) -> Iterator[ElevenLabs]:
    """The SDK; it does not close its connections by itself."""
    with httpx.Client(trust_env=False, timeout=60) as connections:
        yield ElevenLabs(base_url=router.base_url, api_key=key, httpx_client=connections)


@pytest.fixture(scope="module")
def client(router: Process) -> Iterator[ElevenLabs]:
    with _client(router) as one:
        yield one


@pytest.fixture(scope="module")
def reference_s(client: ElevenLabs) -> float:
    """How long the text is, by its samples."""
    return len(_spoken(client, output_format="pcm_24000")) / 48_000


def _spoken(client: ElevenLabs, text: str = TEXT, voice: str = "alloy", **more: Any) -> bytes:
    return b"".join(client.text_to_speech.convert(voice, text=text, seed=1, **more))


def _raw(name: str) -> tuple[str | None, dict[str, str]]:
    """How PyAV reads what says nothing of itself."""
    kind, _, rate = name.partition("_")
    demuxer = {"pcm": "s16le", "ulaw": "mulaw", "alaw": "alaw"}.get(kind)
    return demuxer, {"sample_rate": rate, "ch_layout": "mono"} if demuxer else {}


def _heard(audio: bytes, name: str) -> tuple[int, Sound]:
    """The file's rate, and its sound."""
    demuxer, options = _raw(name)
    resampler, pcm = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ), bytearray()
    with av.open(io.BytesIO(audio), "r", format=demuxer, options=options) as file:
        rate = file.streams.audio[0].rate
        for frame in (*file.decode(audio=0), None):
            for part in resampler.resample(frame):
                pcm += bytes(part.planes[0])[: part.samples * 2]
    return rate, Sound([sample / 32_768 for sample in array("h", bytes(pcm))])


@pytest.mark.shows(client="elevenlabs", route=ROUTE, what="all 28 output formats, decoded: rate, length, speech")
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_speech_as_long_as_the_text(client: ElevenLabs, reference_s: float, name: str) -> None:
    """At the rate that it says."""
    rate, sound = _heard(_spoken(client, output_format=name), name)
    assert int(name.split("_")[1]) == rate
    is_exact = name.startswith(("pcm", "wav", "ulaw", "alaw"))
    assert abs(sound.duration_s - reference_s) < (0.001 if is_exact else PADDING_S)
    assert sound.is_speech_like, sound


@pytest.mark.shows(client="elevenlabs", route=ROUTE, what="the default format is mp3 at 44.1 kHz and 128 kbit/s")
def test_the_default_format(client: ElevenLabs) -> None:
    """Which is what the SDK's `play` expects."""
    audio = _spoken(client)
    rate, sound = _heard(audio, "mp3_44100_128")
    assert 44_100 == rate
    assert abs(len(audio) * 8 / sound.duration_s / 128_000 - 1) < 0.1


@pytest.mark.shows(client="elevenlabs", route=f"{ROUTE}/stream", what="pieces of one file, while it is spoken")
@pytest.mark.parametrize("name", ["mp3_44100_128", "pcm_16000", "opus_48000_64", "ulaw_8000"])
def test_a_stream_is_one_file(client: ElevenLabs, name: str) -> None:
    """As long as the whole."""
    whole = _heard(_spoken(client, LONG, output_format=name), name)[1]
    pieces = list(client.text_to_speech.stream("alloy", text=LONG, seed=1, output_format=name))
    streamed = _heard(b"".join(pieces), name)[1]
    assert len(pieces) > 2
    assert abs(streamed.duration_s - whole.duration_s) < 0.05
    assert streamed.is_speech_like, streamed


@pytest.mark.shows(client="elevenlabs", route=ROUTE, what="headers: request-id, character-cost, x-audio-duration")
def test_headers(client: ElevenLabs, reference_s: float) -> None:
    """ElevenLabs' own and the router's."""
    with client.text_to_speech.with_raw_response.convert(
        "alloy", text=TEXT, seed=1, output_format="pcm_24000"
    ) as answer:
        headers = answer.headers
        size = len(b"".join(answer.data))
    assert "0" == headers["character-cost"]
    assert headers["x-request-id"] == headers["request-id"]
    assert abs(float(headers["x-audio-duration"]) - reference_s) < 0.001
    assert str(size) == headers["content-length"]


@pytest.mark.shows(client="elevenlabs", route=ROUTE, what="voice settings, language, seed and neighbouring text")
def test_what_is_said_of_the_voice(client: ElevenLabs, reference_s: float) -> None:
    """Speed is heard; what has no counterpart is accepted."""
    settings = VoiceSettings(stability=0.3, similarity_boost=0.8, style=0.2, use_speaker_boost=True, speed=1.2)
    audio = _spoken(
        client,
        voice_settings=settings,
        model_id="eleven_multilingual_v2",
        language_code="en",
        previous_text="Before.",
        next_text="After.",
        output_format="pcm_24000",
    )
    assert abs(len(audio) / 48_000 * 1.2 - reference_s) < 0.15 * reference_s


@pytest.mark.shows(
    client="elevenlabs", route=ROUTE, what="a voice of ElevenLabs' own has a stand-in, and it is told"
)
def test_a_voice_of_elevenlabs_own(client: ElevenLabs) -> None:
    """By the id that tutorials have."""
    with client.text_to_speech.with_raw_response.convert(RACHEL, text=TEXT, output_format="pcm_24000") as answer:
        assert "voice=nova" in answer.headers["x-router-substitution"]
        assert Sound([s / 32_768 for s in array("h", b"".join(answer.data))]).is_speech_like


@pytest.mark.shows(
    client="elevenlabs", route=f"{ROUTE}/with-timestamps", what="audio and the times of its characters"
)
def test_timestamps(client: ElevenLabs) -> None:
    """All the characters of the text, in order, within the sound."""
    answer = client.text_to_speech.convert_with_timestamps("alloy", text=TEXT, output_format="pcm_24000")
    seconds = len(base64.b64decode(answer.audio_base_64)) / 48_000
    assert answer.alignment is not None
    assert TEXT == "".join(answer.alignment.characters)
    begins, ends = (
        answer.alignment.character_start_times_seconds,
        answer.alignment.character_end_times_seconds,
    )
    assert begins == sorted(begins)
    assert 0 == begins[0]
    assert seconds - 1 < ends[-1] <= seconds + 0.001


@pytest.mark.shows(
    client="elevenlabs", route=f"{ROUTE}/stream/with-timestamps", what="the same in lines, while it is spoken"
)
def test_streamed_timestamps(client: ElevenLabs) -> None:
    """Times go on from line to line."""
    lines = list(client.text_to_speech.stream_with_timestamps("alloy", text=LONG, output_format="pcm_24000"))
    seconds = sum(len(base64.b64decode(line.audio_base_64)) for line in lines) / 48_000
    begins = [at for line in lines if line.alignment for at in line.alignment.character_start_times_seconds]
    assert len(lines) > 2
    assert begins == sorted(begins)
    assert seconds - 5 < begins[-1] < seconds


@pytest.mark.shows(client="elevenlabs", route="GET /v1/voices", what="all voices at once; one by its id; settings")
def test_voices(client: ElevenLabs) -> None:
    """Each can be spoken with."""
    voices = client.voices.get_all().voices
    assert voices
    assert all(voice.voice_id and voice.name and voice.category == "premade" for voice in voices)
    one = client.voices.get(voices[0].voice_id)
    assert (voices[0].voice_id, voices[0].name) == (one.voice_id, one.name)
    settings = client.voices.settings.get(one.voice_id)
    assert (0.5, 0.75, 0.0, True, 1.0) == (
        settings.stability,
        settings.similarity_boost,
        settings.style,
        settings.use_speaker_boost,
        settings.speed,
    )
    assert settings == client.voices.settings.get_default()
    assert _spoken(client, "Hello.", one.voice_id, output_format="pcm_8000")


@pytest.mark.shows(client="elevenlabs", route="GET /v2/voices", what="voices in pages, found by a word")
def test_voices_in_pages(client: ElevenLabs) -> None:
    """Nothing twice, nothing left out."""
    everyone = [voice.voice_id for voice in client.voices.get_all().voices]
    found, token = list[str](), None
    while True:
        page = client.voices.search(page_size=3, next_page_token=token)
        assert len(everyone) == page.total_count
        found += [voice.voice_id for voice in page.voices]
        token = page.next_page_token
        if not page.has_more:
            break
    assert everyone == found
    assert everyone[1] in {voice.voice_id for voice in client.voices.search(search=everyone[1]).voices}


@pytest.mark.shows(client="elevenlabs", route="GET /v1/models", what="a bare array of the models that speak")
def test_models(client: ElevenLabs) -> None:
    """Objects of the SDK's own, not OpenAI's list."""
    models = client.models.list()
    assert isinstance(models, list)
    assert "espeak" in {model.model_id for model in models}
    assert all(model.can_do_text_to_speech and model.maximum_text_length_per_request for model in models)


@pytest.mark.shows(client="elevenlabs", route="GET /v1/user", what="who asks, and that nothing is limited")
def test_user(client: ElevenLabs) -> None:
    """Clients look whether there is something left."""
    assert "migrant" == client.user.get().user_id
    subscription = client.user.subscription.get()
    assert ("active", 0) == (subscription.status, subscription.character_count)
    assert subscription.character_limit > 10**9


@pytest.mark.shows(
    client="elevenlabs", route=ROUTE, what="errors are the SDK's own, with status, code and message"
)
def test_errors(router: Process, client: ElevenLabs) -> None:
    """A wrong key and none, an unknown voice and model, a text that is too long, a field of the wrong kind."""
    with _client(router, "sk_wrong") as stranger:
        detail = _refused(stranger, 401)
    assert ("authentication_error", "invalid_api_key") == (detail["type"], detail["code"])
    with _client(router, None) as stranger:
        assert "missing_api_key" == _refused(stranger, 401)["code"]
    detail = _refused(client, 404, voice="nobody")
    assert ("not_found", "voice_not_found", "voice_not_found") == (
        detail["type"],
        detail["code"],
        detail["status"],
    )
    assert {"model_not_found"} == {_refused(client, 404, model_id="nothing")["code"]}
    assert {"text_too_long"} == {_refused(client, 400, text="a " * 60_000)["code"]}
    assert {"invalid_output_format"} == {_refused(client, 400, output_format="mp3_1_1")["code"]}
    with pytest.raises(UnprocessableEntityError) as caught:
        _spoken(client, voice_settings=VoiceSettings(stability=2))
    fault = caught.value.body["detail"][0]
    assert ["body", "voice_settings", "stability"] == fault["loc"]


def _refused(client: ElevenLabs, status: int, **more: Any) -> Any:
    with pytest.raises(ApiError) as caught:
        _spoken(client, **more)
    assert status == caught.value.status_code
    assert caught.value.body["detail"]["message"]
    return caught.value.body["detail"]


@pytest.mark.shows(client="elevenlabs", route="GET /v1/voices/{voice_id}", what="an unknown voice is a 404")
def test_an_unknown_voice(client: ElevenLabs) -> None:
    """With its code."""
    with pytest.raises(ApiError) as caught:
        client.voices.get("nobody")
    assert (404, "voice_not_found") == (caught.value.status_code, caught.value.body["detail"]["code"])


@pytest.mark.shows(client="elevenlabs", route=ROUTE, what="the asynchronous client, several at once")
def test_the_asynchronous_client(router: Process, reference_s: float) -> None:
    """Whole and streamed, side by side."""

    async def main() -> list[bytes]:
        more: Any = {"text": TEXT, "seed": 1, "output_format": "pcm_24000"}

        async def whole(client: AsyncElevenLabs) -> bytes:
            return b"".join([piece async for piece in client.text_to_speech.convert("alloy", **more)])

        async def streamed(client: AsyncElevenLabs) -> bytes:
            return b"".join([piece async for piece in client.text_to_speech.stream("alloy", **more)])

        async with httpx.AsyncClient(trust_env=False, timeout=60) as connections:
            client = AsyncElevenLabs(base_url=router.base_url, api_key=KEY, httpx_client=connections)
            return list(await asyncio.gather(whole(client), streamed(client), whole(client)))

    for audio in asyncio.run(main()):
        assert abs(len(audio) / 48_000 - reference_s) < 0.001
