"""Ollama's own SDK, and the requests of Home Assistant and Open WebUI, at the router in front of Ollama (the fake)
and the demo."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import httpx
import ollama
import pytest
from processes import Process, http, start_router, start_vendor, wait_until

KEY = "lar-a-key-that-only-these-tests-know-012345678901"
HI = [{"role": "user", "content": "Is the kettle on?"}]
SAID = "The kettle is on."
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with start_vendor("ollama", tmp_path_factory.mktemp("fake")) as process:
        yield process


@pytest.fixture(scope="module")
def router(fake: Process, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """With a key, as it would be on the LAN. The attic gets Ollama's words as they are; the cellar is asked in
    OpenAI's."""
    config = f"""\
providers:
  attic: {{kind: ollama, url: "{fake.base_url}", keep_alive: 30m}}
  cellar: {{kind: openai, url: "{fake.base_url}", tier: 2}}
  demo: {{kind: demo, words_per_s: 500}}
clients:
  house: {{key_sha256: {hashlib.sha256(KEY.encode()).hexdigest()}}}
"""
    with start_router(config, tmp_path_factory.mktemp("router")) as running:
        yield running


@pytest.fixture(params=["", "cellar/"])
def place(request: pytest.FixtureRequest) -> str:
    """Whoever has no place is asked in the attic."""
    place: str = request.param
    return place


@pytest.fixture
def client(router: Process) -> Iterator[ollama.Client]:
    with ollama.Client(host=router.base_url, headers={"Authorization": f"Bearer {KEY}"}) as sdk:
        yield sdk


@pytest.mark.shows(
    client="ollama", route="POST /api/chat", what="an answer, whole and streamed, counts and durations"
)
def test_chat(client: ollama.Client, place: str) -> None:
    """What Ollama itself would say."""
    whole = client.chat(f"{place}llama3.2", HI)
    assert (SAID, "stop", 11, 5) == (
        whole.message.content,
        whole.done_reason,
        whole.prompt_eval_count,
        whole.eval_count,
    )
    assert (whole.total_duration or 0) > 0
    pieces = list(client.chat(f"{place}llama3.2", HI, stream=True))
    assert (SAID, 6) == ("".join(each.message.content or "" for each in pieces), len(pieces))
    assert (True, 5, f"{place}llama3.2") == (pieces[-1].done, pieces[-1].eval_count, pieces[-1].model)


@pytest.mark.shows(client="ollama", route="POST /api/chat", what="a model of another server than Ollama")
def test_another_servers_model(client: ollama.Client) -> None:
    """By its name with and without a tag."""
    for name in ("demo", "demo:latest"):
        assert "Local AI Router" in (client.chat(name, HI).message.content or "")


@pytest.mark.shows(client="ollama", route="POST /api/chat", what="tools: a call, its result, the answer")
def test_tools(client: ollama.Client, place: str) -> None:
    """The SDK's own objects go back as they came."""
    messages: list[Any] = list(HI)
    first = client.chat(f"{place}llama3.2", messages, tools=[WEATHER])
    assert first.message.tool_calls is not None
    (call,) = first.message.tool_calls
    assert ("weather", {"city": "Tokyo"}) == (call.function.name, call.function.arguments)
    messages += [first.message, {"role": "tool", "tool_name": "weather", "content": "Rain."}]
    assert SAID == client.chat(f"{place}llama3.2", messages, tools=[WEATHER]).message.content
    streamed = list(client.chat(f"{place}llama3.2", HI, tools=[WEATHER], stream=True))
    assert ["weather"] == [c.function.name for each in streamed for c in each.message.tool_calls or ()]


@pytest.mark.shows(client="ollama", route="POST /api/chat", what="thoughts, and none when they are not wanted")
def test_thoughts(client: ollama.Client, place: str) -> None:
    """A model that thinks does so unless told otherwise."""
    assert "Hm." == client.chat(f"{place}qwen3:4b", HI).message.thinking
    assert "Hm." == client.chat(f"{place}qwen3:4b", HI, think=True).message.thinking
    assert None is client.chat(f"{place}qwen3:4b", HI, think=False).message.thinking


