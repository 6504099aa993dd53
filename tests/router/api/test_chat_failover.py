"""Chats that are answered aloud when a model, a voice or the client is lost."""

import asyncio
from typing import Any

import pytest
from aloud import aloud, aloud_house, heard, message_of, mute, pcm_of, sound_in
from fakes import FakeForward, chat_card, whole
from houses import Answer, FakeHouse
from narrating import said
from replies import BEGINNING, DONE, END, LOST, REPLY, pieces, streams, words, writes
from running import run, until

from router import saying
from router.errors import ConnectionLost

# another model


@pytest.mark.parametrize("is_streamed", [True, False])
def test_a_model_that_fails_before_its_first_word_is_replaced(is_streamed: bool) -> None:
    """Also when it had begun to answer, as far as HTTP goes."""
    house = aloud_house(streams(BEGINNING, LOST), second=[writes()])
    answer = run(house.chat(aloud(stream=is_streamed)))
    assert ("two", "2") == (answer.get("x-router-provider"), answer.get("x-router-attempts"))
    assert REPLY == (heard(answer).transcript if is_streamed else message_of(answer)["audio"]["transcript"])


def test_of_a_whole_answer_nothing_is_out_before_its_end() -> None:
    """A model that fails in the middle of it is replaced, and nothing that it said is heard."""
    first = streams(BEGINNING, *words(pieces("Something else entirely. And more of it, too.")), LOST)
    house = aloud_house(first, second=[writes()])
    answer = run(house.chat(aloud()))
    assert (REPLY, pcm_of()) == (message_of(answer)["audio"]["transcript"], sound_in(answer))


def test_a_model_that_fails_later_does_not_cut_the_voice() -> None:
    """What it wrote is spoken to its end; then the client learns of it: it is not passed off as whole."""
    text = REPLY[: REPLY.index("Shall I close")]
    house = aloud_house(streams(BEGINNING, *words(pieces(text)), LOST), second=[writes()])
    answer = run(house.chat(aloud(stream=True)))
    found = heard(answer)
    assert (text, pcm_of(text)) == (found.transcript, found.pcm)
    assert found.error is not None
    assert (False, False, []) == (found.is_done, answer.is_complete, found.finish)
    assert [] == house.upstream("two").sent


def test_an_end_that_is_none() -> None:
    """A stream that just ends was cut, whatever its framing says."""
    house = aloud_house(streams(BEGINNING, *words(pieces(REPLY))))
    found = heard(run(house.chat(aloud(stream=True))))
    assert (pcm_of(), False) == (found.pcm, found.is_done)
    assert found.error is not None


def test_what_is_there_is_spoken_while_the_model_pauses() -> None:
    """Its stall is no reason to be silent."""

    async def main() -> bytes:
        goes_on = asyncio.Event()
        begin, rest = REPLY[:27], REPLY[27:]
        house = aloud_house(streams(BEGINNING, *words(pieces(begin)), goes_on, *words([rest]), END, DONE))

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
    house = aloud_house(whole(body, status=400))
    answer = run(house.chat(aloud(stream=is_streamed)))
    assert (400, body, "application/json") == (answer.status, answer.body, answer.get("content-type"))


@pytest.mark.parametrize("is_streamed", [True, False])
def test_no_model_no_answer(is_streamed: bool) -> None:
    """A 503 with a reason for each, and nobody was asked to speak."""
    house = aloud_house(ConnectionLost("gone"))
    answer = run(house.chat(aloud(stream=is_streamed)))
    assert (503, "no_provider") == (answer.status, answer.get("x-router-error"))
    assert "one: gone" in answer.json["error"]["message"]
    assert [] == house.speech["gpu"].heard


# another voice, or none


@pytest.mark.parametrize("is_streamed", [True, False])
def test_nobody_to_speak_leaves_the_text(is_streamed: bool) -> None:
    """Complete, without audio, and with the reason in a header and the log."""
    house = aloud_house(has_rest=True, speech={"patience_s": 0.01})

    async def main() -> Answer:
        await mute(house)
        return await house.chat(aloud(stream=is_streamed))

    answer = run(main())
    assert (200, "no_provider") == (answer.status, answer.get("x-router-audio"))
    assert "no_provider" == house.observer.finished[-1].muted
    if is_streamed:
        found = heard(answer)
        assert (REPLY, [], ["stop"], True) == (found.content, found.audio, found.finish, found.is_done)
    else:
        message = message_of(answer)
        assert (REPLY, False) == (message["content"], "audio" in message)


def test_a_house_without_a_voice() -> None:
    """Answers in words, and says why."""
    house = FakeHouse(FakeForward(chat_card("one"), writes()))
    house.report("one", "m")
    answer = run(house.chat(aloud()))
    message = message_of(answer)
    assert ("no_provider", REPLY, False) == (answer.get("x-router-audio"), message["content"], "audio" in message)


@pytest.mark.parametrize("is_streamed", [True, False])
def test_or_an_error_where_that_is_wanted(is_streamed: bool) -> None:
    """Before the model is asked."""
    house = aloud_house(has_rest=True, speech={"without_voice": "error"})

    async def main() -> Answer:
        await mute(house)
        return await house.chat(aloud(stream=is_streamed))

    answer = run(main())
    assert (503, []) == (answer.status, house.upstream("one").sent)


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
    found = heard(run(house.chat(aloud(stream=True))))
    assert (REPLY, pcm_of()) == (found.transcript, found.pcm)
    assert ["gpu", "gpu", "cpu"] == [segment["provider"] for segment in found.end["segments"]][:3]


def test_a_voice_that_fails_leaves_the_text_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of it: the words go on, and the last audio delta says why there is no more sound."""
    monkeypatch.setattr(saying, "RETURN_WITHIN_S", -60.0)
    house = aloud_house(speech={"patience_s": 0.01})
    house.speech["gpu"].voice = house.speech["cpu"].voice = _fails_from(1)
    answer = run(house.chat(aloud(stream=True, audio={"seed": 7})))
    found = heard(answer)
    assert (REPLY, ["stop"], True) == (found.transcript, found.finish, found.is_done)
    assert pcm_of().startswith(found.pcm)
    assert found.end["error"]["reason"] == "no_provider"


def test_a_client_that_leaves_ends_both() -> None:
    """The model's answer is aborted and nobody speaks any more."""

    async def main() -> tuple[bool, bool]:
        never = asyncio.Event()
        house = aloud_house(streams(BEGINNING, *words(pieces(REPLY)), never))
        house.speech["gpu"].blocks_on = asyncio.Event()

        def leaves(answer: Answer) -> bool:
            return bool(house.speech["gpu"].heard) and "kitchen" in heard(answer).transcript

        await house.chat(aloud(stream=True), leaves=leaves)
        await until(lambda: house.speech["gpu"].was_cancelled)
        return house.upstream("one").exchanges[0].is_aborted, house.speech["gpu"].was_cancelled

    assert (True, True) == run(main())
