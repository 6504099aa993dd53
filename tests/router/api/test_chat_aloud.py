"""Chats that are answered aloud: what the client gets."""

import asyncio
import base64
import json
from typing import Any

import pytest
from aloud import (
    BEGINNING,
    DONE,
    JSON,
    REPLY,
    SSE,
    USAGE,
    aloud,
    aloud_house,
    asked_of,
    chat,
    event,
    heard,
    model_of,
    pcm_in,
    pcm_of,
    pieces,
    spoken,
    words,
    writes,
)
from fakes import FakeForward, Step, chat_card, head
from houses import Answer, FakeHouse
from hypothesis import given, settings
from hypothesis import strategies as st
from narrating import said
from running import run, until

from router import saying
from router.errors import ConnectionLost
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
    house = aloud_house([head(200, SSE), BEGINNING, *words(texts), event({}, "stop"), DONE])
    answer = _ask(house, aloud(stream=is_streamed))
    if is_streamed:
        assert (REPLY, pcm_of()) == (heard(answer).transcript, heard(answer).pcm)
    else:
        audio = answer.json["choices"][0]["message"]["audio"]
        assert (REPLY, pcm_of()) == (audio["transcript"], base64.b64decode(audio["data"]))


@pytest.mark.parametrize("name", ["wav", "mp3", "flac", "opus", "aac", "pcm16"])
def test_every_format_of_a_whole(name: str) -> None:
    """Is a file of that format."""
    answer = _ask(aloud_house(), aloud(audio={"format": name}))
    data = base64.b64decode(answer.json["choices"][0]["message"]["audio"]["data"])
    begins = {"wav": b"RIFF", "flac": b"fLaC", "opus": b"OggS", "pcm16": pcm_of()[:64]}
    assert data.startswith(begins.get(name, b"\xff"))


def test_the_pieces_are_one_base64() -> None:
    """SDKs join them before they decode."""
    found = heard(_ask(aloud_house(), aloud(stream=True)))
    joined = "".join(audio["data"] for audio in found.audio if "data" in audio)
    assert pcm_of() == base64.b64decode(joined, validate=True)


def test_a_server_that_does_not_stream() -> None:
    """Is spoken when it has answered."""
    choice = {"index": 0, "message": {"role": "assistant", "content": REPLY}, "finish_reason": "stop"}
    document = {"id": "c-1", "object": "chat.completion", "created": 7, "model": "m", "choices": [choice]}
    body = json.dumps(document).encode()
    script: list[Step] = [head(200, JSON, (b"Content-Length", str(len(body)).encode())), body]
    found = heard(_ask(aloud_house(script), aloud(stream=True)))
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
    house = aloud_house([head(200, SSE), BEGINNING, event(delta), event({}, "tool_calls"), DONE])
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
    data = (
        heard(answer).pcm
        if is_streamed
        else base64.b64decode(answer.json["choices"][0]["message"]["audio"]["data"])
    )
    assert NOTHING == data


def test_a_chat_without_audio_passes_untouched() -> None:
    """Byte for byte, though it talks about "audio"."""
    house = aloud_house(writes(size=7))
    body = chat({"role": "user", "content": 'What is "audio"?'}, stream=True, modalities=["text"])
    answer = _ask(house, body)
    assert (body, 200) == (model_of(house).sent[0].body, answer.status)
    assert b"".join(step for step in writes(size=7) if isinstance(step, bytes)) == answer.body


def test_a_model_that_speaks_itself_is_let_speak() -> None:
    """What it takes and gives is its own affair."""
    house = aloud_house(writes(), cards={"speaks": ("m*",)})
    body = aloud(stream=True, audio={"format": "mp3", "voice": "its-own"})
    _ask(house, body)
    assert body == model_of(house).sent[0].body


# another model


