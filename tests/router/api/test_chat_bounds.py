"""Chats that are answered aloud: what is too long, what the records say, who may go on, what is left."""

import asyncio
from typing import Any

import pytest
from aloud import aloud, aloud_house, asked_of, heard, message_of, pcm_of, sound_in
from fakes import JSON, Step, head
from houses import Answer, FakeHouse, ask
from replies import BEGINNING, DONE, END, LOST, REPLY, SHORT, answers, event, pieces, streams, words, writes
from running import run, turns, until

# too long


def test_what_is_too_long_is_spoken_as_far_as_it_goes() -> None:
    """The text is complete, and the last audio delta says why there is no more sound."""
    house = aloud_house(speech={"max_input_chars": 60})
    found = heard(run(house.chat(aloud(stream=True))))
    assert (REPLY, "too_long_to_speak", True) == (found.transcript, found.end["error"]["reason"], found.is_done)
    assert pcm_of(REPLY[:60]) == found.pcm


def test_half_of_a_whole_answer_is_none() -> None:
    """So nothing more is spoken of it, and the text comes with the reason."""
    house = aloud_house(speech={"max_input_chars": 60})
    answer = run(house.chat(aloud()))
    assert (200, REPLY, "too_long_to_speak") == (
        answer.status,
        message_of(answer)["content"],
        answer.get("x-router-audio"),
    )
    assert len(house.speech["gpu"].heard) <= 2


@pytest.mark.parametrize("is_streamed", [True, False])
def test_a_server_that_does_not_stream_may_be_too_long_as_well(is_streamed: bool) -> None:
    """Its text comes in one piece, of which the beginning can be spoken."""
    house = aloud_house(answers(), speech={"max_input_chars": 60})
    answer = run(house.chat(aloud(stream=is_streamed)))
    assert pcm_of(REPLY[:60]) == heard(answer).pcm if is_streamed else message_of(answer)["content"] == REPLY


def test_another_models_shorter_answer_is_spoken() -> None:
    """What was too long of the first is forgotten with it."""
    house = aloud_house(
        streams(BEGINNING, *words(pieces(REPLY)), LOST), second=[writes(SHORT)], speech={"max_input_chars": 60}
    )
    answer = run(house.chat(aloud()))
    assert (SHORT, pcm_of(SHORT), None) == (
        message_of(answer)["audio"]["transcript"],
        sound_in(answer),
        answer.get("x-router-audio"),
    )


# records


def test_a_replaced_model_is_one_record_of_speech() -> None:
    """Which counts every segment once, and says that it went well."""
    house = aloud_house(
        streams(BEGINNING, *words(pieces("Good day to you. And more, too.")), LOST), second=[writes()]
    )
    run(house.chat(aloud()))
    voices = [record for record in house.observer.finished if record.endpoint == "chat_audio"]
    assert ["ok"] == [record.outcome for record in voices]
    assert {"gpu": len(house.speech["gpu"].heard)} == voices[0].voiced
    assert 1 == sum(record.endpoint == "chat_audio" for record in house.observer.started)


def test_an_answer_that_fails_is_nobodys_leaving() -> None:
    """The client is still there."""
    house = aloud_house(streams(BEGINNING, *words(pieces("Good day to you. And more, too.")), LOST))
    answer = run(house.chat(aloud()))
    assert 503 == answer.status
    assert {"provider_none"} == {record.outcome for record in house.observer.finished}


def _after_three_seconds(*steps: Step, **more: Any) -> FakeHouse:
    """A model begins to answer, three seconds later it does `steps`."""

    async def main() -> FakeHouse:
        goes_on = asyncio.Event()
        house = aloud_house(streams(BEGINNING, goes_on, *steps), **more)
        asking = asyncio.create_task(house.chat(aloud(stream=True)))
        await until(lambda: bool(house.upstream("one").exchanges))
        await turns(20)
        house.clock.advance(3)
        goes_on.set()
        await asking
        return house

    return run(main())


def test_thinking_is_no_overhead() -> None:
    """From the answer's beginning to its first word the router waits."""
    house = _after_three_seconds(*words(pieces(REPLY)), END, DONE)
    record = house.observer.finished[-1]
    assert ("chat", 3.0, 0.0) == (record.endpoint, record.upstream_wait_s, record.overhead_s)


def test_a_wait_is_counted_once() -> None:
    """Also that for a model which is replaced when it had begun."""
    house = _after_three_seconds(LOST, second=[writes()])
    assert 3.0 == house.observer.finished[-1].upstream_wait_s


# going on


def test_whoever_interrupted_may_go_on() -> None:
    """The audio's id means what was written until then."""

    async def main() -> tuple[str, Any]:
        never = asyncio.Event()
        house = aloud_house(streams(BEGINNING, *words(pieces(REPLY[:40])), never), writes(SHORT))

        def leaves(answer: Answer) -> bool:
            return heard(answer).transcript == REPLY[:40]

        first = heard(await house.chat(aloud(stream=True), leaves=leaves))
        message = {"role": "assistant", "audio": {"id": first.audio[0]["id"]}}
        await house.chat(aloud(message, stream=True))
        return REPLY[:40], asked_of(house)["messages"][0]["content"]

    written, remembered = run(main())
    assert written == remembered


def test_a_text_beside_a_forgotten_audio_is_enough() -> None:
    """As the refusal of the id alone says."""
    house = aloud_house()
    message = {"role": "assistant", "content": "Good ev", "audio": {"id": "audio_forgotten"}}
    assert 200 == run(house.chat(aloud(message))).status
    assert [{"role": "assistant", "content": "Good ev"}] == asked_of(house)["messages"]


