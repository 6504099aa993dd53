"""An AI telephone's routes: words or a recording in, WAV out."""

import json
from typing import Any

import pytest
from aloud import aloud_house, asked_of, mute, pcm_in
from fakes import whole
from houses import Answer, FakeHouse
from narrating import sound_of
from replies import BEGINNING, END, LOST, REPLY, hears, pieces, streams, words, writes
from running import run

from router.api.admission import key_hash
from router.domain import Model, Traits
from router.health import ProviderSign
from router.speech.live import Unfolding
from router.spoken import NOTHING

KEY = "lar-phone"
KEYS = {"phone": {"key_sha256": key_hash(KEY)}}
MULTIPART = (b"content-type", b"multipart/form-data; boundary=xyz")


def _text(house: FakeHouse, *headers: Any, **fields: Any) -> Any:
    body = json.dumps({"text": "Who is there?", **fields}).encode()
    return house.ask("POST", "/process-text", body, headers)


def _form(recording: bytes = b"RIFF", field: str = "file", **fields: str) -> bytes:
    parts = [
        f'--xyz\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n'.encode() for n, v in fields.items()
    ]
    head = f'--xyz\r\nContent-Disposition: form-data; name="{field}"; filename="q.wav"\r\n\r\n'
    return b"".join((*parts, head.encode(), recording, b"\r\n--xyz--\r\n"))


def _seconds(wav: bytes) -> float:
    return len(pcm_in(wav)) / 48_000


def _expected_bytes(text: str = REPLY) -> int:
    """Each answer has a seed of its own, so how it sounds is not known, but how long it is."""
    unfolding = Unfolding()
    found = [*unfolding.feed(text), *unfolding.close()]
    return sum(len(sound_of(each.text)) + round(each.pause_s * 24_000) * 2 for each in found)


def test_a_question_in_words() -> None:
    """Is answered by a WAV of known length; the prompt is the model's instruction."""
    house = aloud_house()
    answer = run(_text(house, prompt="Be brief."))
    assert (200, "audio/wav") == (answer.status, answer.get("content-type"))
    assert _expected_bytes() == len(pcm_in(answer.body))
    assert (f"{_seconds(answer.body):.3f}", str(len(answer.body))) == (
        answer.get("x-audio-duration"),
        answer.get("content-length"),
    )
    assert [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Who is there?"},
    ] == asked_of(house)["messages"]


def test_a_recorded_question() -> None:
    """Is written down first, whatever its field is called."""
    house = aloud_house(ear=hears("Is it me?"))
    answer = run(house.ask("POST", "/process-audio", _form(field="audio", prompt="Sing."), [MULTIPART]))
    assert (200, _expected_bytes()) == (answer.status, len(pcm_in(answer.body)))
    assert ["Sing.", "Is it me?"] == [each["content"] for each in asked_of(house)["messages"]]
    assert b"RIFF" in house.upstream("ear").sent[0].body


def test_sound_while_it_is_made() -> None:
    """A WAV that does not know its length yet, in more pieces than one."""
    answer = run(_text(aloud_house(), stream=True))
    assert (200, None) == (answer.status, answer.get("content-length"))
    assert (b"RIFF\xff\xff\xff\xff", b"\xff\xff\xff\xff") == (answer.body[:8], answer.body[40:44])
    assert (_expected_bytes(), True) == (len(answer.body) - 44, len(answer.chunks) > 3)


def test_the_form_may_ask_for_that_too() -> None:
    """In a field of its own."""
    house = aloud_house(ear=hears("Is it me?"))
    answer = run(house.ask("POST", "/process-audio", _form(stream="true"), [MULTIPART]))
    assert b"RIFF\xff\xff\xff\xff" == answer.body[:8]


def test_words_to_be_said() -> None:
    """What the telephone's server asked of Chatterbox: JSON {text}, and the answer is a WAV."""
    answer = run(aloud_house().ask("POST", "/speak", b'{"text":"Hello there."}'))
    assert (200, "audio/wav", len(sound_of("Hello there."))) == (
        answer.status,
        answer.get("content-type"),
        len(pcm_in(answer.body)),
    )


@pytest.mark.parametrize("header", [(b"x-api-key", KEY.encode()), (b"authorization", b"Bearer " + KEY.encode())])
def test_its_key(header: Any) -> None:
    """In either header; without one there is no answer."""

    async def main() -> list[Answer]:
        house = aloud_house(clients=KEYS)
        return [await _text(house), await _text(house, header), await _text(house, (b"x-api-key", b"no"))]

    assert [401, 200, 401] == [answer.status for answer in run(main())]


def test_who_answers_is_configured() -> None:
    """Model, voice and prompt; what the request says goes first."""
    house = aloud_house(telephone={"model": "one/m", "voice": "bob", "prompt": "Be kind."})

    async def main() -> None:
        house.report("gpu", "v", voices=["alloy", "bob"])
        await _text(house)
        await _text(house, voice="alloy", prompt="Be brief.")

    run(main())
    assert {"bob", "alloy"} == {segment.voice for segment, _, _ in house.speech["gpu"].heard}
    assert "Be brief." == asked_of(house)["messages"][0]["content"]
    assert "Be kind." == json.loads(house.upstream("one").sent[0].body)["messages"][0]["content"]


