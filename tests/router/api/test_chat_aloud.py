"""Chats that are answered aloud: what the client gets."""

import base64
from typing import Any

import pytest
from aloud import aloud, aloud_house, asked_of, chat, heard, message_of, pcm_in, pcm_of, sound_in, spoken
from houses import Answer, FakeHouse
from hypothesis import given, settings
from hypothesis import strategies as st
from replies import BEGINNING, DONE, END, REPLY, USAGE, answers, event, streams, words, writes
from running import run

from router.spoken import NOTHING


def _ask(house: FakeHouse, body: bytes) -> Answer:
    return run(house.chat(body))


def test_a_whole_answer_has_its_sound_and_its_words() -> None:
    """OpenAI's shape: no content, the transcript beside the audio, headers that tell how long it is."""
    house = aloud_house()
    answer = _ask(house, aloud(audio={"format": "wav"}))
    assert (200, "application/json") == (answer.status, answer.get("content-type"))
    document = answer.json
    message = document["choices"][0]["message"]
    assert ("chat.completion", "c-1", "m", "stop") == (
        document["object"],
        document["id"],
        document["model"],
        document["choices"][0]["finish_reason"],
    )
    assert {"role": "assistant", "content": None, "refusal": None, "audio": message["audio"]} == message
    assert {"id", "data", "expires_at", "transcript"} == set(message["audio"])
    assert REPLY == message["audio"]["transcript"]
    assert pcm_of() == pcm_in(base64.b64decode(message["audio"]["data"]))
    assert f"{len(pcm_of()) / 48_000:.3f}" == answer.get("x-audio-duration")
    assert ("one", "gpu", "engine") == (
        answer.get("x-router-provider"),
        answer.get("x-router-speech-provider"),
        answer.get("x-tts-engine"),
    )
    assert {"prompt_tokens": 4, "completion_tokens": 9, "total_tokens": 13} == document["usage"]
    assert {"model": "m", "stream": True, "stream_options": {"include_usage": True}} == {
        name: value for name, value in asked_of(house).items() if name != "messages"
    }


def test_a_streamed_answer_has_both_in_step() -> None:
    """Words as they are written, sound as it is spoken, the end at the end."""
    house = aloud_house()
    found = heard(_ask(house, aloud(stream=True, stream_options={"include_usage": True})))
    assert (REPLY, pcm_of(), "", ["stop"], True) == (
        found.transcript,
        found.pcm,
        found.content,
        found.finish,
        found.is_done,
    )
    assert "assistant" == found.deltas[0]["role"]
    assert [found.audio[0]["id"]] == [audio["id"] for audio in found.audio if "id" in audio]
    segments = [audio["segment"] for audio in found.audio if "segment" in audio]
    assert spoken(REPLY) == [segment["text"] for segment in segments]
    assert list(range(len(segments))) == [segment["index"] for segment in segments]
    assert len(found.pcm) / 48_000 == pytest.approx(found.end["audio_duration"], abs=0.001)
    assert {"gpu"} == {segment["provider"] for segment in found.end["segments"]}
    assert found.usage is not None
    for number, audio in enumerate(found.audio):  # nothing is heard before its words are there
        if "segment" in audio:
            written = "".join(each.get("transcript", "") for each in found.audio[:number])
            assert "".join(audio["segment"]["text"].split()) in "".join(written.split())


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=30), st.booleans())
def test_the_tokens_do_not_matter(sizes: list[int], is_streamed: bool) -> None:
    """Whatever the pieces in which the model writes, the words are its own and the sound is the same."""
    texts: list[str] = []
    at = 0
    while at < len(REPLY):
        size = sizes[len(texts) % len(sizes)]
        texts.append(REPLY[at : at + size])
        at += size
    house = aloud_house(streams(BEGINNING, *words(texts), END, DONE))
    answer = _ask(house, aloud(stream=is_streamed))
    if is_streamed:
        assert (REPLY, pcm_of()) == (heard(answer).transcript, heard(answer).pcm)
    else:
        assert (REPLY, pcm_of()) == (message_of(answer)["audio"]["transcript"], sound_in(answer))


@pytest.mark.parametrize("name", ["wav", "mp3", "flac", "opus", "aac", "pcm16"])
def test_every_format_of_a_whole(name: str) -> None:
    """Is a file of that format."""
    answer = _ask(aloud_house(), aloud(audio={"format": name}))
    data = sound_in(answer)
    begins = {"wav": b"RIFF", "flac": b"fLaC", "opus": b"OggS", "pcm16": pcm_of()[:64]}
    assert data.startswith(begins.get(name, b"\xff"))


