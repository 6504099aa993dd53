"""Chats that are answered aloud by odd servers: how their answers end, and of which shape they are."""

import asyncio
from typing import Any

import pytest
from aloud import aloud, aloud_house, heard, message_of, pcm_of, sound_in
from replies import BEGINNING, DONE, END, LOST, REPLY, SHORT, chunk, data, event, pieces, streams, words, writes
from running import run

from router.domain import Utterance
from router.health import ProviderState

# ends


def test_a_stream_that_ends_too_soon_is_the_models_fault_and_not_the_machines() -> None:
    """One odd server must not be taken for a dead one."""
    house = aloud_house(streams(BEGINNING, *words(pieces(REPLY))))
    assert heard(run(house.chat(aloud(stream=True)))).error is not None
    assert ProviderState.UP is house.roster.standing("one", "m").state


@pytest.mark.parametrize("is_streamed", [True, False])
def test_what_breaks_after_the_end_breaks_nothing(is_streamed: bool) -> None:
    """All was said."""
    house = aloud_house([*writes()[:-1], DONE, LOST], second=[writes(SHORT)])
    answer = run(house.chat(aloud(stream=is_streamed)))
    assert (REPLY, "1") == (
        heard(answer).transcript if is_streamed else message_of(answer)["audio"]["transcript"],
        answer.get("x-router-attempts"),
    )
    assert not is_streamed or heard(answer).is_done


def test_nobody_waits_for_a_server_that_hangs_on() -> None:
    """It has said [DONE] and keeps its answer open."""
    house = aloud_house([*writes(), asyncio.Event()])
    found = heard(run(house.chat(aloud(stream=True))))
    assert (REPLY, True) == (found.transcript, found.is_done)
    assert house.upstream("one").exchanges[0].is_aborted


def test_an_empty_reason_is_none() -> None:
    """Some servers send one with every chunk."""
    texts = [event({"content": piece}, "") for piece in pieces(REPLY)]
    cut = heard(run(aloud_house(streams(BEGINNING, *texts)).chat(aloud(stream=True))))
    assert cut.error is not None
    assert not cut.is_done


def test_the_reason_may_come_with_the_last_words() -> None:
    """And is told behind the last sound, once, as is what came with it."""
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    choice = {"index": 0, "delta": {"content": REPLY[40:]}, "finish_reason": "stop"}
    last = chunk(choice, usage=usage, timings={"ms": 3})
    answer = run(aloud_house(streams(BEGINNING, *words([REPLY[:40]]), last, DONE)).chat(aloud(stream=True)))
    found = heard(answer)
    assert (REPLY, ["stop"], usage) == (found.transcript, found.finish, found.usage)
    assert (1, 1) == (answer.body.count(b'"timings"'), answer.body.count(b'"usage":{'))
    assert answer.body.rindex(b'"data":"') < answer.body.index(b'"finish_reason":"stop"')


@pytest.mark.parametrize(("code", "status"), [(400, 400), (413, 400), (500, 503), ("context_length", 503)])
def test_an_error_instead_of_an_answer(code: Any, status: int) -> None:
    """Some servers send it as an event, with their status in it."""
    error = {"error": {"message": "the context is too long", "code": code}}
    answer = run(aloud_house(streams(data(error))).chat(aloud(stream=True)))
    assert (status, True) == (answer.status, "the context is too long" in answer.json["error"]["message"])


# shapes


def test_calls_that_are_numbered_alike() -> None:
    """Another id is another call; an empty one is none."""
    calls = [
        {"index": 0, "id": "a", "type": "function", "function": {"name": "go", "arguments": '{"x":1}'}},
        {"index": 0, "id": "b", "type": "function", "function": {"name": "stay", "arguments": '{"y":'}},
        {"index": 0, "id": "", "function": {"name": "", "arguments": "2}"}},
    ]
    deltas = [event({"tool_calls": [call]}) for call in calls]
    house = aloud_house(streams(BEGINNING, *deltas, event({}, "tool_calls"), DONE))
    message = message_of(run(house.chat(aloud())))
    assert [("a", "go", '{"x":1}'), ("b", "stay", '{"y":2}')] == [
        (call["id"], call["function"]["name"], call["function"]["arguments"]) for call in message["tool_calls"]
    ]


def test_a_character_in_two_halves() -> None:
    """Escaped by a server that counts in UTF-16."""
    halves = [
        b'data: {"choices":[{"index":0,"delta":{"content":"One \\ud83d"}}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{"content":"\\ude00 two, three."},"finish_reason":"stop"}]}\n\n',
    ]
    answer = run(aloud_house(streams(*halves, DONE)).chat(aloud()))
    assert "One \U0001f600 two, three." == message_of(answer)["audio"]["transcript"]


def test_a_server_that_names_no_role() -> None:
    """Clients wait for one."""
    found = heard(run(aloud_house(streams(*words([REPLY]), END, DONE)).chat(aloud(stream=True))))
    assert ("assistant", REPLY) == (found.deltas[0]["role"], found.transcript)


def test_what_is_no_choice_passes_in_its_place() -> None:
    """A filter's word before the first, usage behind the last."""
    answer = run(aloud_house(streams(chunk(), BEGINNING, *writes()[2:])).chat(aloud(stream=True)))
    assert answer.body.startswith(b'data: {"id":"c-1"')
    assert heard(answer).usage == {"prompt_tokens": 4, "completion_tokens": 9, "total_tokens": 13}


def test_contents_in_parts() -> None:
    """As some servers have them."""
    parts = [event({"content": [{"type": "text", "text": piece}]}) for piece in pieces(REPLY, 9)]
    found = heard(run(aloud_house(streams(BEGINNING, *parts, END, DONE)).chat(aloud(stream=True))))
    assert (REPLY, pcm_of()) == (found.transcript, found.pcm)


def test_a_large_whole_is_sent_in_pieces() -> None:
    """Of the length that its head says; made at once it would hold everybody up."""
    text = "This sentence is said again and again. " * 60
    house = aloud_house(writes(text, 40))
    house.speech["gpu"].voice = lambda segment: Utterance(bytes(48_000 * 9), 0.1, "engine", segment.voice)
    answer = run(house.chat(aloud(audio={"format": "pcm16"})))
    assert (str(len(answer.body)), True) == (answer.get("content-length"), len(answer.chunks) > 10)
    assert 48_000 * 9 * 60 <= len(sound_in(answer))
