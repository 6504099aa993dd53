"""Chats that are answered aloud, by OpenAI's SDK as its documentation has it, through real processes: a model's
server, two nodes, an ear. The text is the model's to the byte, and the sound is speech."""

import base64
import io
import itertools
import signal
import time
import wave
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import openai
import pytest
from audio import decoded
from figures import BUSY_S, note
from processes import Process, http, start_node, start_router, start_upstream
from test_transcriptions import start_stt

pytest_plugins = ["process_logs"]

TEXT: Final = (
    "Good evening to all of you. The house is quiet, and the lamps are lit. Somebody left a window open in the "
    "kitchen, so it may be cold.\n\n- Close the window.\n- Put the **kettle** on.\n\n```sh\nkettle on\n```\n\n"
    "After that, sit down for a while. Shall I read something to you?"
)
SEED: Final = 7
VOICE: Final = {"voice": "alloy", "format": "pcm16"}


@dataclass(frozen=True, slots=True)
class House:
    router: Process
    upstream: Process
    nodes: tuple[Process, Process]

    @property
    def sdk(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.router.base_url}/v1", api_key="unused", max_retries=0)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Two nodes that speak three times as fast as one listens, the first preferred."""
    folder = tmp_path_factory.mktemp("aloud")
    with ExitStack() as stack:
        upstream = stack.enter_context(start_upstream(folder, "m"))
        ear = stack.enter_context(start_stt(folder, "first", "whisper-large"))
        nodes = tuple(
            stack.enter_context(start_node(folder / str(number), "--simulate", "rtf=0.1,first=0.1"))
            for number in range(2)
        )
        config = f"""\
providers:
  llm: {{kind: openai, url: '{upstream.base_url}'}}
  ear: {{kind: openai, url: '{ear.base_url}', serves: [transcription]}}
  one: {{kind: tts-node, url: '{nodes[0].base_url}', tier: 1}}
  two: {{kind: tts-node, url: '{nodes[1].base_url}', tier: 2}}
cache: {{enabled: false}}
telephone: {{model: m}}
"""
        router = stack.enter_context(start_router(config, folder))
        yield House(router, upstream, (nodes[0], nodes[1]))


@dataclass(slots=True)
class Streamed:
    """A streamed answer, as it came."""

    transcript: str = ""
    pcm: bytes = b""
    id: str = ""
    written_s: float = 0.0  # when the last word came
    heard_s: float | None = None  # when the first sound did
    providers: list[str] = field(default_factory=list)
    finish: str | None = None


def stream(house: House, text: str = TEXT, *, pace_s: float = 0.0, after_sound: Any = None) -> Streamed:
    """As OpenAI's audio guide reads it."""
    found, began = Streamed(), time.monotonic()
    events = house.sdk.chat.completions.create(
        model="m",
        modalities=["text", "audio"],
        audio={"voice": "alloy", "format": "pcm16"},
        messages=[{"role": "user", "content": "Good evening!"}],
        stream=True,
        extra_body={
            "x_text": text,
            "x_pace_s": pace_s,
            "audio": {"voice": "alloy", "format": "pcm16", "seed": SEED},
        },
    )
    for event in events:
        if not event.choices:
            continue
        found.finish = event.choices[0].finish_reason or found.finish
        audio: Any = getattr(event.choices[0].delta, "audio", None)
        if audio is None:
            continue
        told = audio if isinstance(audio, dict) else audio.model_dump()
        found.id = told.get("id") or found.id
        if told.get("transcript"):
            found.transcript += told["transcript"]
            found.written_s = time.monotonic() - began
        if told.get("data"):
            found.heard_s = found.heard_s or time.monotonic() - began
            found.pcm += base64.b64decode(told["data"])
            if told.get("segment"):
                found.providers.append(told["segment"]["provider"])
            if after_sound is not None:
                after_sound, act = None, after_sound
                act()
    return found


def test_the_guides_whole_example(house: House) -> None:
    """A WAV that says the text, its transcript, and how long it is known."""
    completion = house.sdk.chat.completions.create(
        model="m",
        modalities=["text", "audio"],
        audio={"voice": "alloy", "format": "wav"},
        messages=[{"role": "user", "content": "Is a golden retriever a good family dog?"}],
        extra_body={"x_text": TEXT},
    )
    message = completion.choices[0].message
    assert message.audio is not None
    assert (TEXT, None) == (message.audio.transcript, message.content)
    assert message.audio.expires_at > time.time() + 3000
    data = base64.b64decode(message.audio.data)
    with wave.open(io.BytesIO(data)) as file:
        assert 10 < file.getnframes() / file.getframerate() < 40
    sound = decoded(data, "wav")
    assert sound.is_speech_like, sound


def test_the_guides_streamed_example(house: House) -> None:
    """Sound comes while the model still writes; the text is its own to the byte."""
    found = stream(house, pace_s=0.03)
    assert (TEXT, "stop", True) == (found.transcript, found.finish or "stop", found.id.startswith("audio_"))
    assert found.heard_s is not None
    assert found.heard_s < found.written_s + BUSY_S
    note(f"chat aloud: first sound after {found.heard_s:.2f} s, last word after {found.written_s:.2f} s")
    with io.BytesIO() as file:
        with wave.open(file, "wb") as out:
            out.setparams((1, 2, 24_000, 0, "NONE", "not compressed"))
            out.writeframes(found.pcm)
        sound = decoded(file.getvalue(), "wav")
    assert sound.is_speech_like, sound


