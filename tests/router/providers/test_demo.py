"""The built-in stand-in for a language model."""

import asyncio
import json
from typing import Any

import pytest
from fakes import RecordingSink, chat_card
from running import run, until

from router.domain import Endpoint, Model
from router.health import HostSign, ProviderSign
from router.ports import Probe
from router.providers.demo import ANSWER, Demo


def _demo(words_per_s: float = 10_000) -> Demo:
    return Demo(chat_card("demo"), words_per_s)


async def _answer(endpoint: Endpoint, body: dict[str, Any]) -> RecordingSink:
    sink = RecordingSink()
    demo = _demo()
    await demo.send(endpoint, [], json.dumps({"model": "demo", **body}).encode(), sink)
    await sink.over.wait()
    await demo.aclose()
    assert sink.forbidden == []
    return sink


def test_it_is_always_ready_with_its_one_model() -> None:
    """No dial, no doubt."""
    assert Probe(HostSign.ANSWERED, ProviderSign.READY, "", (Model("demo"),)) == run(_demo().probe())


def test_a_chat_is_answered_whole() -> None:
    """OpenAI's shape, with a length."""
    sink = run(_answer(Endpoint.CHAT, {}))
    document = json.loads(sink.body)
    assert ("chat.completion", ANSWER, "stop") == (
        document["object"],
        document["choices"][0]["message"]["content"],
        document["choices"][0]["finish_reason"],
    )
    assert (200, str(len(sink.body)).encode()) == (sink.status, sink.header(b"content-length"))


@pytest.mark.parametrize("bounds", [{}, {"max_tokens": 5}])
def test_what_openai_requires_of_a_chat_is_there(bounds: dict[str, object]) -> None:
    """Null or empty: strict clients read the keys all the same (openai-openapi 2.3.0)."""
    document = json.loads(run(_answer(Endpoint.CHAT, bounds)).body)
    (choice,) = document["choices"]
    assert {"index", "message", "logprobs", "finish_reason"} == set(choice)
    assert {"role": "assistant", "refusal": None, "annotations": []} == {
        name: value for name, value in choice["message"].items() if name != "content"
    }
    assert (None, True) == (choice["logprobs"], document["id"].startswith("chatcmpl-"))


def test_a_completion_is_answered_whole() -> None:
    """The older shape."""
    document = json.loads(run(_answer(Endpoint.COMPLETIONS, {})).body)
    assert ("text_completion", ANSWER) == (document["object"], document["choices"][0]["text"])


def _events(sink: RecordingSink) -> list[Any]:
    *events, done, rest = sink.body.split(b"\n\n")
    assert (b"data: [DONE]", b"") == (done, rest)
    return [json.loads(event.removeprefix(b"data: ")) for event in events]


def test_a_streamed_chat_comes_word_by_word() -> None:
    """The role first, the reason to stop last, and [DONE]."""
    events = _events(run(_answer(Endpoint.CHAT, {"stream": True})))
    deltas = [event["choices"][0]["delta"] for event in events]
    assert ("assistant", ANSWER, {}) == (
        deltas[0]["role"],
        "".join(delta.get("content", "") for delta in deltas),
        deltas[-1],
    )
    reasons = [event["choices"][0]["finish_reason"] for event in events]
    assert ([None] * (len(events) - 1) + ["stop"], {"chat.completion.chunk"}) == (
        reasons,
        {event["object"] for event in events},
    )


def test_a_streamed_completion_comes_word_by_word() -> None:
    """The same, in the older shape."""
    events = _events(run(_answer(Endpoint.COMPLETIONS, {"stream": True})))
    assert ANSWER == "".join(event["choices"][0]["text"] for event in events)


@pytest.mark.parametrize(
    ("options", "has_usage"),
    [({"include_usage": True}, True), ({"include_usage": False}, False), (None, False), ("x", False)],
)
def test_usage_comes_when_it_is_asked_for(options: object, has_usage: bool) -> None:
    """An event of its own, without choices."""
    events = _events(run(_answer(Endpoint.CHAT, {"stream": True, "stream_options": options})))
    assert has_usage is ("usage" in events[-1] and events[-1]["choices"] == [])


@pytest.mark.parametrize("endpoint", [Endpoint.EMBEDDINGS, Endpoint.RESPONSES, Endpoint.MESSAGES])
def test_it_only_chats(endpoint: Endpoint) -> None:
    """A 404 for the rest, in OpenAI's shape."""
    sink = run(_answer(endpoint, {}))
    assert (404, "model_not_found") == (sink.status, json.loads(sink.body)["error"]["code"])


@pytest.mark.parametrize("is_streamed", [True, False])
@pytest.mark.parametrize(
    ("bounds", "expected", "reason"),
    [
        ({"max_tokens": 5}, "Hello from Local AI Router!", "length"),
        ({"max_completion_tokens": 2, "max_tokens": 5}, "Hello from", "length"),
        ({"max_tokens": len(ANSWER.split(" "))}, ANSWER, "stop"),
        ({"max_tokens": 1000}, ANSWER, "stop"),
        ({"max_tokens": None}, ANSWER, "stop"),
        ({"max_tokens": 0}, ANSWER, "stop"),
        ({"max_tokens": "5"}, ANSWER, "stop"),
        ({"max_tokens": True}, ANSWER, "stop"),
    ],
)
def test_an_answer_may_be_cut_short(
    bounds: dict[str, object], expected: str, reason: str, is_streamed: bool
) -> None:
    """A word is a token, and the end says why it is one."""
    asked = {"stream": is_streamed, "stream_options": {"include_usage": True}, **bounds}
    sink = run(_answer(Endpoint.CHAT, asked))
    if is_streamed:
        *events, usage = _events(sink)
        choices = [event["choices"][0] for event in events]
        text, finish = "".join(each["delta"].get("content", "") for each in choices), choices[-1]["finish_reason"]
    else:
        usage = json.loads(sink.body)
        text, finish = usage["choices"][0]["message"]["content"], usage["choices"][0]["finish_reason"]
    assert (expected, reason, len(expected.split(" "))) == (text, finish, usage["usage"]["completion_tokens"])


def test_abort_ends_it_and_close_ends_them_all() -> None:
    """No task is left behind; who aborted hears nothing more, who still waits hears that it is over."""

    async def main() -> tuple[list[bool], list[str], int]:
        demo = _demo(words_per_s=1)
        sinks = [RecordingSink(), RecordingSink()]
        exchanges = [await demo.send(Endpoint.CHAT, [], b'{"stream":true}', sink) for sink in sinks]
        await until(lambda: all(sink.chunks for sink in sinks))
        exchanges[0].abort()
        exchanges[0].abort()
        sinks[0].is_aborted = True
        await demo.aclose()
        is_over = [sink.over.is_set() for sink in sinks]
        return is_over, sinks[0].forbidden + sinks[1].forbidden, len(demo._tasks)

    assert ([False, True], [], 0) == run(main())


def test_a_paused_answer_waits() -> None:
    """A slow client is not drowned."""

    async def main() -> tuple[int, bool]:
        demo = _demo()
        sink = RecordingSink()
        exchange = await demo.send(Endpoint.CHAT, [], b'{"stream":true}', sink)
        exchange.pause()
        await asyncio.sleep(0.01)
        while_paused = len(sink.chunks)
        exchange.resume()
        await sink.over.wait()
        return while_paused, sink.is_ended

    assert (0, True) == run(main())
