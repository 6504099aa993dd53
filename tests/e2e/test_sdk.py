"""What a client of OpenAI's gets: the official SDK against a router and its espeak node, as processes."""

import base64
import hashlib
import json
import math
import random
from collections.abc import Iterator
from typing import Final, Literal

import openai
import pytest
from audio import RATE_HZ, Sound, decoded
from processes import Process, http, start_node, start_router

pytest_plugins = ["process_logs"]

TEXT: Final = "Good evening. The kettle is on, and the lights are off in the kitchen."
Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
FORMATS: Final[tuple[Format, ...]] = ("mp3", "opus", "aac", "flac", "wav", "pcm")
MEDIA_TYPES: Final = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
VOICES: Final = (
    *("alloy", "ash", "ballad", "coral", "echo", "fable", "onyx"),
    *("nova", "sage", "shimmer", "verse", "marin", "cedar"),
)
# A frame of each codec at either end: encoders pad, and decoders of streams without a length keep the padding.
PADDING_S: Final = 0.1
KEY: Final = "lar-a-key-that-only-this-test-knows-0123456789"


def config_of(node: Process) -> str:
    """A router in front of one node and the demo."""
    return f"""\
providers:
  node: {{kind: tts-node, url: "{node.base_url}"}}
  demo: {{kind: demo, words_per_s: 500}}
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """The espeak node."""
    with start_node(tmp_path_factory.mktemp("node"), "--queue-limit", "64") as running:
        yield running


@pytest.fixture(scope="module")
def router(node: Process, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A router without keys."""
    with start_router(config_of(node), tmp_path_factory.mktemp("router")) as running:
        yield running