@pytest.mark.parametrize("is_streamed", [True, False])
def test_a_model_that_fails_before_its_first_word_is_replaced(is_streamed: bool) -> None:
    """Also when it had begun to answer, as far as HTTP goes."""
    lost = ConnectionLost("gone", had_bytes=True)
    house = aloud_house([head(200, SSE), BEGINNING, lost], second=[writes()])
    answer = _ask(house, aloud(stream=is_streamed))
    assert ("two", "2") == (answer.get("x-router-provider"), answer.get("x-router-attempts"))
    assert REPLY == (
        heard(answer).transcript if is_streamed else answer.json["choices"][0]["message"]["audio"]["transcript"]
    )


def test_of_a_whole_answer_nothing_is_out_before_its_end() -> None:
    """A model that fails in the middle of it is replaced, and nothing that it said is heard."""
    lost = ConnectionLost("gone", had_bytes=True)
    first = [head(200, SSE), BEGINNING, *words(pieces("Something else entirely. And more of it, too.")), lost]
    house = aloud_house(first, second=[writes()])
    audio = _ask(house, aloud()).json["choices"][0]["message"]["audio"]
    assert (REPLY, pcm_of()) == (audio["transcript"], base64.b64decode(audio["data"]))


def test_a_model_that_fails_later_does_not_cut_the_voice() -> None:
    """What it wrote is spoken to its end; then the client learns of it: it is not passed off as whole."""
    text = REPLY[: REPLY.index("Shall I close")]
    lost = ConnectionLost("gone", had_bytes=True)
    house = aloud_house([head(200, SSE), BEGINNING, *words(pieces(text)), lost], second=[writes()])
    answer = _ask(house, aloud(stream=True))
    found = heard(answer)
    assert (text, pcm_of(text)) == (found.transcript, found.pcm)
    assert found.error is not None
    assert (False, False, []) == (found.is_done, answer.is_complete, found.finish)
    assert [] == model_of(house, "two").sent


def test_an_end_that_is_none() -> None:
    """A stream that just ends was cut, whatever its framing says."""
    house = aloud_house([head(200, SSE), BEGINNING, *words(pieces(REPLY))])
    found = heard(_ask(house, aloud(stream=True)))
    assert (pcm_of(), False) == (found.pcm, found.is_done)
    assert found.error is not None


def test_what_is_there_is_spoken_while_the_model_pauses() -> None:
    """Its stall is no reason to be silent."""

    async def main() -> bytes:
        goes_on = asyncio.Event()
        begin, rest = REPLY[:27], REPLY[27:]
        house = aloud_house(
            [head(200, SSE), BEGINNING, *words(pieces(begin)), goes_on, *words([rest]), event({}, "stop"), DONE]
        )

        def go_on(answer: Answer) -> bool:
            if heard(answer).pcm:
                goes_on.set()
            return False

        return heard(await house.chat(aloud(stream=True), leaves=go_on)).pcm

    assert pcm_of() == run(main())


@pytest.mark.parametrize("is_streamed", [True, False])
def test_what_the_models_server_says_of_a_bad_request(is_streamed: bool) -> None:
    """Is the client's to read, as it is."""
    body = b'{"error":{"message":"no such tool"}}'
    house = aloud_house([head(400, JSON, (b"Content-Length", b"%d" % len(body))), body])
    answer = _ask(house, aloud(stream=is_streamed))
    assert (400, body, "application/json") == (answer.status, answer.body, answer.get("content-type"))


@pytest.mark.parametrize("is_streamed", [True, False])
def test_no_model_no_answer(is_streamed: bool) -> None:
    """A 503 with a reason for each, and nobody was asked to speak."""
    house = aloud_house(ConnectionLost("gone"))
    answer = _ask(house, aloud(stream=is_streamed))
    assert (503, "no_provider") == (answer.status, answer.get("x-router-error"))
    assert "one: gone" in answer.json["error"]["message"]
    assert [] == house.speech["gpu"].heard


# another voice, or none


