"""Chats with recordings in them, and those that go on from a spoken answer."""

import base64
import hashlib
import json
from typing import Any

import pytest
from aloud import aloud, aloud_house, asked_of, chat, heard, message_of
from houses import Answer, FakeHouse
from replies import REPLY, SSE, hears, writes
from running import run

from router.api.admission import key_hash
from router.errors import ConnectionLost

SOUND = b"RIFF, or so"
USER = {"role": "user", "content": "Hello!"}
KEYS = {name: {"key_sha256": key_hash(f"lar-{name}")} for name in ("desk", "phone")}


def _recording(sound: bytes = SOUND, name: str = "wav") -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": {"data": base64.b64encode(sound).decode(), "format": name}}


def _said(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


def test_a_recording_is_written_down_for_a_model_that_cannot_hear() -> None:
    """In its place are its words; the rest of the message stays."""
    house = aloud_house(ear=hears("What time is it?"))
    answer = run(house.chat(chat(_said({"type": "text", "text": "Listen:"}, _recording()))))
    assert 200 == answer.status
    assert [{"role": "user", "content": "Listen:\nWhat time is it?"}] == asked_of(house)["messages"]
    form = house.upstream("ear").sent[0]
    assert SOUND in form.body
    assert b'filename="audio.wav"' in form.body
    assert ["transcriptions", "chat"] == [record.endpoint for record in house.observer.finished]


def test_beside_a_picture_it_is_a_part_of_its_own() -> None:
    """Models that see take parts."""
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    house = aloud_house(ear=hears("What is it?"))
    run(house.chat(chat(_said(picture, _recording()))))
    assert [picture, {"type": "text", "text": "What is it?"}] == asked_of(house)["messages"][0]["content"]


def test_it_is_asked_aloud_and_answered_aloud() -> None:
    """An ear, a model and a voice, none of which knows of the others."""
    house = aloud_house(ear=hears("Is anybody there?"))
    found = heard(run(house.chat(aloud(_said(_recording()), stream=True))))
    assert (REPLY, "Is anybody there?") == (found.transcript, asked_of(house)["messages"][0]["content"])


def test_the_same_recording_is_written_down_once() -> None:
    """Clients send their whole history with every turn."""

    async def main() -> FakeHouse:
        house = aloud_house(ear=hears("One."))
        for _ in range(3):
            await house.chat(chat(_said(_recording()), USER))
        await house.chat(chat(_said(_recording(b"another"))))
        return house

    assert 2 == len(run(main()).upstream("ear").sent)


def test_a_model_that_hears_gets_the_recording() -> None:
    """As it came."""
    house = aloud_house(ear=hears("nobody asks"), cards={"hears": ("m",)})
    message = _said(_recording())
    run(house.chat(aloud(message)))
    assert ([message], []) == (asked_of(house)["messages"], house.upstream("ear").sent)


def test_without_an_ear() -> None:
    """The client learns what is missing, and nobody is asked."""
    house = aloud_house()
    answer = run(house.chat(chat(_said(_recording()))))
    assert (400, "transcription_unavailable") == (answer.status, answer.json["error"]["code"])
    assert [] == house.upstream("one").sent


def test_an_ear_that_is_gone() -> None:
    """Is a 503 with the reason."""
    house = aloud_house(ear=ConnectionLost("gone"))
    answer = run(house.chat(chat(_said(_recording()))))
    assert (503, True) == (answer.status, "ear: gone" in answer.json["error"]["message"])


@pytest.mark.parametrize(
    ("audio", "param"),
    [
        (None, ".data"),
        ({}, ".data"),
        ({"data": 3, "format": "wav"}, ".data"),
        ({"data": "", "format": "wav"}, ".data"),
        ({"data": "%%%", "format": "wav"}, ".data"),
        ({"data": "AAAA", "format": "midi"}, ".format"),
        ({"data": "AAAA", "format": None}, ".format"),
        ({"data": "AAAA", "format": ["wav"]}, ".format"),
    ],
)
def test_recordings_that_are_none(audio: Any, param: str) -> None:
    """Name the place."""
    house = aloud_house(ear=hears("nothing"))
    answer = run(house.chat(chat(USER, _said({"type": "input_audio", "input_audio": audio}))))
    assert (400, f"messages[1].content[0].input_audio{param}") == (answer.status, answer.json["error"]["param"])


# later turns


async def _spoken(house: FakeHouse, *headers: Any, stream: bool = False) -> str:
    answer = await house.chat(aloud(stream=stream), *headers)
    if stream:
        return str(heard(answer).audio[0]["id"])
    return str(message_of(answer)["audio"]["id"])


async def _turn(house: FakeHouse, audio_id: Any, *headers: Any, **more: Any) -> Answer:
    return await house.chat(chat(USER, {"role": "assistant", "audio": {"id": audio_id}, **more}, USER), *headers)


@pytest.mark.parametrize("is_streamed", [True, False])
def test_an_answer_is_referred_to_by_its_audio(is_streamed: bool) -> None:
    """The model is told what it said."""

    async def main() -> tuple[Answer, FakeHouse]:
        house = aloud_house()
        return await _turn(house, await _spoken(house, stream=is_streamed)), house

    answer, house = run(main())
    assert 200 == answer.status
    assert [USER, {"role": "assistant", "content": REPLY}, USER] == asked_of(house)["messages"]


def test_what_the_client_says_of_it_goes_first() -> None:
    """Somebody who was interrupted has not said all of it."""

    async def main() -> FakeHouse:
        house = aloud_house()
        await _turn(house, await _spoken(house), content="Good evening")
        return house

    assert {"role": "assistant", "content": "Good evening"} == asked_of(run(main()))["messages"][1]


def test_answers_are_forgotten() -> None:
    """After a while that the answer names."""

    async def main() -> tuple[int, Answer]:
        house = aloud_house(speech={"reply_kept_s": 100})
        spoken = await _spoken(house)
        house.clock.advance(99)
        kept = await _turn(house, spoken)
        house.clock.advance(2)
        return kept.status, await _turn(house, spoken)

    kept, answer = run(main())
    error = answer.json["error"]
    assert (200, 400, "audio_not_found") == (kept, answer.status, error["code"])
    assert ("messages[1].audio.id", "invalid_request_error") == (error["param"], error["type"])


def test_nobody_hears_what_was_said_to_another() -> None:
    """Ids are per client."""

    async def main() -> tuple[int, int]:
        house = aloud_house(clients=KEYS)
        desk, phone = ((b"authorization", f"Bearer lar-{name}".encode()) for name in KEYS)
        spoken = await _spoken(house, desk)
        return (await _turn(house, spoken, desk)).status, (await _turn(house, spoken, phone)).status

    assert (200, 400) == run(main())


@pytest.mark.parametrize("audio", ["audio_1", {}, {"id": 3}, {"id": None}, []])
def test_a_reference_that_is_none(audio: Any) -> None:
    """Names its place."""
    answer = run(aloud_house().chat(chat(USER, {"role": "assistant", "audio": audio}, USER)))
    assert (400, "messages[1].audio.id") == (answer.status, answer.json["error"]["param"])


def test_recordings_and_answers_are_remembered_under_what_nobody_guesses() -> None:
    """An audio id has 96 random bits; a recording is known by its hash."""

    async def main() -> tuple[set[str], bytes | None]:
        house = aloud_house(ear=hears("One."))
        ids = {await _spoken(house) for _ in range(3)}
        await house.chat(chat(_said(_recording())))
        return ids, await house.store.get(f"heard/anonymous/{hashlib.sha256(SOUND).hexdigest()}")

    ids, text = run(main())
    assert (3, {30}, b"One.") == (len(ids), {len(each) for each in ids}, text)


# what is refused


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"audio": {"voice": "alloy", "format": "wav"}}, "audio", "invalid_value"),
        ({"audio": {"voice": "alloy", "format": "wav"}, "modalities": ["text"]}, "audio", "invalid_value"),
        ({"modalities": ["text", "audio"]}, "audio", "missing_required_parameter"),
        ({"modalities": ["text", "audio"], "audio": "alloy"}, "audio", "missing_required_parameter"),
        ({"modalities": ["audio"], "audio": {}}, "modalities", "invalid_value"),
        ({"modalities": ["audio", "audio"], "audio": {}}, "modalities", "invalid_value"),
        ({"modalities": ["text", "video"], "audio": {}}, "modalities", "invalid_value"),
        ({"modalities": "audio", "audio": {}}, "modalities", "invalid_value"),
        ({"modalities": {"audio": 1}, "audio": {}}, "modalities", "invalid_value"),
    ],
)
def test_modalities_and_audio_go_together(fields: dict[str, Any], param: str, code: str) -> None:
    """OpenAI's rules."""
    house = aloud_house()
    answer = run(house.chat(chat(**fields)))
    error = answer.json["error"]
    assert (400, param, code) == (answer.status, error["param"], error["code"])
    assert [] == house.upstream("one").sent


