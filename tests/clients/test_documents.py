"""The client code of documents 000, 002 and 003, written anew, at a router with a voice of its own: only the URL
is another than theirs. Document 004's is in test_chunked_speech.py."""

import asyncio
import hashlib
import io
import wave
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest
import requests
from processes import Process, free_port, start_node, start_router

KEY: Final = "lar-documents-1f0c9d7ab5e84c21b3"
KEY_SHA256: Final = hashlib.sha256(KEY.encode()).hexdigest()
TEXT: Final = "Hello, how can I help you today?"
LONG: Final = " ".join(["This is a sentence of a longer text, which is sent while it is spoken."] * 6)
WITHIN_S: Final = 60.0


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A router with a voice, the demo to chat with, and the documents' servers, all three of them offline."""
    folder = tmp_path_factory.mktemp("documents")
    with start_node(folder) as node:
        gone = [f"http://127.0.0.1:{free_port()}" for _ in range(3)]
        config = f"""\
providers:
  telephone: {{kind: chatterbox-speak, url: "{gone[0]}/speak"}}
  agent: {{kind: chatterbox-v1, url: "{gone[1]}", api_key: secret}}
  chattts: {{kind: chattts, url: "{gone[2]}"}}
  node: {{kind: tts-node, url: "{node.base_url}", tier: 3}}
  demo: {{kind: demo, words_per_s: 500}}
clients:
  documents: {{key_sha256: "{KEY_SHA256}"}}
telephone: {{model: demo}}
"""
        with start_router(config, folder) as running:
            yield running


@dataclass(frozen=True)
class Sound:
    """A WAV file, as Python's own reader has it."""

    seconds: float
    rate_hz: int
    is_silent: bool


def sound_of(file: bytes) -> Sound:
    with wave.open(io.BytesIO(file)) as opened:
        frames = opened.readframes(opened.getnframes())
        seconds = opened.getnframes() / opened.getframerate()
        return Sound(seconds, opened.getframerate(), not any(frames))


def is_speech(file: bytes) -> bool:
    """Some seconds of sound."""
    sound = sound_of(file)
    return 0.5 < sound.seconds < 10 and sound.rate_hz == 24_000 and not sound.is_silent


# Document 000: an AI telephone. `requests`, a WAV in the body.


def synthesize(base_url: str, text: str) -> bytes:
    """tts.py."""
    response = requests.post(
        f"{base_url}/speak", json={"text": text}, headers={"X-API-Key": KEY}, timeout=WITHIN_S
    )
    response.raise_for_status()
    return response.content


def process_text(base_url: str, text: str, prompt: str, key: str = KEY) -> requests.Response:
    """What the Pi asks."""
    return requests.post(
        f"{base_url}/process-text",
        json={"text": text, "prompt": prompt},
        headers={"X-API-Key": key},
        timeout=WITHIN_S,
    )


@pytest.mark.shows(client="requests", route="POST /speak", what="document 000's synthesize(): text in, WAV out")
def test_the_telephones_server_has_its_voice_made_here(router: Process) -> None:
    """Its own Chatterbox is offline, so another speaks: the fallback that the document has yet to add."""
    assert is_speech(synthesize(router.base_url, TEXT))


@pytest.mark.shows(client="requests", route="POST /process-text", what="document 000's call, with its key check")
def test_the_telephone(router: Process) -> None:
    """A question in, the spoken answer out; without the key, nothing."""
    answer = process_text(router.base_url, "What is a lighthouse?", "Be brief.")
    assert (200, "audio/wav") == (answer.status_code, answer.headers["content-type"])
    assert sound_of(answer.content).seconds > 1
    assert 401 == process_text(router.base_url, "What is a lighthouse?", "", key="another").status_code


# Document 002: a voice agent. An asynchronous client, a Bearer key, voices, streaming.


@dataclass(frozen=True)
class ChatterboxClient:
    """services/chatterbox_client.py; `audio_format` as CHATTERBOX_CONFIG has it."""

    api_url: str
    api_key: str
    model_id: str = "model_1"
    audio_format: dict[str, Any] | None = None

    def _body(self, text: str, voice_id: str) -> dict[str, Any]:
        settings = {"speed": 1.0, "pitch": 1.0, "volume": 1.0, "emotion": "neutral"}
        body = {"text": text, "voice_id": voice_id, "model_id": self.model_id, "settings": settings}
        return body if self.audio_format is None else {**body, "audio_format": self.audio_format}

    def _client(self) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {self.api_key}"}
        return httpx.AsyncClient(base_url=self.api_url, headers=headers, timeout=WITHIN_S, trust_env=False)

    async def convert_text_to_speech(self, text: str, voice_id: str = "voice_1") -> bytes:
        async with self._client() as client:
            response = await client.post("/api/v1/tts", json=self._body(text, voice_id))
            response.raise_for_status()
            return response.content

    async def stream_text_to_speech(self, text: str, voice_id: str = "voice_1") -> AsyncIterator[bytes]:
        async with (
            self._client() as client,
            client.stream("POST", "/api/v1/tts", json=self._body(text, voice_id)) as response,
        ):
            response.raise_for_status()
            async for chunk in response.aiter_bytes():
                yield chunk

    async def voices(self) -> list[dict[str, str]]:
        async with self._client() as client:
            response = await client.get("/api/v1/voices")
            response.raise_for_status()
            found: list[dict[str, str]] = response.json()["voices"]
            return found


