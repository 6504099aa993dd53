"""The fake of ElevenLabs, checked by ElevenLabs' own SDK: what the SDK sends is understood, what it gets is what
it expects, and its errors are the SDK's own."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from elevenlabs import ElevenLabs, VoiceSettings
from elevenlabs.core.api_error import ApiError
from elevenlabs.errors import UnprocessableEntityError
from processes import Process, http, start_vendor

TEXT = "The kettle is on, and the cat is out."
RACHEL = "21m00Tcm4TlvDq8ikWAM"
SECONDS = len(TEXT) / 15


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with start_vendor("elevenlabs", tmp_path_factory.mktemp("fake")) as process:
        yield process


@pytest.fixture(autouse=True)
def _is_well(fake: Process) -> Iterator[None]:
    yield
    _behave(fake, "well")


@pytest.fixture
def client(fake: Process) -> Iterator[ElevenLabs]:
    """The SDK leaves connections open; ours are closed."""
    with httpx.Client(timeout=20) as connections:
        yield ElevenLabs(base_url=fake.base_url, api_key="vendor-key", httpx_client=connections)


def _behave(fake: Process, mode: str) -> None:
    assert 200 == http.put(f"{fake.base_url}/_mode", content=mode).status_code


def _speak(client: ElevenLabs, voice: str = RACHEL, **more: Any) -> bytes:
    given: dict[str, Any] = {"output_format": "pcm_24000", "model_id": "eleven_flash_v2_5", **more}
    return b"".join(client.text_to_speech.convert(voice, text=TEXT, **given))


@pytest.mark.checks(fake="elevenlabs", client="elevenlabs", what="speech as pcm and wav, whole and streamed")
def test_speech(client: ElevenLabs) -> None:
    """As long as the text, in the format that was asked for."""
    assert SECONDS == pytest.approx(len(_speak(client)) / 48_000, abs=0.01)
    assert b"RIFF" == _speak(client, output_format="wav_24000")[:4]
    streamed = client.text_to_speech.stream(
        RACHEL, text=TEXT, model_id="eleven_multilingual_v2", output_format="pcm_16000"
    )
    assert SECONDS == pytest.approx(len(b"".join(streamed)) / 32_000, abs=0.01)


@pytest.mark.checks(fake="elevenlabs", client="elevenlabs", what="voice settings, language and seed are taken")
def test_settings(fake: Process, client: ElevenLabs) -> None:
    """All that the router sends, in the SDK's own words."""
    settings = VoiceSettings(stability=0.3, similarity_boost=0.8, style=0.2, use_speaker_boost=True, speed=1.2)
    audio = _speak(client, voice_settings=settings, language_code="en", seed=2**32 - 1)
    assert SECONDS / 1.2 == pytest.approx(len(audio) / 48_000, abs=0.01)
    last = http.get(f"{fake.base_url}/_asked").json()[-1]
    assert ("vendor-key", "/v1/text-to-speech/" + RACHEL) == (last["headers"]["xi-api-key"], last["path"])


@pytest.mark.checks(fake="elevenlabs", client="elevenlabs", what="character-cost and concurrency headers")
def test_headers(client: ElevenLabs) -> None:
    """What an answer was charged for."""
    with client.text_to_speech.with_raw_response.convert(RACHEL, text=TEXT) as answer:
        assert str(len(TEXT)) == answer.headers["character-cost"]
        assert {"maximum-concurrent-requests", "request-id"} <= set(answer.headers)


@pytest.mark.checks(fake="elevenlabs", client="elevenlabs", what="models, all voices, voices in pages, one voice")
def test_lists(client: ElevenLabs) -> None:
    """Values and types: the SDK does not validate, so that nothing was raised would say nothing."""
    models = client.models.list()
    assert isinstance(models, list)
    assert ("eleven_multilingual_v2", True) == (models[0].model_id, models[0].can_do_text_to_speech)
    everyone = [voice.voice_id for voice in client.voices.get_all().voices]
    assert RACHEL == everyone[0]
    found, token = list[str](), None
    while True:
        page = client.voices.search(page_size=2, next_page_token=token)
        found += [voice.voice_id for voice in page.voices]
        token = page.next_page_token
        if not page.has_more:
            break
    assert everyone == found
    assert ("Rachel", "female") == ((voice := client.voices.get(RACHEL)).name, (voice.labels or {})["gender"])


@pytest.mark.parametrize(
    ("mode", "status", "word"),
    [
        ("bad_key", 401, "invalid_api_key"),
        ("quota", 401, "quota_exceeded"),
        ("busy", 429, "concurrent_limit_exceeded"),
        ("unavailable", 503, "service_unavailable"),
    ],
)
@pytest.mark.checks(fake="elevenlabs", client="elevenlabs", what="401, quota, 429 and 5xx are the SDK's errors")
def test_refusals(fake: Process, client: ElevenLabs, mode: str, status: int, word: str) -> None:
    """With the shape that the documents give."""
    _behave(fake, mode)
    with pytest.raises(ApiError) as caught:
        _speak(client)
    assert (status, word) == (caught.value.status_code, caught.value.body["detail"]["status"])


@pytest.mark.checks(fake="elevenlabs", client="elevenlabs", what="an unknown voice, a bad setting")
def test_bad_input(client: ElevenLabs) -> None:
    """404 with an object, 422 with pydantic's array."""
    with pytest.raises(ApiError) as missing:
        _speak(client, voice="nobody")
    assert (404, "voice_not_found") == (missing.value.status_code, missing.value.body["detail"]["code"])
    with pytest.raises(UnprocessableEntityError) as wrong:
        _speak(client, voice_settings=VoiceSettings(stability=2.0))
    assert 422 == wrong.value.status_code


@pytest.mark.checks(fake="elevenlabs", client="elevenlabs", what="v3 refuses neighbouring text")
def test_v3(client: ElevenLabs) -> None:
    """With a 400."""
    with pytest.raises(ApiError) as caught:
        _speak(client, model_id="eleven_v3", previous_text="Before.")
    assert (400, True) == (caught.value.status_code, "eleven_v3" in caught.value.body["detail"]["message"])