@pytest.mark.parametrize(
    ("audio", "fields", "status", "param"),
    [
        ({"format": "pcm"}, {}, 400, "audio.format"),
        ({"format": "ogg"}, {}, 400, "audio.format"),
        ({"format": 3}, {}, 400, "audio.format"),
        ({"format": "wav"}, {"stream": True}, 400, "audio.format"),
        ({"format": "mp3"}, {"stream": True}, 400, "audio.format"),
        ({"voice": "nobody-has-this"}, {}, 404, "audio.voice"),
        ({"voice": 3}, {}, 400, "audio.voice"),
        ({"voice": "x" * 300}, {}, 400, "audio.voice"),
        ({"speed": 9}, {}, 400, "audio.speed"),
        ({"seed": -1}, {}, 400, "audio.seed"),
        ({"model": "no-such-voice"}, {}, 404, "audio.model"),
        ({}, {"n": 2}, 400, "n"),
    ],
)
def test_what_cannot_be_spoken(audio: dict[str, Any], fields: dict[str, Any], status: int, param: str) -> None:
    """Is refused before anybody is asked, with the field that is at fault."""
    house = aloud_house()
    answer = run(house.chat(aloud(audio=audio, **fields)))
    assert (status, param) == (answer.status, answer.json["error"]["param"]), answer.body
    assert [] == house.upstream("one").sent


