"""The fake of Ollama, held to by Ollama's own SDK: what the SDK sends is understood, what it gets is what it
expects, and its errors are the SDK's own."""

from collections.abc import Iterator
from typing import Any

import ollama
import pytest
from processes import Process, http, start_vendor

HI = [{"role": "user", "content": "Is the kettle on?"}]
SAID = "The kettle is on."


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with start_vendor("ollama", tmp_path_factory.mktemp("fake")) as process:
        yield process


@pytest.fixture
def client(fake: Process) -> Iterator[ollama.Client]:
    with ollama.Client(host=fake.base_url) as sdk:
        yield sdk


@pytest.mark.checks(fake="ollama", client="ollama", what="chats, whole and streamed, with counts and durations")
def test_chat(client: ollama.Client) -> None:
    """Word for word."""
    whole = client.chat("llama3.2", HI)
    assert (SAID, "stop", 11) == (whole.message.content, whole.done_reason, whole.prompt_eval_count)
    pieces = list(client.chat("llama3.2", HI, stream=True))
    assert SAID == "".join(each.message.content or "" for each in pieces)
    assert (True, 5) == (pieces[-1].done, pieces[-1].eval_count)


@pytest.mark.checks(fake="ollama", client="ollama", what="tools and thoughts")
def test_tools_and_thoughts(client: ollama.Client) -> None:
    """A tool's arguments are an object."""
    tool: Any = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    calls = client.chat("llama3.2", HI, tools=[tool]).message.tool_calls
    assert calls is not None
    assert ("weather", {"city": "Tokyo"}) == (calls[0].function.name, calls[0].function.arguments)
    assert "Hm." == client.chat("qwen3:4b", HI, think=True).message.thinking


@pytest.mark.checks(fake="ollama", client="ollama", what="generate, embed and embeddings")
def test_generate_and_embed(client: ollama.Client) -> None:
    """One text or several."""
    assert SAID == client.generate("llama3.2", "Is the kettle on?").response
    assert 2 == len(client.embed("nomic-embed-text", ["a", "b"]).embeddings)
    assert 5 == len(client.embeddings("nomic-embed-text", "a").embedding)


@pytest.mark.checks(fake="ollama", client="ollama", what="the model list, what is loaded and until when, show")
def test_lists(client: ollama.Client) -> None:
    """Names carry their tag; the SDK reads the dates."""
    listed = client.list().models
    assert "llama3.2:latest" in [each.model for each in listed]
    assert all(each.modified_at is not None for each in listed)
    client.chat("llama3.2", HI, keep_alive=-1)
    (running,) = [each for each in client.ps().models if each.model == "llama3.2:latest"]
    assert running.expires_at is not None
    assert "tools" in (client.show("llama3.2").capabilities or [])


@pytest.mark.checks(fake="ollama", client="ollama", what="loading and unloading by an empty chat")
def test_loading(client: ollama.Client) -> None:
    """Without a word being said."""
    assert "load" == client.chat("llama3.2", []).done_reason
    assert "unload" == client.chat("llama3.2", [], keep_alive=0).done_reason
    assert "llama3.2:latest" not in [each.model for each in client.ps().models]


@pytest.mark.checks(
    fake="ollama", client="ollama", what="its errors: no such model, busy, in the middle of a stream"
)
def test_errors(fake: Process, client: ollama.Client) -> None:
    """With the statuses that the SDK tells."""
    with pytest.raises(ollama.ResponseError) as caught:
        client.chat("nobody", HI)
    assert 404 == caught.value.status_code
    with pytest.raises(ollama.ResponseError) as caught:
        client.chat("llama3.2", HI, keep_alive="300")
    assert 400 == caught.value.status_code
    assert 200 == http.put(f"{fake.base_url}/_mode", content="unavailable").status_code
    with pytest.raises(ollama.ResponseError) as caught:
        client.chat("llama3.2", HI)
    assert 503 == caught.value.status_code
    assert 200 == http.put(f"{fake.base_url}/_mode", content="well").status_code
    pieces = client.chat("llama3.2", [{"role": "user", "content": "die"}], stream=True)
    assert ["The", " kettle"] == [next(pieces).message.content, next(pieces).message.content]
    with pytest.raises(ollama.ResponseError):
        next(pieces)
