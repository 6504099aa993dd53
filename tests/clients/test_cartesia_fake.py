"""The fake of Cartesia, checked by Cartesia's own SDK: what the SDK sends is understood, what it gets is what it
expects, and its errors are the SDK's own."""

from collections.abc import Iterator
from typing import Any

import cartesia
import pytest
from cartesia import Cartesia
from processes import Process, http, start_vendor

TEXT = "The kettle is on, and the cat is out."
KATIE = "f786b574-daa5-4673-aa0c-cbe3e8534c02"
SECONDS = len(TEXT) / 15
RAW = {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 24_000}


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with start_vendor("cartesia", tmp_path_factory.mktemp("fake")) as process:
        yield process


@pytest.fixture(autouse=True)
def _is_well(fake: Process) -> Iterator[None]:
    yield
    _behave(fake, "well")


def _behave(fake: Process, mode: str) -> None:
    assert 200 == http.put(f"{fake.base_url}/_mode", content=mode).status_code


def _client(fake: Process, key: str = "vendor-key") -> Cartesia:
    return Cartesia(base_url=fake.base_url, api_key=key, max_retries=0, timeout=20)


def _speak(client: Cartesia, **more: Any) -> bytes:
    given: dict[str, Any] = {
        "model_id": "sonic-3.5",
        "transcript": TEXT,
        "voice": {"id": KATIE},
        "output_format": RAW,
    }
    with client:
        return client.tts.generate(**{**given, **more}).read()


@pytest.mark.parametrize("voice", [KATIE, {"id": KATIE}])
@pytest.mark.checks(
    fake="cartesia", client="cartesia", what="speech as raw samples, a voice in both of its shapes"
)
def test_speech(fake: Process, voice: object) -> None:
    """As long as the text."""
    audio = _speak(_client(fake), voice=voice)
    assert SECONDS == pytest.approx(len(audio) / 48_000, abs=0.01)


@pytest.mark.checks(fake="cartesia", client="cartesia", what="speech as WAV")
def test_wav(fake: Process) -> None:
    """In the format that was asked for."""
    assert b"RIFF" == _speak(_client(fake), output_format={**RAW, "container": "wav"})[:4]


@pytest.mark.checks(fake="cartesia", client="cartesia", what="speed, volume, emotion and language are taken")
def test_settings(fake: Process) -> None:
    """All that the router sends, and the version that the SDK sends."""
    config = {"speed": 1.5, "volume": 2.0, "emotion": "excited"}
    audio = _speak(_client(fake), generation_config=config, language="en")
    assert SECONDS / 1.5 == pytest.approx(len(audio) / 48_000, abs=0.01)
    last = http.get(f"{fake.base_url}/_asked").json()[-1]
    assert ("Bearer vendor-key", "2026-08-14") == (
        last["headers"]["authorization"],
        last["headers"]["cartesia-version"],
    )


@pytest.mark.checks(fake="cartesia", client="cartesia", what="voices in pages, one voice")
def test_lists(fake: Process) -> None:
    """The SDK's pager reads on until a page is empty."""
    with _client(fake) as client:
        found = [voice.id for voice in client.voices.list(limit=2)]
        assert (3, KATIE) == (len(found), found[1])
        assert ("Katie", "en") == ((voice := client.voices.get(KATIE)).name, voice.language)


@pytest.mark.parametrize(
    ("mode", "kind", "status"),
    [
        ("bad_key", cartesia.AuthenticationError, 401),
        ("quota", cartesia.APIStatusError, 402),
        ("busy", cartesia.RateLimitError, 429),
        ("broken", cartesia.InternalServerError, 500),
        ("unavailable", cartesia.InternalServerError, 503),
    ],
)
@pytest.mark.checks(fake="cartesia", client="cartesia", what="401, quota, 429 and 5xx are the SDK's errors")
def test_refusals(fake: Process, mode: str, kind: type[cartesia.APIStatusError], status: int) -> None:
    """With the JSON of 2026-03-01 and later."""
    _behave(fake, mode)
    with pytest.raises(kind) as caught:
        _speak(_client(fake))
    body = caught.value.body
    assert isinstance(body, dict)
    assert (status, {"error_code", "title", "message", "request_id"}) == (caught.value.status_code, set(body))


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        ({"transcript": " "}, cartesia.BadRequestError),
        ({"voice": "nobody"}, cartesia.NotFoundError),
        ({"voice": {"mode": "id", "id": KATIE}}, cartesia.BadRequestError),
        ({"generation_config": {"speed": 3.0}}, cartesia.BadRequestError),
        ({"model_id": "sonic-2"}, cartesia.NotFoundError),
    ],
)
@pytest.mark.checks(fake="cartesia", client="cartesia", what="what it does not take is refused")
def test_bad_input(fake: Process, wrong: dict[str, Any], kind: type[cartesia.APIStatusError]) -> None:
    """In its own words."""
    with pytest.raises(kind):
        _speak(_client(fake), **wrong)