@pytest.mark.parametrize("is_streamed", [True, False])
def test_nobody_to_speak_leaves_the_text(is_streamed: bool) -> None:
    """Complete, without audio, and with the reason in a header and the log."""
    house = aloud_house(has_rest=True, speech={"patience_s": 0.01})

    async def main() -> Answer:
        for name in ("gpu", "cpu"):
            await house.ask("POST", f"/admin/providers/{name}/drain")
        return await house.chat(aloud(stream=is_streamed))

    answer = run(main())
    assert (200, "no_provider") == (answer.status, answer.get("x-router-audio"))
    assert "no_provider" == house.observer.finished[-1].muted
    if is_streamed:
        found = heard(answer)
        assert (REPLY, [], ["stop"], True) == (found.content, found.audio, found.finish, found.is_done)
    else:
        message = answer.json["choices"][0]["message"]
        assert (REPLY, False) == (message["content"], "audio" in message)


def test_a_house_without_a_voice() -> None:
    """Answers in words, and says why."""
    house = FakeHouse(FakeForward(chat_card("one"), writes()))
    house.report("one", "m")
    answer = _ask(house, aloud())
    message = answer.json["choices"][0]["message"]
    assert ("no_provider", REPLY, False) == (answer.get("x-router-audio"), message["content"], "audio" in message)


@pytest.mark.parametrize("is_streamed", [True, False])
def test_or_an_error_where_that_is_wanted(is_streamed: bool) -> None:
    """Before the model is asked."""
    house = aloud_house(has_rest=True, speech={"without_voice": "error"})

    async def main() -> Answer:
        for name in ("gpu", "cpu"):
            await house.ask("POST", f"/admin/providers/{name}/drain")
        return await house.chat(aloud(stream=is_streamed))

    answer = run(main())
    assert (503, []) == (answer.status, model_of(house).sent)


def _fails_from(count: int) -> Any:
    """A node that speaks so many segments and no more."""
    spoken_so_far = 0

    def voice(segment: Any) -> Any:
        nonlocal spoken_so_far
        spoken_so_far += 1
        if spoken_so_far > count:
            raise ConnectionLost("unplugged", had_bytes=True)
        return said(segment)

    return voice


def test_a_node_that_fails_is_replaced_at_the_segment() -> None:
    """Nothing repeated, nothing missing."""
    house = aloud_house()
    house.speech["gpu"].voice = _fails_from(2)
    found = heard(_ask(house, aloud(stream=True)))
    assert (REPLY, pcm_of()) == (found.transcript, found.pcm)
    assert ["gpu", "gpu", "cpu"] == [segment["provider"] for segment in found.end["segments"]][:3]


def test_a_voice_that_fails_leaves_the_text_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of it: the words go on, and the last audio delta says why there is no more sound."""
    monkeypatch.setattr(saying, "RETURN_WITHIN_S", -60.0)
    house = aloud_house(speech={"patience_s": 0.01})
    house.speech["gpu"].voice = house.speech["cpu"].voice = _fails_from(1)
    answer = _ask(house, aloud(stream=True, audio={"seed": 7}))
    found = heard(answer)
    assert (REPLY, ["stop"], True) == (found.transcript, found.finish, found.is_done)
    assert pcm_of().startswith(found.pcm)
    assert found.end["error"]["reason"] == "no_provider"


def test_a_client_that_leaves_ends_both() -> None:
    """The model's answer is aborted and nobody speaks any more."""

    async def main() -> tuple[bool, bool]:
        never = asyncio.Event()
        house = aloud_house([head(200, SSE), BEGINNING, *words(pieces(REPLY)), never])
        house.speech["gpu"].blocks_on = asyncio.Event()

        def leaves(answer: Answer) -> bool:
            return bool(house.speech["gpu"].heard) and "kitchen" in heard(answer).transcript

        await house.chat(aloud(stream=True), leaves=leaves)
        await until(lambda: house.speech["gpu"].was_cancelled)
        return model_of(house).exchanges[0].is_aborted, house.speech["gpu"].was_cancelled

    assert (True, True) == run(main())


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
