"""Ollama's own API in front of a real LLM server that knows nothing of it, each a process of its own."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from llm.server import LlmServer, real_llm_server
from processes import Process, http, start_router

pytest_plugins = ["process_logs"]
ASKED = {"messages": [{"role": "user", "content": "Grüße, 世界 🎧"}], "options": {"num_predict": 20}}


@pytest.fixture(scope="module")
def llm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlmServer]:
    with real_llm_server(tmp_path_factory.mktemp("llm")) as server:
        yield server


@pytest.fixture(scope="module")
def router(llm: LlmServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    config = f'providers:\n  real: {{kind: openai, url: "{llm.base_url}"}}\n'
    with start_router(config, tmp_path_factory.mktemp("router")) as running:
        yield running


def _said(router: Process, model: str) -> str:
    """What the server writes when it is asked in OpenAI's words."""
    body = {"model": model, "messages": ASKED["messages"], "max_tokens": 20}
    answer = http.post(f"{router.base_url}/v1/chat/completions", json=body)
    said: str = answer.json()["choices"][0]["message"]["content"]
    return said


def test_a_chat_streamed_and_whole(router: Process, llm: LlmServer) -> None:
    """Its lines put together are the text that the server writes, characters of several bytes included."""
    expected = _said(router, llm.model)
    answer = http.post(f"{router.base_url}/api/chat", json={"model": llm.model, **ASKED})
    assert (200, "application/x-ndjson") == (answer.status_code, answer.headers["content-type"])
    lines: list[dict[str, Any]] = [json.loads(line) for line in answer.text.removesuffix("\n").split("\n")]
    assert expected == "".join(line["message"]["content"] for line in lines)
    assert [False] * (len(lines) - 1) + [True] == [line["done"] for line in lines]
    assert lines[-1]["done_reason"] in {"stop", "length"}
    assert lines[-1]["eval_duration"] > 0
    whole = http.post(f"{router.base_url}/api/chat", json={"model": llm.model, "stream": False, **ASKED})
    assert expected == whole.json()["message"]["content"]
    assert whole.json()["eval_count"] > 0


def test_a_prompt(router: Process, llm: LlmServer) -> None:
    """The same as a chat of one message."""
    asked = {"model": llm.model, "prompt": "Grüße, 世界 🎧", "options": {"num_predict": 20}, "stream": False}
    assert _said(router, llm.model) == http.post(f"{router.base_url}/api/generate", json=asked).json()["response"]


def test_its_model_is_listed(router: Process, llm: LlmServer) -> None:
    """With a tag, by which it can be asked for."""
    (name,) = [each["name"] for each in http.get(f"{router.base_url}/api/tags").json()["models"]]
    assert f"{llm.model}:latest" == name
    shown = http.post(f"{router.base_url}/api/show", json={"model": name})
    assert 200 == shown.status_code
    answer = http.post(f"{router.base_url}/api/chat", json={"model": name, "stream": False, **ASKED})
    assert (200, name) == (answer.status_code, answer.json()["model"])