def test_a_key_for_words_only() -> None:
    """May chat, and may not have it spoken."""
    keys = {"desk": {"key_sha256": key_hash("lar-desk"), "models": ["m"]}}
    house = aloud_house(clients=keys)

    async def main() -> tuple[int, Answer]:
        desk = (b"authorization", b"Bearer lar-desk")
        return (await house.chat(chat(), desk)).status, await house.chat(aloud(), desk)

    plain, refused = run(main())
    assert (200, 403, "model_not_allowed") == (plain, refused.status, refused.json["error"]["code"])
    assert 1 == len(house.upstream("one").sent)


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"m","modalities":["text","audio"],"audio":{"voice":"alloy","format":"wav"}',
        b'{"model":"m","audio":{"voice":"a","voice":"b"},"modalities":["text","audio"]}',
        b'{"model":"m","audio":NaN}',
        b'{"model":"m","audio":"\xff"}',
        b'{"model":"m","messages":"\\ud800 \\"audio\\"","modalities":["text","audio"],"audio":{}}',
    ],
)
def test_bodies_that_are_none(body: bytes) -> None:
    """Are a 400 in OpenAI's shape."""
    answer = run(aloud_house().chat(body))
    assert (400, {"message", "type", "param", "code"}) == (answer.status, set(answer.json["error"]))


@pytest.mark.parametrize("messages", ["x", 3, None, [3], [[]], [{"content": 3}], [{"role": "user"}]])
def test_messages_are_the_models_affair(messages: Any) -> None:
    """Whatever they are, they reach it."""
    house = aloud_house()
    body = json.loads(aloud())
    body["messages"] = messages
    assert 200 == run(house.chat(json.dumps(body).encode())).status
    assert messages == asked_of(house)["messages"]


def test_a_spoken_chat_is_looked_up_by_its_id() -> None:
    """As speech is."""

    async def main() -> Answer:
        house = aloud_house([*writes()], has_rest=True)
        answer = await house.chat(aloud(stream=True), (b"x-request-id", b"my-own-id"))
        assert (SSE[1].decode() + "; charset=utf-8") == answer.get("content-type")
        return await house.ask("GET", "/v1/audio/speech/my-own-id")

    found = run(main()).json
    assert ("completed", "gpu") == (found["status"], found["provider"])
    assert all(segment["provider"] == "gpu" for segment in found["segments"])