@pytest.mark.shows(client="ollama", route="POST /api/chat", what="options, a JSON schema, images")
def test_options_format_images(client: ollama.Client, place: str) -> None:
    """All that has a word in OpenAI's dialect."""
    schema: Any = {"type": "object", "properties": {"answer": {"type": "integer"}}}
    options = {"temperature": 0.0, "num_predict": 20, "num_ctx": 8192, "stop": ["\n\n"]}
    answer = client.chat(f"{place}llama3.2", HI, format=schema, options=options, keep_alive=-1)
    assert '{"answer": 42}' == answer.message.content
    seen = [{"role": "user", "content": "What is it?", "images": [b"\x89PNG\r\n\x1a\n"]}]
    assert SAID == client.chat(f"{place}llava", seen).message.content


@pytest.mark.shows(client="ollama", route="POST /api/generate", what="an answer, whole and streamed")
def test_generate(client: ollama.Client, place: str) -> None:
    """Of one prompt, with what the model is told."""
    assert SAID == client.generate(f"{place}llama3.2", "Is the kettle on?", system="Be brief.").response
    pieces = list(client.generate(f"{place}llama3.2", "Is the kettle on?", stream=True))
    assert SAID == "".join(each.response or "" for each in pieces)
    assert SAID == client.generate(f"{place}llama3.2", "def f(", suffix="return x").response


@pytest.mark.shows(client="ollama", route="POST /api/embed", what="vectors, of one text and of several")
@pytest.mark.shows(client="ollama", route="POST /api/embeddings", what="a vector")
def test_embeddings(client: ollama.Client, fake: Process) -> None:
    """The numbers that Ollama gave."""
    with ollama.Client(host=fake.base_url) as direct:
        _compare(direct, client)


def _compare(direct: ollama.Client, client: ollama.Client) -> None:
    assert (
        direct.embed("nomic-embed-text", ["a", "bee"]).embeddings
        == client.embed("nomic-embed-text", ["a", "bee"]).embeddings
    )
    assert 1 == len(client.embed("nomic-embed-text", "a").embeddings)
    assert (
        direct.embeddings("nomic-embed-text", "a").embedding
        == client.embeddings("nomic-embed-text", "a").embedding
    )


@pytest.mark.shows(client="ollama", route="GET /api/tags", what="every chat model, once")
@pytest.mark.shows(client="ollama", route="POST /api/show", what="what a model can do")
def test_lists(client: ollama.Client) -> None:
    """The demo is one of them."""
    names = [each.model for each in client.list().models]
    assert {"llama3.2:latest", "qwen3:4b", "nomic-embed-text:latest", "demo:latest"} <= set(names)
    assert len(names) == len(set(names))
    shown = client.show("llama3.2")
    assert ["completion", "tools"] == shown.capabilities
    assert shown.modelinfo is not None
    assert 131072 == shown.modelinfo["llama.context_length"]


@pytest.mark.shows(client="ollama", route="GET /api/ps", what="what is loaded, and until when")
def test_what_is_loaded(client: ollama.Client) -> None:
    """As Ollama says within a second."""
    client.chat("llama3.2", HI)
    wait_until("it is loaded", lambda: "llama3.2:latest" in [each.model for each in client.ps().models])
    (running,) = [each for each in client.ps().models if each.model == "llama3.2:latest"]
    assert running.expires_at is not None


@pytest.mark.shows(client="ollama", route="POST /api/chat", what="loading a model by an empty chat")
def test_loading(client: ollama.Client) -> None:
    """The answer does not wait for it."""
    assert "load" == client.chat("llava", []).done_reason
    wait_until("it is loaded", lambda: "llava:latest" in [each.model for each in client.ps().models])


@pytest.mark.shows(client="ollama", route="POST /api/pull", what="success for what is there, else how to get it")
def test_pull(client: ollama.Client) -> None:
    """As Home Assistant asks, and streamed."""
    assert "success" == client.pull("llama3.2").status
    assert "success" == list(client.pull("llama3.2", stream=True))[-1].status
    with pytest.raises(ollama.ResponseError, match="ollama pull"):
        client.pull("gemma3")