def test_the_pieces_are_one_base64() -> None:
    """SDKs join them before they decode."""
    found = heard(_ask(aloud_house(), aloud(stream=True)))
    joined = "".join(audio["data"] for audio in found.audio if "data" in audio)
    assert pcm_of() == base64.b64decode(joined, validate=True)


def test_a_server_that_does_not_stream() -> None:
    """Is spoken when it has answered."""
    found = heard(_ask(aloud_house(answers()), aloud(stream=True)))
    assert (REPLY, pcm_of(), ["stop"]) == (found.transcript, found.pcm, found.finish)


def test_code_is_written_and_not_read_aloud() -> None:
    """The transcript is the model's to the byte; what is heard are the words around the code."""
    text = "Here is how it is done.\n\n```python\nprint('Hello. World')\n```\n\nThat was **all** of it."
    house = aloud_house(writes(text, 3))
    found = heard(_ask(house, aloud(stream=True)))
    assert (text, pcm_of(text)) == (found.transcript, found.pcm)
    said = " ".join(segment.text for segment, _, _ in house.speech["gpu"].heard)
    assert "Here is how it is done. That was all of it." == said


@pytest.mark.parametrize("is_streamed", [True, False])
@pytest.mark.parametrize(
    "delta",
    [
        {"tool_calls": [{"index": 0, "id": "t", "function": {"name": "f", "arguments": "{}"}}]},
        {"refusal": "I will not."},
        {"reasoning_content": "Let me think about it for a while."},
    ],
)
def test_what_is_not_said_is_not_spoken(delta: dict[str, Any], is_streamed: bool) -> None:
    """Tool calls, refusals and thoughts pass as they are, without a sound."""
    house = aloud_house(streams(BEGINNING, event(delta), event({}, "tool_calls"), DONE))
    answer = _ask(house, aloud(stream=is_streamed))
    assert ([], []) == (house.speech["gpu"].heard, house.speech["cpu"].heard)
    if is_streamed:
        found = heard(answer)
        assert (True, [], ["tool_calls"]) == (delta in found.deltas, found.audio, found.finish)
    else:
        choice = answer.json["choices"][0]
        assert "audio" not in choice["message"]
        calls = [{n: v for n, v in call.items() if n != "index"} for call in delta.get("tool_calls", [])]
        wanted = {**delta, "tool_calls": calls} if calls else delta  # the number is of deltas
        assert wanted == {name: choice["message"][name] for name in delta}
    assert ["chat"] == [record.endpoint for record in house.observer.finished]


@pytest.mark.parametrize("is_streamed", [True, False])
def test_of_a_text_in_which_nothing_can_be_said_there_is_a_moment_of_silence(is_streamed: bool) -> None:
    """Clients decode what is in `data` without asking whether there is something."""
    answer = _ask(aloud_house(writes("```\nx = 1\n```\n")), aloud(stream=is_streamed))
    assert NOTHING == (heard(answer).pcm if is_streamed else sound_in(answer))


def test_a_chat_without_audio_passes_untouched() -> None:
    """Byte for byte, though it talks about "audio"."""
    house = aloud_house(writes(size=7))
    body = chat({"role": "user", "content": 'What is "audio"?'}, stream=True, modalities=["text"])
    answer = _ask(house, body)
    assert (body, 200) == (house.upstream("one").sent[0].body, answer.status)
    assert b"".join(step for step in writes(size=7) if isinstance(step, bytes)) == answer.body


def test_a_model_that_speaks_itself_is_let_speak() -> None:
    """What it takes and gives is its own affair."""
    house = aloud_house(writes(), cards={"speaks": ("m*",)})
    body = aloud(stream=True, audio={"format": "mp3", "voice": "its-own"})
    _ask(house, body)
    assert body == house.upstream("one").sent[0].body


def test_the_records_tell_of_both() -> None:
    """A chat, and beside it what was spoken of it."""
    house = aloud_house()
    _ask(house, aloud(stream=True))
    voice, asked = house.observer.finished
    assert ("chat_audio", "chat", "ok", "ok") == (voice.endpoint, asked.endpoint, voice.outcome, asked.outcome)
    assert ("gpu", "one", voice.request_id) == (voice.provider, asked.provider, asked.request_id)
    assert len(pcm_of()) / 48_000 == voice.audio_s
    assert asked.first_audio is not None
    assert (4, 9) == (asked.tokens_in, asked.tokens_out)
    assert USAGE  # the model told them