def test_without_a_model_there_is_nobody_to_ask() -> None:
    """And the message says what to do."""
    house = aloud_house()

    async def main() -> Answer:
        house.report("one", "nomic-embed-text")
        answer: Answer = await _text(house)
        return answer

    answer = run(main())
    assert (404, "model_not_found") == (answer.status, answer.json["error"]["code"])
    assert "telephone.model" in answer.json["error"]["message"]


def test_a_model_that_only_embeds_is_not_asked() -> None:
    """Whatever it is called, where its server says what it can do."""
    house = aloud_house()

    async def main() -> Answer:
        models = (
            Model("minilm", traits=Traits(("embedding",))),
            Model("m", traits=Traits(("completion", "tools"))),
        )
        house.sign("one", ProviderSign.READY, models=models)
        answer: Answer = await _text(house)
        return answer

    assert 200 == run(main()).status
    assert "m" == asked_of(house)["model"]


@pytest.mark.parametrize("stream", [True, False])
def test_of_a_reply_in_which_nothing_can_be_said_there_is_silence(stream: bool) -> None:
    """A moment of it, so that players have something to play."""
    answer = run(_text(aloud_house(writes("```\nx\n```")), stream=stream))
    assert (200, NOTHING) == (answer.status, answer.body[44:])


@pytest.mark.parametrize("stream", [True, False])
def test_a_model_that_writes_nothing(stream: bool) -> None:
    """Is at fault, and there is no sound."""
    answer = run(_text(aloud_house(streams(BEGINNING, END)), stream=stream))
    assert (502, "application/json") == (answer.status, answer.get("content-type"))


@pytest.mark.parametrize("stream", [True, False])
def test_what_the_model_refuses(stream: bool) -> None:
    """Is told in words."""
    body = b'{"error":{"message":"too long"}}'
    answer = run(_text(aloud_house(whole(body, status=400)), stream=stream))
    assert (400, True) == (answer.status, "too long" in answer.json["error"]["message"])


def test_a_sound_that_was_begun_is_cut_and_never_passed_off_as_whole() -> None:
    """When the model is lost in the middle: what it wrote is heard, then the connection ends."""
    text = REPLY[: REPLY.index("Shall I")]
    answer = run(_text(aloud_house(streams(*words(pieces(text)), LOST)), stream=True))
    assert (200, False, _expected_bytes(text)) == (answer.status, answer.is_complete, len(answer.body) - 44)


@pytest.mark.parametrize("stream", [True, False])
def test_nobody_can_speak(stream: bool) -> None:
    """A telephone has no use for text."""
    house = aloud_house(has_rest=True)

    async def main() -> Answer:
        await mute(house)
        answer: Answer = await _text(house, stream=stream)
        return answer

    answer = run(main())
    assert (503, []) == (answer.status, house.upstream("one").sent)
    assert "gpu: draining" in answer.json["error"]["message"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{}", "text"),
        (b'{"text":""}', "text"),
        (b'{"text":"  "}', "text"),
        (b'{"text":3}', "text"),
        (b'{"text":"a","prompt":3}', "prompt"),
        (b'{"text":"a","stream":"yes"}', "stream"),
        (b'{"text":"a","voice":["x"]}', "voice"),
        (b'{"text":"a","model":"' + b"m" * 300 + b'"}', "model"),
        (b'{"text":"a","voice":"nobody"}', "voice"),
        (b'{"text":"a","model":"nothing"}', "model"),
        (b'{"text":"a","text":"b"}', "text"),
        (b"text=a", None),
        (b"", None),
    ],
)
def test_questions_that_are_none(body: bytes, param: str | None) -> None:
    """Name the field."""
    answer = run(aloud_house().ask("POST", "/process-text", body))
    assert (True, param) == (answer.status in {400, 404}, answer.json["error"]["param"]), answer.body


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (_form(b""), [MULTIPART]),
        (b"--xyz--\r\n", [MULTIPART]),
        (b"--abc\r\n\r\n", [MULTIPART]),
        (_form()[:-20], [MULTIPART]),
        (b'{"text":"a"}', [(b"content-type", b"application/json")]),
        (_form(), []),
        (b"", [MULTIPART]),
    ],
)
def test_forms_that_are_none(body: bytes, headers: list[Any]) -> None:
    """Say what to send."""
    answer = run(aloud_house(ear=hears("x")).ask("POST", "/process-audio", body, headers))
    assert (400, {"message", "type", "param", "code"}) == (answer.status, set(answer.json["error"])), answer.body


def test_a_recording_of_nothing() -> None:
    """There is no question in it."""
    answer = run(aloud_house(ear=hears(" ")).ask("POST", "/process-audio", _form(), [MULTIPART]))
    assert (400, "text_empty") == (answer.status, answer.json["error"]["code"])


def test_it_takes_post() -> None:
    """Nothing else."""
    answer = run(aloud_house().ask("GET", "/process-text"))
    assert (405, "POST") == (answer.status, answer.get("allow"))