@pytest.mark.shows(client="ollama", route="POST /api/chat", what="errors as ResponseError, with their status")
def test_errors(client: ollama.Client, router: Process) -> None:
    """No such model, no key, a model that cannot do it."""
    with pytest.raises(ollama.ResponseError, match="nobody") as caught:
        client.chat("nobody", HI)
    assert 404 == caught.value.status_code
    with ollama.Client(host=router.base_url) as stranger, pytest.raises(ollama.ResponseError) as caught:
        stranger.chat("llama3.2", HI)
    assert 401 == caught.value.status_code
    with pytest.raises(ollama.ResponseError, match="does not support tools") as caught:
        client.chat("llava", HI, tools=[WEATHER])
    assert 400 == caught.value.status_code


@pytest.mark.shows(
    client="ollama", route="POST /api/chat", what="a failure in the middle of a stream, told and cut"
)
def test_a_failure_in_the_middle(client: ollama.Client, place: str) -> None:
    """Though Ollama's own OpenAI routes swallow it."""
    pieces = client.chat(f"{place}llama3.2", [{"role": "user", "content": "die"}], stream=True)
    assert ["The", " kettle"] == [next(pieces).message.content, next(pieces).message.content]
    with pytest.raises(ollama.ResponseError):
        next(pieces)


@pytest.mark.shows(
    client="Home Assistant",
    release="core of 2026",
    route="POST /api/chat",
    what="a round of its conversation with tools",
)
def test_home_assistants_conversation(client: ollama.Client, fake: Process, place: str) -> None:
    """It names neither the tool nor the call whose result it sends (components/ollama/entity.py)."""
    first = list(
        client.chat(
            f"{place}llama3.2:latest",
            [{"role": "system", "content": "You are a voice assistant."}, *HI],
            tools=[WEATHER],
            stream=True,
            keep_alive=-1,
            options={"num_ctx": 8192},
            think=False,
        )
    )
    calls = [call for each in first for call in each.message.tool_calls or ()]
    messages: list[Any] = [
        {"role": "system", "content": "You are a voice assistant."},
        *HI,
        {"role": "assistant", "content": "", "tool_calls": [{"function": dict(call.function)} for call in calls]},
        {"role": "tool", "content": '{"data":"Rain.","error":null}'},
    ]
    second = client.chat(
        f"{place}llama3.2:latest", messages, tools=[WEATHER], stream=True, keep_alive="3600s", think=False
    )
    assert SAID == "".join(each.message.content or "" for each in second)
    came = [each for each in http.get(f"{fake.base_url}/_asked").json() if each["path"] == "/api/chat"]
    contexts = [(json.loads(each["body"]).get("options") or {}).get("num_ctx") for each in came]
    assert place or 8192 in contexts


@pytest.mark.shows(
    client="Open WebUI",
    release="mid-2025",
    route="POST /api/chat",
    what="lines that it relays, dates that it reads",
)
def test_open_webuis_requests(router: Process) -> None:
    """Its version check, its lists, its chat with the tag added (routers/ollama.py)."""
    key = {"Authorization": f"Bearer {KEY}", "X-OpenWebUI-User-Name": "Ada"}
    with httpx.Client(base_url=router.base_url, headers=key, trust_env=False) as web:
        assert web.get("/api/version").json()["version"]
        assert {"name", "model", "digest", "size", "details"} <= set(web.get("/api/tags").json()["models"][0])
        assert 200 == web.get("/api/ps").status_code
        body = {
            "model": "demo:latest",
            "messages": HI,
            "stream": True,
            "options": {},
            "metadata": {"chat_id": "x"},
        }
        answer = web.post("/api/chat", json=body)
        assert "application/x-ndjson" == answer.headers["content-type"]
        assert all(line for line in answer.text.removesuffix("\n").split("\n"))
        refused = web.post("/api/chat", json={"model": "nobody:latest", "messages": HI})
        assert (404, str) == (refused.status_code, type(refused.json()["error"]))