@pytest.fixture(scope="module")
def locked_router(node: Process, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A router whose one client has a key."""
    key_hash = hashlib.sha256(KEY.encode()).hexdigest()
    config = config_of(node) + f"clients:\n  sdk: {{key_sha256: {key_hash}}}\n"
    with start_router(config, tmp_path_factory.mktemp("locked"), name="locked-router") as running:
        yield running


@pytest.fixture(scope="module")
def client(router: Process) -> Iterator[openai.OpenAI]:
    """The SDK; without its own retries, which would hide the router's faults."""
    with openai.OpenAI(base_url=f"{router.base_url}/v1", api_key="unused", max_retries=0) as sdk:
        yield sdk


def spoken(client: openai.OpenAI, text: str = TEXT, *, voice: str = "alloy", speed: float = 1.0) -> Sound:
    """Raw samples, the quickest to look at."""
    answer = client.audio.speech.create(
        model="tts-1", voice=voice, input=text, speed=speed, response_format="pcm", extra_body={"seed": 1}
    )
    return decoded(answer.content, "pcm")


@pytest.mark.parametrize("name", FORMATS)
def test_speech_in_every_format(client: openai.OpenAI, name: Format) -> None:
    """The audio decodes, lasts as long as the header says and sounds like a voice."""
    answer = client.audio.speech.with_raw_response.create(
        model="tts-1", voice="alloy", input=TEXT, response_format=name
    )
    sound = decoded(answer.content, name)
    duration_s = float(answer.headers["x-audio-duration"])
    assert sound.duration_s == pytest.approx(duration_s, abs=PADDING_S)
    assert 2 < duration_s < 10
    assert 0 < float(answer.headers["x-generation-time"]) < 10
    assert answer.headers["content-type"] == MEDIA_TYPES[name]
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert sound.is_speech_like, sound


@pytest.mark.parametrize("name", FORMATS)
def test_same_seed_and_text_give_the_same_bytes(client: openai.OpenAI, name: Format) -> None:
    """A seed makes an answer repeatable to the byte, in every format."""
    first, second = (
        client.audio.speech.create(
            model="tts-1", voice="alloy", input=TEXT, response_format=name, extra_body={"seed": 42}
        ).content
        for _ in range(2)
    )
    assert first == second


def tone() -> Sound:
    return Sound([0.3 * math.sin(2 * math.pi * 440 * n / RATE_HZ) for n in range(2 * RATE_HZ)])


def noise() -> Sound:
    generator = random.Random(1)
    return Sound([generator.uniform(-0.3, 0.3) for _ in range(2 * RATE_HZ)])


def noise_that_pulses() -> Sound:
    return Sound([s * (0.1 + math.sin(20 * n / RATE_HZ) ** 2) for n, s in enumerate(noise().samples)])


def silence() -> Sound:
    return Sound([1e-9] * RATE_HZ)


@pytest.mark.parametrize("sound", [tone(), noise(), noise_that_pulses(), silence()], ids=repr)
def test_judge_of_speech_is_not_fooled(sound: Sound) -> None:
    """What passes for speech in these tests is not passed by a tone, by noise or by silence."""
    assert not sound.is_speech_like


def test_streaming_response_carries_both_headers(client: openai.OpenAI) -> None:
    """The SDK's streaming way reads the headers before the audio and all of the audio after them."""
    with client.audio.speech.with_streaming_response.create(model="tts-1", voice="nova", input=TEXT) as answer:
        duration_s = float(answer.headers["x-audio-duration"])
        generation_s = float(answer.headers["x-generation-time"])
        audio = b"".join(answer.iter_bytes(4096))
    assert decoded(audio, "mp3").duration_s == pytest.approx(duration_s, abs=PADDING_S)
    assert 0 < generation_s < duration_s


def test_what_is_left_out_has_openais_defaults(router: Process) -> None:
    """Text alone is spoken, as MP3, by the default model and voice."""
    answer = http.post(f"{router.base_url}/v1/audio/speech", json={"input": TEXT})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "audio/mpeg"
    assert answer.headers["x-tts-engine"] == "espeak"
    assert answer.headers["x-tts-voice"] == "alloy"
    assert "x-router-substitution" not in answer.headers


@pytest.mark.parametrize("voice", VOICES)
def test_every_voice_of_openais_speaks(client: openai.OpenAI, voice: str) -> None:
    """Each built-in name is a voice here, and sounds like one."""
    sound = spoken(client, voice=voice)
    assert sound.is_speech_like, sound


def test_voices_differ(client: openai.OpenAI) -> None:
    """No two of OpenAI's names are the same voice."""
    takes = [tuple(spoken(client, "Hello there.", voice=voice).samples) for voice in VOICES]
    assert len(set(takes)) == len(VOICES)


def test_voice_may_be_an_object(client: openai.OpenAI) -> None:
    """`{"id": name}` means the same voice as the name."""
    answer = client.audio.speech.create(
        model="tts-1", voice={"id": "onyx"}, input=TEXT, response_format="pcm", extra_body={"seed": 1}
    )
    assert decoded(answer.content, "pcm").samples == spoken(client, voice="onyx").samples


@pytest.mark.parametrize(("speed", "factor"), [(0.25, 4.0), (0.5, 2.0), (2.0, 0.5), (4.0, 0.25)])
def test_speed_changes_the_duration(client: openai.OpenAI, speed: float, factor: float) -> None:
    """Twice as fast takes about half as long; pauses and rounding leave a quarter of play."""
    assert spoken(client, speed=speed).duration_s == pytest.approx(spoken(client).duration_s * factor, rel=0.25)


@pytest.mark.parametrize("model", ["tts-1", "tts-1-hd", "gpt-4o-mini-tts", "espeak", "node/espeak"])
def test_every_name_of_the_speech_model_speaks(client: openai.OpenAI, model: str) -> None:
    """OpenAI's three names, the engine's own, and `provider/model`."""
    answer = client.audio.speech.with_raw_response.create(model=model, voice="alloy", input="Hello.")
    assert answer.status_code == 200
    assert answer.headers["x-router-model"] == "espeak"


def test_text_in_many_scripts_speaks(client: openai.OpenAI) -> None:
    """Umlauts, Cyrillic and an emoji are no reason to fall silent."""
    assert spoken(client, "Schöne Grüße aus Köln, привет, 🎉!").duration_s > 1


@pytest.mark.parametrize("name", ["mp3", "wav", "pcm"])
def test_speech_as_events(router: Process, name: str) -> None:
    """`stream_format: sse`: the deltas are the audio, and the last event has usage and both figures."""
    body = {"model": "gpt-4o-mini-tts", "input": TEXT, "response_format": name, "stream_format": "sse"}
    answer = http.post(f"{router.base_url}/v1/audio/speech", json=body)
    assert answer.headers["content-type"].partition(";")[0] == "text/event-stream"
    assert all(event.startswith("data: ") for event in answer.text.split("\n\n")[:-1])
    events = [json.loads(event.removeprefix("data: ")) for event in answer.text.split("\n\n")[:-1]]
    *deltas, done = events
    assert {delta["type"] for delta in deltas} == {"speech.audio.delta"}
    assert done["type"] == "speech.audio.done"
    sound = decoded(b"".join(base64.b64decode(delta["audio"]) for delta in deltas), name)
    assert sound.duration_s == pytest.approx(done["audio_duration"], abs=PADDING_S)
    assert sound.is_speech_like, sound
    assert 0 < done["generation_time"] < 10
    usage = done["usage"]
    assert usage["input_tokens"] + usage["output_tokens"] == usage["total_tokens"]
    assert min(usage.values()) > 0


def test_answer_can_be_looked_up(client: openai.OpenAI, router: Process) -> None:
    """GET /v1/audio/speech/{request id} repeats the figures of the headers."""
    answer = client.audio.speech.with_raw_response.create(
        model="tts-1", voice="echo", input=TEXT, extra_headers={"X-Request-Id": "look-me-up.1"}
    )
    assert answer.headers["x-request-id"] == "look-me-up.1"
    found = router.get("/v1/audio/speech/look-me-up.1").json()
    assert found["audio_duration"] == float(answer.headers["x-audio-duration"])
    assert found["generation_time"] == float(answer.headers["x-generation-time"])
    assert (found["engine"], found["voice"], found["provider"]) == ("espeak", "echo", "node")
    assert router.get("/v1/audio/speech/no-such-id").status_code == 404


def test_demo_chats(client: openai.OpenAI) -> None:
    """The model `demo` answers, with usage."""
    answer = client.chat.completions.create(model="demo", messages=[{"role": "user", "content": "Hello!"}])
    assert answer.model == "demo"
    assert "Local AI Router" in (answer.choices[0].message.content or "")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens > 0


def test_demo_streams_the_same(client: openai.OpenAI) -> None:
    """Streamed, the pieces make the same text, and usage comes when it is asked for."""
    messages: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": "Hello!"}]
    whole = client.chat.completions.create(model="demo", messages=messages)
    with client.chat.completions.create(
        model="demo", messages=messages, stream=True, stream_options={"include_usage": True}
    ) as stream:
        chunks = list(stream)
    pieces = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert "".join(pieces) == whole.choices[0].message.content
    assert len(pieces) > 20
    assert chunks[-1].usage is not None


def test_demo_completes(client: openai.OpenAI) -> None:
    """The older completions route, whole and streamed."""
    whole = client.completions.create(model="demo", prompt="Hello!")
    with client.completions.create(model="demo", prompt="Hello!", stream=True) as stream:
        pieces = [choice.text for chunk in stream for choice in chunk.choices]
    assert "".join(pieces) == whole.choices[0].text
    assert "Local AI Router" in whole.choices[0].text


def test_models_are_listed_and_found(client: openai.OpenAI) -> None:
    """Every listed model can be retrieved by its name."""
    listed = [model.id for model in client.models.list()]
    assert sorted(listed) == ["demo", "espeak"]
    assert [client.models.retrieve(name).id for name in listed] == listed


def test_voices_are_listed_as_open_webui_asks(router: Process) -> None:
    """With and without /v1: objects with id and name, OpenAI's names among them."""
    listed = router.get("/v1/audio/voices").json()["voices"]
    assert set(VOICES) <= {voice["id"] for voice in listed}
    assert all(voice["name"] for voice in listed)
    assert router.get("/audio/voices").json()["voices"] == listed
    assert "espeak" in [model["id"] for model in router.get("/audio/models").json()["models"]]


def test_unknown_model_is_not_found(client: openai.OpenAI) -> None:
    """NotFoundError for a chat model nobody has; a close match is named."""
    with pytest.raises(openai.NotFoundError) as refusal:
        client.chat.completions.create(model="dmeo", messages=[{"role": "user", "content": "Hello!"}])
    assert refusal.value.param == "model"
    assert refusal.value.code == "model_not_found"
    assert "demo" in refusal.value.message


def test_unknown_speech_model_is_not_found(client: openai.OpenAI) -> None:
    """NotFoundError for a speech model nobody has."""
    with pytest.raises(openai.NotFoundError) as refusal:
        client.audio.speech.create(model="espaek", voice="alloy", input=TEXT)
    assert refusal.value.param == "model"
    assert "espeak" in refusal.value.message


def test_unknown_listed_model_is_not_found(client: openai.OpenAI) -> None:
    """NotFoundError from models.retrieve too."""
    with pytest.raises(openai.NotFoundError) as refusal:
        client.models.retrieve("no-such-model")
    assert refusal.value.code == "model_not_found"


def test_unknown_voice_is_not_found(client: openai.OpenAI) -> None:
    """NotFoundError for a voice nobody has; a close match is named."""
    with pytest.raises(openai.NotFoundError) as refusal:
        client.audio.speech.create(model="tts-1", voice="aloy", input=TEXT)
    assert refusal.value.param == "voice"
    assert refusal.value.code == "voice_not_found"
    assert "alloy" in refusal.value.message


@pytest.mark.parametrize(
    ("field", "value"),
    [("input", ""), ("input", " \n\t"), ("response_format", "midi"), ("speed", 5), ("speed", 0)],
)
def test_bad_field_is_a_bad_request(client: openai.OpenAI, field: str, value: object) -> None:
    """BadRequestError names the field."""
    with pytest.raises(openai.BadRequestError) as refusal:
        client.audio.speech.create(model="tts-1", voice="alloy", input=TEXT, extra_body={field: value})
    assert refusal.value.param == field


@pytest.mark.parametrize("key", ["wrong", "lar-" + "x" * 43, "Bearer"])
def test_wrong_key_is_an_authentication_error(locked_router: Process, key: str) -> None:
    """AuthenticationError for chat, speech and lists."""
    with openai.OpenAI(base_url=f"{locked_router.base_url}/v1", api_key=key, max_retries=0) as sdk:
        with pytest.raises(openai.AuthenticationError) as refusal:
            sdk.chat.completions.create(model="demo", messages=[{"role": "user", "content": "Hello!"}])
        assert refusal.value.code == "invalid_api_key"
        with pytest.raises(openai.AuthenticationError):
            sdk.audio.speech.create(model="tts-1", voice="alloy", input=TEXT)
        with pytest.raises(openai.AuthenticationError):
            sdk.models.list()


def test_right_key_opens(locked_router: Process) -> None:
    """With its key a client chats, speaks and lists."""
    with openai.OpenAI(base_url=f"{locked_router.base_url}/v1", api_key=KEY, max_retries=0) as sdk:
        sdk.chat.completions.create(model="demo", messages=[{"role": "user", "content": "Hello!"}])
        assert spoken(sdk).is_speech_like
        assert sorted(model.id for model in sdk.models.list()) == ["demo", "espeak"]