def test_the_sdks_own_stream_helper(house: House) -> None:
    """Which adds the chunks up itself."""
    with house.sdk.chat.completions.stream(
        model="m",
        modalities=["text", "audio"],
        audio={"voice": "alloy", "format": "pcm16"},
        messages=[{"role": "user", "content": "Hello!"}],
        extra_body={"x_text": "It is a quiet evening."},
    ) as events:
        for _ in events:
            pass
        final = events.get_final_completion()
    audio = final.choices[0].message.audio
    assert audio is not None
    assert "It is a quiet evening." == audio.transcript


def test_the_next_turn_refers_to_the_audio(house: House) -> None:
    """The model's server gets what was said, in words."""
    spoken = stream(house, "My name is Ada.")
    http.delete(f"{house.upstream.base_url}/_exchanges")
    messages: list[Any] = [
        {"role": "user", "content": "Who are you?"},
        {"role": "assistant", "audio": {"id": spoken.id}},
        {"role": "user", "content": "Say that again."},
    ]
    house.sdk.chat.completions.create(model="m", messages=messages)
    assert '"content":"My name is Ada."' in house.upstream.get("/_exchanges").json()[0]["body"]
    messages[1]["audio"]["id"] = "audio_000000000000000000000000"
    with pytest.raises(openai.BadRequestError, match="has expired"):
        house.sdk.chat.completions.create(model="m", messages=messages)


def test_a_question_that_was_recorded(house: House) -> None:
    """Is written down by the ear, for a model that cannot hear."""
    http.delete(f"{house.upstream.base_url}/_exchanges")
    recording = base64.b64encode(b"RIFF of a question").decode()
    house.sdk.chat.completions.create(
        model="m",
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is in this recording?"},
                    {"type": "input_audio", "input_audio": {"data": recording, "format": "wav"}},
                ],
            }
        ],
    )
    (asked,) = house.upstream.get("/_exchanges").json()
    assert "input_audio" not in asked["body"]
    assert "What is in this recording?" in asked["body"]


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_a_node_that_is_lost_in_the_middle_is_not_heard(house: House, how: str, tmp_path: Path) -> None:
    """The PCM is that of an answer during which nothing happened."""
    faultless = stream(house).pcm
    node = house.nodes[0]
    if how == "stopped":
        found = stream(house, pace_s=0.02, after_sound=lambda: node.signal(signal.SIGSTOP))
        node.signal(signal.SIGCONT)
    else:
        with start_node(tmp_path, "--simulate", "rtf=0.1,first=0.1") as mortal:
            config = f"""\
providers:
  llm: {{kind: openai, url: '{house.upstream.base_url}'}}
  one: {{kind: tts-node, url: '{mortal.base_url}', tier: 1}}
  two: {{kind: tts-node, url: '{house.nodes[1].base_url}', tier: 2}}
cache: {{enabled: false}}
"""
            with start_router(config, tmp_path) as router:
                theirs = House(router, house.upstream, house.nodes)
                found = stream(theirs, pace_s=0.02, after_sound=mortal.kill)
    assert TEXT == found.transcript
    assert faultless == found.pcm
    assert ["one", "two"] == [name for name, _ in itertools.groupby(found.providers)][:2]


def test_an_ai_telephones_own_code(house: House) -> None:
    """What document 000's server did with Chatterbox, and what its Pi asks."""
    said = http.post(f"{house.router.base_url}/speak", json={"text": "It rings, and somebody answers."})
    said.raise_for_status()
    reply = http.post(
        f"{house.router.base_url}/process-text", json={"text": "Who is calling?", "prompt": "You are a telephone."}
    )
    reply.raise_for_status()
    for answer in (said, reply):
        assert "audio/wav" == answer.headers["content-type"]
        with wave.open(io.BytesIO(answer.content)) as file:
            assert (1, 24_000) == (file.getnchannels(), file.getframerate())
        assert float(answer.headers["x-audio-duration"]) > 1
        assert decoded(answer.content, "wav").is_speech_like
    recorded = http.post(
        f"{house.router.base_url}/process-audio",
        files={"audio": ("question.wav", said.content, "audio/wav")},
        data={"prompt": "You are a telephone.", "stream": "true"},
    )
    assert (200, b"RIFF\xff\xff\xff\xff") == (recorded.status_code, recorded.content[:8])
    assert len(recorded.content) > 48_000


def test_figures_of_a_chat_aloud(house: House) -> None:
    """Metrics know the chat, what was spoken of it, and how soon."""
    stream(house, "It is a quiet evening.")
    told = house.router.get("/metrics").text
    for series in (
        'router_requests_total{endpoint="chat_audio",',
        'router_requests_total{endpoint="chat",',
        'router_chat_first_audio_seconds_count{provider="llm"}',
    ):
        assert any(line.startswith(series) for line in told.splitlines()), series