def test_what_became_of_a_cut_answer_can_be_looked_up() -> None:
    """As of speech."""

    async def main() -> Any:
        house = aloud_house(streams(BEGINNING, *words(pieces(REPLY)), LOST), has_rest=True)
        await house.chat(aloud(stream=True), (b"x-request-id", b"cut-1"))
        return (await house.ask("GET", "/v1/audio/speech/cut-1")).json

    assert "failed" == run(main())["status"]


# what is left


def test_a_refusal_is_bounded() -> None:
    """What is longer is no refusal."""
    answer = run(aloud_house([head(400, JSON), *[b"x" * 60_000] * 3]).chat(aloud()))
    assert (503, True) == (answer.status, len(answer.body) < 1000)


def test_a_fault_in_cutting_does_not_cut_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """The words go on; the log knows."""

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr("router.dictation.Unfolding.feed", broken)
    found = heard(run(aloud_house().chat(aloud(stream=True))))
    assert (REPLY, "internal", True) == (found.transcript, found.end["error"]["reason"], found.is_done)


def test_whoever_is_cancelled_twice_leaves_nothing_behind() -> None:
    """Neither the model's task nor the voice's."""

    async def main() -> set[str]:
        house = aloud_house(streams(BEGINNING, *words(pieces(REPLY)), asyncio.Event()))
        house.speech["gpu"].blocks_on = asyncio.Event()
        asking = asyncio.create_task(house.chat(aloud(stream=True)))
        await until(lambda: bool(house.speech["gpu"].heard))
        asking.cancel()
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await turns(20)
        return {task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()}

    assert not run(main()) & {"recital", "recital's speech", "narration", "segment at gpu"}


def test_a_client_that_reads_nothing_is_not_spoken_to_far_ahead() -> None:
    """One segment waits to be handed over, and the next few are made: `ahead_s`."""

    async def main() -> int:
        house = aloud_house(
            writes("This is a sentence of some length, is it not? " * 200, 40), speech={"ahead_s": 5}
        )
        begun, never = asyncio.Event(), asyncio.Event()

        async def entry(scope: Any, receive: Any, send: Any) -> None:
            async def stuck(message: dict[str, Any]) -> None:
                if b'"data"' in message.get("body", b""):
                    begun.set()
                    await never.wait()
                await send(message)

            await house.entry(scope, receive, stuck)

        asking = asyncio.create_task(ask(entry, "POST", "/v1/chat/completions", aloud(stream=True)))  # type: ignore[arg-type]
        await begun.wait()
        await turns(500)
        spoken = len(house.speech["gpu"].heard)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        return spoken

    assert run(main()) < 12


def test_while_the_model_writes_on_the_same_machine_speech_waits() -> None:
    """`hold_s` ahead of the listener and no more; when it has finished, at full speed."""

    async def main() -> tuple[int, int]:
        goes_on = asyncio.Event()
        text = "This is a sentence of some length, is it not? " * 40
        house = aloud_house(
            streams(BEGINNING, *words(pieces(text, 40)), goes_on, END, DONE),
            cards={"host": "gpu-host"},
            speech={"hold_s": 2, "ahead_s": 500},
        )
        asking = asyncio.create_task(house.chat(aloud(stream=True)))
        await until(lambda: bool(house.speech["gpu"].heard))
        await turns(1000)
        held = len(house.speech["gpu"].heard)
        goes_on.set()
        answer = await asking
        assert heard(answer).pcm == pcm_of(text)
        return held, len(house.speech["gpu"].heard)

    held, whole = run(main())
    assert held < 6 < whole


@pytest.mark.parametrize("delta", [{"content": "", "padding": "x" * 1000}, {"role": "assistant"}])
def test_what_says_nothing_is_not_held_for_ever(delta: dict[str, Any]) -> None:
    """After a while the answer has begun, if only with that."""

    async def main() -> int:
        house = aloud_house(streams(*[event(delta)] * 2000, asyncio.Event()))
        answer = await house.chat(aloud(stream=True), leaves=lambda answer: len(answer.chunks) > 10)
        return answer.status

    assert 200 == run(main())


def test_a_model_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is given up."""
    monkeypatch.setattr("router.page.MAX_TEXT_BYTES", 5000)
    answer = run(aloud_house(streams(BEGINNING, *[event({"reasoning_content": "hm"})] * 100)).chat(aloud()))
    assert (503, True) == (answer.status, "more than 5000 bytes" in answer.json["error"]["message"])


def test_after_the_end_nothing_is_said() -> None:
    """Whatever still comes."""
    found = heard(run(aloud_house([*writes(SHORT), *words(["And more."])]).chat(aloud(stream=True))))
    assert (SHORT, pcm_of(SHORT)) == (found.transcript, found.pcm)


@pytest.mark.parametrize("audio", [None, "x", {"data": 5}])
def test_what_the_model_calls_audio(audio: Any) -> None:
    """Is its own affair: servers that have none say null."""
    call = {"index": 0, "id": "t", "function": {"name": "f", "arguments": "{}"}}
    script = streams(event({"role": "assistant", "content": None, "audio": audio, "tool_calls": [call]}), DONE)
    message = message_of(run(aloud_house(script).chat(aloud())))
    assert (None, "f") == (message["content"], message["tool_calls"][0]["function"]["name"])


@pytest.mark.parametrize("status", [204, 302])
def test_a_status_that_is_no_answer(status: int) -> None:
    """Is the server's fault."""
    assert 503 == run(aloud_house([head(status, (b"Content-Length", b"0"))]).chat(aloud())).status
