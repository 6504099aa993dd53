"""Clients that speak OpenAI's dialect: its SDK, Home Assistant's use of it, and the requests of Open WebUI."""

import asyncio
import json
import wave
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final, Literal

import httpx
import openai
import pytest
from audio import decoded
from openai_house import KEY, TEXT, House, house

Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
FORMATS: Final[tuple[Format, ...]] = ("mp3", "opus", "aac", "flac", "wav", "pcm")
VOICES: Final = (
    *("marin", "cedar", "alloy", "ash", "ballad", "coral", "echo"),
    *("fable", "nova", "onyx", "sage", "shimmer", "verse"),
)
PADDING_S: Final = 0.1  # a frame of each codec at either end
HELLO: Final[list[Any]] = [{"role": "user", "content": "Hello!"}]


@pytest.fixture(scope="module")
def at_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One for all."""
    with house(tmp_path_factory.mktemp("house")) as running:
        yield running


@pytest.fixture(scope="module")
def sdk(at_home: House) -> Iterator[openai.OpenAI]:
    """Without its own retries, which would hide the router's faults."""
    with openai.OpenAI(base_url=at_home.url, api_key=KEY, max_retries=0) as client:
        yield client


@pytest.mark.shows(client="openai", route="POST /v1/chat/completions", what="an answer, with its usage")
def test_chat(sdk: openai.OpenAI) -> None:
    """Whole."""
    answer = sdk.chat.completions.create(model="demo", messages=HELLO)
    assert answer.choices[0].finish_reason == "stop"
    assert "Local AI Router" in (answer.choices[0].message.content or "")
    assert answer.usage is not None
    assert answer.usage.total_tokens > 0


@pytest.mark.shows(
    client="openai", route="POST /v1/chat/completions", what="stream: the same text in pieces, with its usage"
)
def test_streamed_chat(sdk: openai.OpenAI) -> None:
    """Event by event."""
    whole = sdk.chat.completions.create(model="demo", messages=HELLO).choices[0].message.content
    more = {"stream_options": {"include_usage": True}}
    with sdk.chat.completions.create(model="demo", messages=HELLO, stream=True, extra_body=more) as stream:
        chunks = list(stream)
    pieces = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert whole == "".join(pieces)
    assert len(pieces) > 20
    assert chunks[-1].usage is not None


@pytest.mark.shows(
    client="openai",
    route="POST /v1/audio/speech",
    what="mp3, opus, aac, flac, wav, pcm: decoded, as long as X-Audio-Duration says",
)
@pytest.mark.parametrize("name", FORMATS)
def test_speech(sdk: openai.OpenAI, name: Format) -> None:
    """A voice."""
    answer = sdk.audio.speech.with_raw_response.create(
        model="tts-1", voice="alloy", input=TEXT, response_format=name
    )
    sound = decoded(answer.content, name)
    assert sound.duration_s == pytest.approx(float(answer.headers["x-audio-duration"]), abs=PADDING_S)
    assert sound.is_speech_like, sound


@pytest.mark.shows(client="openai", route="POST /v1/audio/speech", what="audio as it is made")
def test_streamed_speech(sdk: openai.OpenAI) -> None:
    """The SDK's streaming way, and the router's."""
    with sdk.audio.speech.with_streaming_response.create(
        model="tts-1", voice="nova", input=TEXT, response_format="pcm", extra_body={"stream": True}
    ) as answer:
        pieces = list(answer.iter_bytes(4096))
    assert len(pieces) > 1
    assert decoded(b"".join(pieces), "pcm").is_speech_like


@pytest.mark.shows(client="openai", route="POST /v1/audio/transcriptions", what="json, and srt as text")
def test_transcription(sdk: openai.OpenAI) -> None:
    """A recording."""
    file = ("speech.wav", wav(), "audio/wav")
    assert sdk.audio.transcriptions.create(model="whisper-1", file=file).text == "what was said"
    text = sdk.audio.transcriptions.create(model="whisper-1", file=file, response_format="srt")
    assert str(text).startswith("srt ")


@pytest.mark.shows(client="openai", route="GET /v1/models", what="all that is listed, each found by its name")
def test_models(sdk: openai.OpenAI) -> None:
    """The list and its entries."""
    listed = [model.id for model in sdk.models.list()]
    assert {"demo", "espeak", "whisper-1"} <= set(listed)
    assert [sdk.models.retrieve(name).id for name in listed] == listed


@pytest.mark.shows(
    client="openai",
    route="every route",
    what="NotFoundError, BadRequestError and AuthenticationError with code and param",
)
def test_errors(at_home: House, sdk: openai.OpenAI) -> None:
    """Each as the SDK has it."""
    with pytest.raises(openai.NotFoundError) as missing:
        sdk.chat.completions.create(model="dmeo", messages=HELLO)
    assert (missing.value.code, missing.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.NotFoundError) as voiceless:
        sdk.audio.speech.create(model="tts-1", voice="aloy", input=TEXT)
    assert (voiceless.value.code, voiceless.value.param) == ("voice_not_found", "voice")
    with pytest.raises(openai.BadRequestError) as bad:
        sdk.audio.speech.create(model="tts-1", voice="alloy", input=TEXT, speed=9)
    assert bad.value.param == "speed"
    with openai.OpenAI(base_url=at_home.url, api_key="wrong", max_retries=0) as stranger:
        for ask in (
            lambda: stranger.chat.completions.create(model="demo", messages=HELLO),
            lambda: stranger.audio.speech.create(model="tts-1", voice="alloy", input=TEXT),
            lambda: stranger.models.list(),
        ):
            with pytest.raises(openai.AuthenticationError) as refused:
                ask()
            assert refused.value.code == "invalid_api_key"


