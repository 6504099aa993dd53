"""Ollama's own API in front of Ollama: what came goes there as it came, and comes back as it was said."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from fakes import FakeForward, Sent, Step, chat_card, head
from houses import Answer, FakeHouse
from running import run

from router.domain import OLLAMA, Endpoint
from router.errors import ConnectionLost, DialRefused
from router.ports import Exchange, Header, Sink

HI = [{"role": "user", "content": "Hi"}]
NDJSON = head(200, (b"content-type", b"application/x-ndjson"))
SSE = head(200, (b"content-type", b"text/event-stream"))


class FakeOllama(FakeForward):
    """A provider that speaks it. `paths`: what was asked of its own routes."""

    dialect = OLLAMA

    def __init__(self, name: str, *scripts: Any, tier: int = 1) -> None:
        super().__init__(chat_card(name, tier=tier), *scripts)
        self.paths: list[str] = []

    async def send_native(
        self, path: str, headers: Sequence[Header], body: bytes, sink: Sink, *, is_once: bool = False
    ) -> Exchange:
        self.paths.append(path)
        return await self.send(Endpoint.CHAT, headers, body, sink, is_once=is_once)


def line(said: str, **more: Any) -> bytes:
    told = {"model": "llama3.2:latest", "message": {"role": "assistant", "content": said}, "done": False, **more}
    return json.dumps(told).encode() + b"\n"


LAST = line("", done=True, done_reason="stop", prompt_eval_count=5, eval_count=2, load_duration=7)


def house(*providers: FakeForward) -> FakeHouse:
    made = FakeHouse(*providers)
    for provider in providers:
        made.report(provider.card.id, "llama3.2:latest")
    return made


def ask(at: FakeHouse, path: str = "/api/chat", /, **fields: Any) -> Answer:
    given = {"model": "llama3.2", **({"messages": HI} if path == "/api/chat" else {}), **fields}
    return run(at.ask("POST", path, json.dumps(given).encode()))


def lines(answer: Answer) -> list[dict[str, Any]]:
    return [json.loads(each) for each in answer.body.removesuffix(b"\n").split(b"\n")]


def asked(provider: FakeForward, number: int = 0) -> Any:
    sent: Sent = provider.sent[number]
    return json.loads(sent.body)


def test_what_came_arrives_as_it_came() -> None:
    """But for the model's name; options that OpenAI has no words for, too."""
    fields: dict[str, Any] = {
        "options": {"num_ctx": 8192, "top_k": 5},
        "keep_alive": -1,
        "think": False,
        "unheard_of": {"a": [1]},
    }
    provider = FakeOllama("o", [NDJSON, line("Hi"), LAST])
    ask(house(provider), **fields)
    assert {"model": "llama3.2:latest", "messages": HI, **fields} == asked(provider)
    assert ["/api/chat"] == provider.paths


def test_what_it_says_comes_back_as_it_said_it() -> None:
    """Under the name that was asked, with its own counts and durations."""
    at = house(FakeOllama("o", [NDJSON, line("Hel", thinking="x"), line("lo."), LAST]))
    answer = ask(at)
    told = lines(answer)
    assert ["Hel", "lo.", ""] == [each["message"]["content"] for each in told]
    assert ({"llama3.2"}, "x", 7) == (
        {each["model"] for each in told},
        told[0]["thinking"],
        told[-1]["load_duration"],
    )
    assert ("application/x-ndjson", True) == (answer.get("content-type"), answer.is_complete)
    (record,) = at.observer.finished
    assert (5, 2, True) == (record.tokens_in, record.tokens_out, record.streamed)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_lines_may_come_in_pieces_of_any_size(size: int) -> None:
    """None is empty, and none is lost."""
    text = line("Grüße") + line("🎧") + LAST
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    told = lines(ask(house(FakeOllama("o", [NDJSON, *pieces]))))
    assert "Grüße🎧" == "".join(each["message"]["content"] for each in told)


def test_the_last_line_need_not_end() -> None:
    """It is the last all the same."""
    told = lines(ask(house(FakeOllama("o", [NDJSON, line("Hi"), LAST.rstrip()]))))
    assert told[-1]["done"]


def test_a_whole_answer() -> None:
    """Also one with a tool's call that looks like something else."""
    calls = [{"function": {"name": "f", "arguments": {"choices": [1]}}}]
    told = {"model": "x", "message": {"role": "assistant", "content": "", "tool_calls": calls}, "done": True}
    body = json.dumps(told).encode()
    script = [
        head(200, (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())),
        body,
    ]
    answer = ask(house(FakeOllama("o", script)), stream=False)
    assert {**told, "model": "llama3.2"} == answer.json


def test_generate_has_a_route_of_its_own() -> None:
    """Likewise."""
    told = json.dumps({"model": "x", "response": "Hi", "done": True}).encode() + b"\n"
    provider = FakeOllama("o", [NDJSON, told])
    assert "Hi" == lines(ask(house(provider), "/api/generate", prompt="x", raw=True))[0]["response"]
    assert (["/api/generate"], True) == (provider.paths, asked(provider)["raw"])


@pytest.mark.parametrize(
    "steps",
    [
        [b'{"error":"boom"}\n'],
        [b"{not json}\n"],
        [b"[]\n"],
        [],
        [ConnectionLost("gone", had_bytes=True)],
    ],
    ids=["error line", "broken", "no object", "no end", "connection"],
)
def test_a_failure_in_the_middle_is_a_last_line_and_a_cut(steps: list[Step]) -> None:
    """Before the first word it is the next one's matter."""
    answer = ask(house(FakeOllama("o", [NDJSON, line("Hel"), *steps])))
    *words, last = lines(answer)
    assert (["Hel"], ["error"], False) == (
        [each["message"]["content"] for each in words],
        list(last),
        answer.is_complete,
    )
    answer = ask(house(FakeOllama("o", [NDJSON, *steps]), FakeOllama("p", [NDJSON, line("Hi"), LAST], tier=2)))
    assert ("p", "Hi") == (answer.get("x-router-provider"), lines(answer)[0]["message"]["content"])


@pytest.mark.parametrize("body", [b"{}", b'{"message":{}}', b'{"done":false}', b'{"error":"boom"}'])
def test_a_whole_answer_that_is_none(body: bytes) -> None:
    """Is a fault of whoever gave it."""
    script = [
        head(200, (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())),
        body,
    ]
    assert 503 == ask(house(FakeOllama("o", script)), stream=False).status


def test_another_server_takes_over_in_its_own_words() -> None:
    """Whichever of the two speaks what."""
    event = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    other = FakeForward(chat_card("l", tier=2), [SSE, event])
    answer = ask(house(FakeOllama("o", DialRefused("off")), other), options={"num_predict": 3})
    assert ("l", "Hi") == (answer.get("x-router-provider"), lines(answer)[0]["message"]["content"])
    assert 3 == asked(other)["max_tokens"]


def test_a_server_that_does_not_speak_it_now_is_asked_in_openais_words() -> None:
    """Something else may listen on Ollama's port."""
    provider = FakeOllama("o", [SSE, b'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\n'])
    provider.dialect = ""
    assert "Hi" == lines(ask(house(provider)))[0]["message"]["content"]
    assert [] == provider.paths
