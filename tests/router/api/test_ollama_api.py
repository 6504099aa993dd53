"""Ollama's own API in front of whichever server has the model."""

import json
from typing import Any

import pytest
from fakes import FakeForward, Step, chat_card, head
from houses import Answer, FakeHouse
from running import run

from router.api.admission import key_hash
from router.domain import Endpoint, Model
from router.errors import ConnectionLost, DialRefused
from router.health import ProviderSign

SSE = head(200, (b"content-type", b"text/event-stream"))
HI = [{"role": "user", "content": "Hi"}]
NDJSON = "application/x-ndjson"


def event(**delta: Any) -> bytes:
    return _data({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})


def end(reason: str = "stop", **usage: int) -> bytes:
    told = _data({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    if usage:
        told += _data({"choices": [], "usage": usage})
    return told + b"data: [DONE]\n\n"


def _data(document: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps({"id": "c", "model": "m", **document}).encode() + b"\n\n"


def whole(body: dict[str, Any], status: int = 200) -> list[Step]:
    told = json.dumps(body).encode()
    length = (b"content-length", str(len(told)).encode())
    return [head(status, (b"content-type", b"application/json"), length), told]


def message(said: str = "Hello.", **more: Any) -> list[Step]:
    choice = {"index": 0, "message": {"role": "assistant", "content": said, **more}, "finish_reason": "stop"}
    return whole({"choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 2}})


def house(*scripts: Any, settings: Any = None) -> FakeHouse:
    made = FakeHouse(FakeForward(chat_card("llm"), *scripts), settings=settings)
    made.report("llm", "m", "llama3.2:latest")
    return made


def ask(at: FakeHouse, path: str = "/api/chat", /, *headers: Any, **fields: Any) -> Answer:
    given = {"model": "m", **({"messages": HI} if path == "/api/chat" else {}), **fields}
    return run(at.ask("POST", path, json.dumps(given).encode(), headers))


def lines(answer: Answer) -> list[dict[str, Any]]:
    """Each ends with one line break, and none is empty: its clients take an empty one for an error."""
    assert answer.body.endswith(b"\n")
    return [json.loads(line) for line in answer.body[:-1].split(b"\n")]


def sent(at: FakeHouse, number: int = 0) -> Any:
    provider = at.forwarder._providers["llm"]
    assert isinstance(provider, FakeForward)
    return provider.sent[number]


def test_a_chat_is_lines_of_json() -> None:
    """Each word as it comes; the last line says how it ended, what was counted and how long it took."""
    at = house(
        [
            SSE,
            event(role="assistant", content="Hel"),
            event(content="lo."),
            end(prompt_tokens=5, completion_tokens=2),
        ]
    )
    answer = ask(at)
    assert (200, NDJSON, True) == (answer.status, answer.get("content-type"), answer.is_complete)
    *words, last = lines(answer)
    assert ["Hel", "lo."] == [each["message"]["content"] for each in words]
    assert {("m", "assistant", False)} == {
        (each["model"], each["message"]["role"], each["done"]) for each in words
    }
    assert (True, "stop", 5, 2, "") == (
        last["done"],
        last["done_reason"],
        last["prompt_eval_count"],
        last["eval_count"],
        last["message"]["content"],
    )
    durations = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")
    assert all(isinstance(last[name], int) for name in durations)
    assert last["created_at"].endswith("Z")
    told = json.loads(sent(at).body)
    assert {"model": "m", "messages": HI, "stream": True, "stream_options": {"include_usage": True}} == told
    assert (Endpoint.CHAT, b"text/event-stream") == (sent(at).endpoint, sent(at).get("accept"))


def test_a_chat_that_is_not_streamed_is_one_document() -> None:
    """With all that the lines would have said."""
    at = house(message("Hello.", reasoning="Hm."))
    answer = ask(at, stream=False)
    assert (200, "application/json; charset=utf-8") == (answer.status, answer.get("content-type"))
    told = answer.json
    assert {"role": "assistant", "content": "Hello.", "thinking": "Hm."} == told["message"]
    assert (True, "stop", 3, 2) == (
        told["done"],
        told["done_reason"],
        told["prompt_eval_count"],
        told["eval_count"],
    )
    assert "stream" not in json.loads(sent(at).body)


def test_time_is_measured() -> None:
    """In nanoseconds."""
    at = house(message())
    answer = ask(at, stream=False)
    assert 0 == answer.json["total_duration"]  # the clock stands still


@pytest.mark.parametrize("is_streamed", [True, False])
def test_a_server_that_does_it_the_other_way(*, is_streamed: bool) -> None:
    """Events where a document was asked for, and the other way round."""
    script = message() if is_streamed else [SSE, event(content="Hel"), event(content="lo."), end()]
    answer = ask(house(script), stream=is_streamed)
    told = lines(answer)[-1] if is_streamed else answer.json
    assert (True, "stop") == (told["done"], told["done_reason"])
    said = (
        "".join(each["message"]["content"] for each in lines(answer))
        if is_streamed
        else told["message"]["content"]
    )
    assert "Hello." == said


def test_thoughts_have_a_field_of_their_own() -> None:
    """However the server calls them."""
    at = house([SSE, event(reasoning="Hm."), event(reasoning_content="So."), event(content="Hi"), end()])
    told = lines(ask(at))
    assert ["Hm.", "So."] == [each["message"]["thinking"] for each in told if "thinking" in each["message"]]
    assert "Hi" == "".join(each["message"]["content"] for each in told)


def test_a_call_of_a_tool_is_whole_and_has_an_object() -> None:
    """However many pieces it came in; the reason to end is none of its own."""
    pieces = [
        event(
            tool_calls=[
                {"index": 0, "id": "call_x", "type": "function", "function": {"name": "f", "arguments": ""}}
            ]
        ),
        event(tool_calls=[{"index": 0, "function": {"arguments": '{"city":'}}]),
        event(tool_calls=[{"index": 0, "function": {"arguments": '"Köln"}'}}]),
        event(
            tool_calls=[
                {"index": 1, "id": "call_y", "type": "function", "function": {"name": "g", "arguments": ""}}
            ]
        ),
    ]
    told = lines(ask(house([SSE, *pieces, end("tool_calls")]), tools=[{"type": "function"}]))
    assert [
        {"id": "call_x", "function": {"index": 0, "name": "f", "arguments": {"city": "Köln"}}},
        {"id": "call_y", "function": {"index": 1, "name": "g", "arguments": {}}},
    ] == told[0]["message"]["tool_calls"]
    assert (2, "stop") == (len(told), told[-1]["done_reason"])


@pytest.mark.parametrize("arguments", ["{", "[]", "3", "null"])
def test_a_call_that_cannot_be_told_is_a_fault(arguments: str) -> None:
    """Of the model's server: nothing has been said yet, so the next one is asked."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
    answer = ask(house(message("", tool_calls=[call])), stream=False)
    assert 503 == answer.status
    assert "error" in answer.json


def test_too_long_an_answer_says_so() -> None:
    """By its reason."""
    assert "length" == lines(ask(house([SSE, event(content="Hel"), end("length")])))[-1]["done_reason"]


def test_a_character_in_two_pieces_is_put_together() -> None:
    """Some servers cut an emoji in half."""
    halves = [event(content="A \ud83d"), event(content="\ude00.")]
    told = lines(ask(house([SSE, *halves, end()])))
    assert "A 😀." == "".join(each["message"]["content"] for each in told)


def test_half_a_character_in_a_tools_arguments_is_no_500() -> None:
    """It is escaped, as it came."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":"\\ud83d"}'}}
    answer = ask(house(message("", tool_calls=[call])), stream=False)
    assert (200, b'"\\ud83d"' in answer.body) == (answer.status, True)


def test_generate_has_its_words_in_response() -> None:
    """As lines, and as a document."""
    at = house([SSE, event(content="Hel"), event(content="lo."), end()])
    told = lines(ask(at, "/api/generate", prompt="Hi"))
    assert ["Hel", "lo.", ""] == [each["response"] for each in told]
    assert HI == json.loads(sent(at).body)["messages"]
    answer = ask(house(message()), "/api/generate", prompt="Hi", stream=False)
    assert ("Hello.", True) == (answer.json["response"], answer.json["done"])


def test_a_text_to_go_on_with() -> None:
    """Comes from the completions route, streamed or not."""
    text = [_data({"choices": [{"index": 0, "text": each, "finish_reason": None}]}) for each in ("a", "b")]
    last = _data({"choices": [{"index": 0, "text": "", "finish_reason": "stop"}]})
    at = house([SSE, *text, last, b"data: [DONE]\n\n"])
    assert "ab" == "".join(each["response"] for each in lines(ask(at, "/api/generate", prompt="x", raw=True)))
    assert Endpoint.COMPLETIONS is sent(at).endpoint
    at = house(whole({"choices": [{"index": 0, "text": "ab", "finish_reason": "length"}]}))
    answer = ask(at, "/api/generate", prompt="x", suffix="y", stream=False)
    assert ("ab", "length") == (answer.json["response"], answer.json["done_reason"])


def vectors(*given: list[float]) -> list[Step]:
    data = [{"object": "embedding", "index": i, "embedding": each} for i, each in enumerate(given)]
    return whole({"data": data[::-1], "usage": {"prompt_tokens": 4}})


def test_embeddings() -> None:
    """In the order of the texts, whatever the order they came in."""
    at = house(vectors([0.1, 2e-7], [1.0, 0.0]))
    told = ask(at, "/api/embed", input=["a", "b"]).json
    assert ("m", [[0.1, 2e-7], [1.0, 0.0]], 4) == (told["model"], told["embeddings"], told["prompt_eval_count"])
    assert Endpoint.EMBEDDINGS is sent(at).endpoint
    assert {"embedding": [0.5]} == ask(house(vectors([0.5])), "/api/embeddings", prompt="a").json


@pytest.mark.parametrize(
    ("path", "fields", "told"),
    [("/api/embed", {"input": []}, "embeddings"), ("/api/embeddings", {"prompt": ""}, "embedding")],
)
def test_nothing_to_embed(path: str, fields: dict[str, Any], told: str) -> None:
    """Is answered with nothing."""
    answer = ask(house(), path, **fields)
    assert (200, []) == (answer.status, answer.json[told])


@pytest.mark.parametrize(
    "body", [{"data": []}, {"data": [{"embedding": "AAAA"}]}, {"data": [{}]}, {"nothing": 1}, {"data": None}]
)
def test_embeddings_that_are_none_are_a_fault(body: dict[str, Any]) -> None:
    """Another server may do better."""
    assert 503 == ask(house(whole(body)), "/api/embed", input="a").status


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/api/chat", {"messages": []}),
        ("/api/generate", {"prompt": ""}),
        ("/api/chat", {"messages": [], "stream": False}),
    ],
)
def test_nothing_asked_loads_the_model(path: str, fields: dict[str, Any]) -> None:
    """Where it would be asked; the answer does not wait for it."""
    at = house()
    at.sign("llm", ProviderSign.READY, models=(Model("m", "cold"),), tells_models=True)
    answer = ask(at, path, **fields)
    provider = at.forwarder._providers["llm"]
    assert isinstance(provider, FakeForward)
    assert (200, "load", ["m"]) == (answer.status, answer.json["done_reason"], provider.warmed)
    assert [] == provider.sent


def test_nothing_is_unloaded() -> None:
    """Others may use it."""
    at = house()
    answer = ask(at, messages=[], keep_alive=0)
    assert (200, "unload") == (answer.status, answer.json["done_reason"])


@pytest.mark.parametrize("path", ["/api/chat", "/api/embed"])
def test_what_nobody_can_load_is_told(path: str) -> None:
    """As with any request."""
    at = house()
    at.sign("llm", ProviderSign.FAULT, "gone")
    at.sign("llm", ProviderSign.FAULT, "gone")
    at.roster.drain("llm")
    answer = ask(at, path, messages=[], input=[])
    assert (503, True) == (answer.status, "No provider can serve" in answer.json["error"])


@pytest.mark.parametrize("asked", ["m", "m:latest"])
def test_a_name_is_the_same_with_its_tag(asked: str) -> None:
    """Clients add the one that goes without saying; what is answered is the name that was asked."""
    at = house(message())
    assert asked == ask(at, model=asked, stream=False).json["model"]
    assert "m" == json.loads(sent(at).body)["model"]


@pytest.mark.parametrize("asked", ["llama3.2", "llama3.2:latest", "llm/llama3.2", "llm/llama3.2:latest"])
def test_a_server_is_asked_by_the_name_that_it_lists(asked: str) -> None:
    """Whoever's client asks."""
    at = house(message())
    ask(at, model=asked, stream=False)
    assert "llama3.2:latest" == json.loads(sent(at).body)["model"]


def test_a_failure_before_the_first_word_is_the_next_ones_matter() -> None:
    """Also when a server says so in its stream."""
    failing: list[Step] = [SSE, event(role="assistant", content=""), b'data: {"error":{"message":"boom"}}\n\n']
    at = FakeHouse(
        FakeForward(chat_card("a"), failing),
        FakeForward(chat_card("b", tier=2), [SSE, event(content="Hello."), end()]),
    )
    at.report("a", "m")
    at.report("b", "m")
    answer = ask(at)
    assert ("b", "Hello.") == (answer.get("x-router-provider"), lines(answer)[0]["message"]["content"])


@pytest.mark.parametrize(
    "steps",
    [
        [ConnectionLost("gone", had_bytes=True)],
        [b'data: {"error":{"message":"boom"}}\n\n'],
        [b"data: {not json}\n\n"],
        [],
    ],
    ids=["connection", "error event", "broken", "no end"],
)
def test_a_failure_in_the_middle_is_a_last_line_and_a_cut(steps: list[Step]) -> None:
    """So that half an answer is taken for none."""
    answer = ask(house([SSE, event(content="Hel"), *steps]))
    *words, last = lines(answer)
    assert (["Hel"], ["error"], False) == (
        [each["message"]["content"] for each in words],
        list(last),
        answer.is_complete,
    )


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refusal_is_passed_on_in_ollamas_shape(status: int) -> None:
    """The server's own words, and its status."""
    script = whole({"error": {"message": "no such tool", "type": "invalid_request_error"}}, status)
    answer = ask(house(script))
    assert (status, {"error": "no such tool"}) == (answer.status, answer.json)
    answer = ask(house(script), "/api/embed", input="a")
    assert (status, {"error": "no such tool"}) == (answer.status, answer.json)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/chat", b"{", 400),
        ("/api/chat", b"{}", 400),
        ("/api/generate", b'{"model":"m","prompt":3}', 400),
        ("/api/embed", b'{"model":"m","input":{}}', 400),
        ("/api/chat", b'{"model":"nobody","messages":[]}', 404),
        ("/api/embeddings", b'{"model":"nobody","prompt":"a"}', 404),
        ("/api/chat", b'{"model":"m","messages":[{"role":"user"}]}', 503),
    ],
)
def test_errors_have_ollamas_shape(path: str, body: bytes, status: int) -> None:
    """`{"error": "text"}`, and the right status."""
    answer = run(house(DialRefused("nobody listens")).ask("POST", path, body))
    assert (status, ["error"]) == (answer.status, list(answer.json))
    assert isinstance(answer.json["error"], str)


def test_another_method_is_told_in_ollamas_shape() -> None:
    """With what the path takes."""
    answer = run(house().ask("GET", "/api/chat"))
    assert (405, "POST", ["error"]) == (answer.status, answer.get("allow"), list(answer.json))


KEY = "lar-ha"
CLIENTS = {"clients": {"ha": {"key_sha256": key_hash(KEY), "models": ["m", "llama3.2:latest"]}}}


@pytest.mark.parametrize(
    ("headers", "model", "status"),
    [
        ([], "m", 401),
        ([(b"authorization", b"Bearer lar-ha")], "m", 200),
        ([(b"authorization", b"Bearer lar-ha")], "m:latest", 200),
        ([(b"authorization", b"Bearer lar-ha")], "llama3.2", 200),
        ([(b"authorization", b"Bearer lar-ha")], "other", 403),
        ([(b"authorization", b"Bearer lar-ha")], "llm/m", 403),
    ],
)
def test_who_may(headers: list[Any], model: str, status: int) -> None:
    """By a Bearer key, as Ollama's cloud has it; patterns are of the names as they are listed."""
    answer = ask(house(message(), settings=CLIENTS), "/api/chat", *headers, model=model, stream=False)
    assert status == answer.status
    assert (status == 200) is not ("error" in answer.json)


def test_what_is_sent_on_names_no_key_and_is_json() -> None:
    """curl says that its body is a form."""
    at = house(message(), settings=CLIENTS)
    headers = [(b"authorization", b"Bearer lar-ha"), (b"content-type", b"application/x-www-form-urlencoded")]
    ask(at, "/api/chat", *headers, stream=False)
    names = {name.lower(): value for name, value in sent(at).headers}
    assert (b"application/json", False) == (names[b"content-type"], b"authorization" in names)