@pytest.mark.shows(
    client="Home Assistant",
    release="openai_conversation at core 057855a",
    route="POST /v1/audio/speech",
    what="speech as its integration asks for it, in every format and voice that it offers",
)
@pytest.mark.parametrize("name", FORMATS)
def test_home_assistants_speech(at_home: House, name: Format) -> None:
    """Through the SDK's streaming way, with `instructions` of a prompt that nobody has set: the word None."""

    async def spoken(voice: str) -> bytes:
        async with (
            openai.AsyncOpenAI(base_url=at_home.url, api_key=KEY, max_retries=0) as client,
            client.audio.speech.with_streaming_response.create(
                model="gpt-4o-mini-tts",
                voice=voice,
                input="The door is open.",
                instructions="None",
                speed=1.0,
                response_format=name,
            ) as answer,
        ):
            return b"".join([piece async for piece in answer.iter_bytes()])

    async def all_of_them() -> list[bytes]:
        return await asyncio.gather(*(spoken(voice) for voice in (VOICES if name == "mp3" else VOICES[:1])))

    assert all(decoded(sound, name).duration_s > 0.4 for sound in asyncio.run(all_of_them()))


@pytest.fixture(scope="module")
def open_webui(at_home: House) -> Iterator[httpx.Client]:
    """Asks as Open WebUI does, with what it tells of its user."""
    user = {"Name": "Ada", "Id": "1", "Email": "ada@example.org", "Role": "admin"}
    headers = {f"X-OpenWebUI-User-{name}": value for name, value in user.items()}
    headers["Authorization"] = f"Bearer {KEY}"
    with httpx.Client(base_url=at_home.url, headers=headers, trust_env=False, timeout=30) as client:
        yield client


@pytest.mark.shows(
    client="Open WebUI",
    release="routers/audio.py at 01fb3e4",
    route="GET /v1/models, /v1/audio/models, /v1/audio/voices",
    what="its menus of models and voices",
)
def test_open_webuis_lists(open_webui: httpx.Client) -> None:
    """Ids and names."""
    assert "demo" in [model["id"] for model in open_webui.get("/models").raise_for_status().json()["data"]]
    models = open_webui.get("/audio/models").raise_for_status().json()["models"]
    assert "espeak" in [model["id"] for model in models]
    voices = open_webui.get("/audio/voices").raise_for_status().json()["voices"]
    assert {"alloy", "nova"} <= {voice["id"] for voice in voices}
    assert all(voice["name"] for voice in voices)


@pytest.mark.shows(
    client="Open WebUI",
    release="routers/audio.py at 01fb3e4",
    route="POST /v1/audio/speech",
    what="the sentence that is read aloud, as mp3",
)
def test_open_webuis_speech(open_webui: httpx.Client) -> None:
    """`input`, `voice` and `model`, nothing else."""
    body = {"input": TEXT, "voice": "alloy", "model": "tts-1"}
    answer = open_webui.post("/audio/speech", json=body).raise_for_status()
    assert answer.headers["content-type"] == "audio/mpeg"
    assert decoded(answer.content, "mp3").is_speech_like


@pytest.mark.shows(
    client="Open WebUI",
    release="routers/audio.py at 01fb3e4",
    route="POST /v1/audio/transcriptions",
    what="a recording of the microphone",
)
def test_open_webuis_recording(open_webui: httpx.Client) -> None:
    """A form with a file and a model."""
    file = {"file": ("6a1b.wav", wav())}
    answer = open_webui.post("/audio/transcriptions", data={"model": "whisper-1"}, files=file)
    assert answer.raise_for_status().json()["text"] == "what was said"


@pytest.mark.shows(
    client="Open WebUI",
    release="routers/audio.py at 01fb3e4",
    route="POST /v1/chat/completions",
    what="a streamed answer; errors with a message that it shows",
)
def test_open_webuis_chat(open_webui: httpx.Client) -> None:
    """Lines of events, to [DONE]; what goes wrong is in `error.message`."""
    body = {"model": "demo", "messages": HELLO, "stream": True, "stream_options": {"include_usage": True}}
    with open_webui.stream("POST", "/chat/completions", json=body) as answer:
        lines = [line.removeprefix("data: ") for line in answer.iter_lines() if line]
    assert lines[-1] == "[DONE]"
    chunks = [json.loads(line) for line in lines[:-1]]
    text = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
    assert "Local AI Router" in text
    refused = open_webui.post("/chat/completions", json=body | {"model": "dmeo"})
    assert refused.status_code == 404
    assert "demo" in refused.json()["error"]["message"]


def wav() -> bytes:
    """A second of silence."""
    out = BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(32_000))
    return out.getvalue()