@pytest.mark.shows(client="httpx", route="POST /api/v1/tts", what="document 002's convert_text_to_speech()")
def test_the_agents_client_converts(router: Process) -> None:
    """With the document's voice and model, which nobody here has; and with one that somebody has."""

    async def main() -> None:
        client = ChatterboxClient(router.base_url, KEY)
        assert is_speech(await client.convert_text_to_speech(TEXT))
        named = (await client.voices())[0]["id"]
        assert is_speech(await client.convert_text_to_speech(TEXT, named))

    asyncio.run(main())


@pytest.mark.shows(
    client="httpx", route="POST /api/v1/tts", what="document 002's audio_format: 16 kHz, 16 bits, pcm_s16le"
)
def test_the_agents_own_format(router: Process) -> None:
    """As much sound as the WAV has, in bare samples."""

    async def main() -> None:
        wanted = {"sample_rate": 16_000, "bit_depth": 16, "channels": 1, "codec": "pcm_s16le"}
        samples = await ChatterboxClient(router.base_url, KEY, audio_format=wanted).convert_text_to_speech(TEXT)
        whole = sound_of(await ChatterboxClient(router.base_url, KEY).convert_text_to_speech(TEXT))
        assert whole.seconds == pytest.approx(len(samples) / 32_000, rel=0.1)
        assert b"RIFF" != samples[:4]

    asyncio.run(main())


@pytest.mark.shows(
    client="httpx", route="POST /api/v1/tts", what="document 002's stream_text_to_speech(): sent while spoken"
)
def test_the_agents_client_streams(router: Process) -> None:
    """A longer text comes in more than one piece."""

    async def main() -> list[bytes]:
        client = ChatterboxClient(router.base_url, KEY, audio_format={"codec": "pcm_s16le"})
        return [chunk async for chunk in client.stream_text_to_speech(LONG)]

    chunks = asyncio.run(main())
    assert len(chunks) > 1
    assert sum(map(len, chunks)) / 48_000 > 10


@pytest.mark.shows(client="httpx", route="GET /api/v1/voices", what="document 002's list of voices, Bearer key")
def test_the_agents_list(router: Process) -> None:
    """Texts in all four fields; without the key, an error in its own shape."""

    async def main() -> None:
        listed = await ChatterboxClient(router.base_url, KEY).voices()
        assert listed
        assert all({"id", "name", "language", "gender"} == set(voice) for voice in listed)
        assert all(isinstance(value, str) for voice in listed for value in voice.values())
        with pytest.raises(httpx.HTTPStatusError) as caught:
            await ChatterboxClient(router.base_url, "another").convert_text_to_speech(TEXT)
        assert (401, "invalid_api_key") == (
            caught.value.response.status_code,
            caught.value.response.json()["error"]["code"],
        )

    asyncio.run(main())


# Document 003: ChatTTS. OpenAI's path with `text`; figures in headers; 60 s to speak, 10 s to connect.


@dataclass(frozen=True)
class ChatTTSClient:
    """chattts_tts_service.py; the key is what a router wants beside."""

    api_url: str
    api_key: str = KEY

    def _client(self) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {self.api_key}"}
        return httpx.AsyncClient(headers=headers, timeout=httpx.Timeout(60.0, connect=10.0), trust_env=False)

    async def generate(self, text: str, voice: str = "female_1", **more: Any) -> tuple[bytes, dict[str, float]]:
        """The sound, and what the server tells of its speed."""
        body = {"text": text, "voice": voice, "speed": 1.0, "temperature": 0.3, "top_p": 0.7, "top_k": 20}
        body |= {"response_format": "wav", "use_refine": False, **more}
        async with self._client() as client:
            response = await client.post(f"{self.api_url}/v1/audio/speech", json=body)
            response.raise_for_status()
            names = {"rtf": "X-RTF", "processing_time": "X-Processing-Time", "audio_duration": "X-Audio-Duration"}
            return response.content, {key: float(response.headers[name]) for key, name in names.items()}

    async def is_healthy(self) -> bool:
        async with self._client() as client:
            response = await client.get(f"{self.api_url}/health")
            return bool(response.json()["status"] == "healthy")


@pytest.mark.shows(
    client="httpx",
    route="POST /v1/audio/speech",
    what="document 003's ChatTTSClient: `text`, its presets and parameters, RTF and processing time",
)
def test_the_chattts_client(router: Process) -> None:
    """Its preset is nobody's here, so the house's voice speaks; the figures are of that."""

    async def main() -> None:
        client = ChatTTSClient(router.base_url)
        assert await client.is_healthy()
        audio, told = await client.generate(TEXT)
        assert is_speech(audio)
        assert sound_of(audio).seconds == pytest.approx(told["audio_duration"], abs=0.01)
        assert told["processing_time"] / told["audio_duration"] == pytest.approx(told["rtf"], abs=0.002)

    asyncio.run(main())


@pytest.mark.shows(client="httpx", route="POST /v1/audio/speech", what="document 003's speed, formats and ranges")
def test_the_chattts_settings(router: Process) -> None:
    """All eight presets are known, speed is honoured, mp3 is mp3, and what is out of range is named."""

    async def main() -> None:
        client = ChatTTSClient(router.base_url)
        slow, _ = await client.generate(TEXT, "male_3", speed=0.5)
        fast, _ = await client.generate(TEXT, "neutral_2", speed=2.0)
        assert sound_of(slow).seconds > 2 * sound_of(fast).seconds
        compressed, _ = await client.generate(TEXT, response_format="mp3")
        assert b"RIFF" != compressed[:4]
        with pytest.raises(httpx.HTTPStatusError) as caught:
            await client.generate(TEXT, temperature=1.5)
        error = caught.value.response.json()["error"]
        assert (400, "temperature") == (caught.value.response.status_code, error["param"])

    asyncio.run(main())
