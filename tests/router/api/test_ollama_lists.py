"""Ollama's lists: which models there are, what they can do, which are loaded."""

import json
from datetime import datetime
from typing import Any

import pytest
from fakes import FakeForward, chat_card
from houses import Answer, FakeHouse
from running import run

from router.api.admission import key_hash
from router.domain import Model, Traits
from router.health import ProviderSign

LLAMA = Traits(
    ("completion", "tools", "vision"),
    2_000,
    "abc",
    "2025-05-04T17:37:44.706015396-07:00",
    "llama",
    "3.2B",
    "Q4_K_M",
    131072,
)
MODELS = (
    Model("llama3.2:latest", "up", traits=LLAMA, loaded_until="2026-11-22T05:00:00Z"),
    Model("nomic:latest", "cold", traits=Traits(("embedding",))),
)
CLIENTS = {"clients": {"ha": {"key_sha256": key_hash("lar-ha"), "models": ["qwen"]}}}


def house(**settings: Any) -> FakeHouse:
    made = FakeHouse(
        FakeForward(chat_card("o"), []), FakeForward(chat_card("l"), []), settings=settings, has_rest=True
    )
    made.sign("o", ProviderSign.READY, models=MODELS, tells_models=True)
    made.report("l", "qwen", "text-embedder")
    return made


def ask(at: FakeHouse, method: str, path: str, body: Any = None, *headers: Any) -> Answer:
    return run(at.ask(method, path, b"" if body is None else json.dumps(body).encode(), headers))


def test_the_list_has_every_model_once_with_its_tag() -> None:
    """Whichever server it is on; where nothing is told of it, there is something sane."""
    told = ask(house(), "GET", "/api/tags").json["models"]
    assert ["llama3.2:latest", "nomic:latest", "qwen:latest", "text-embedder:latest"] == [
        each["name"] for each in told
    ]
    assert all(each["name"] == each["model"] for each in told)
    llama, nomic, qwen, embedder = told
    assert ("abc", 2_000, LLAMA.modified_at) == (llama["digest"], llama["size"], llama["modified_at"])
    assert {"family": "llama", "parameter_size": "3.2B", "quantization_level": "Q4_K_M"}.items() <= llama[
        "details"
    ].items()
    assert [["completion", "tools", "vision"], ["embedding"], ["completion", "tools"], ["embedding"]] == [
        each["capabilities"] for each in (llama, nomic, qwen, embedder)
    ]
    assert 64 == len(qwen["digest"])
    assert datetime.fromisoformat(qwen["modified_at"]).tzinfo is not None


def test_a_client_sees_what_it_may_use() -> None:
    """Nothing else, by name neither."""
    at = house(**CLIENTS)
    key = (b"authorization", b"Bearer lar-ha")
    assert ["qwen:latest"] == [each["name"] for each in ask(at, "GET", "/api/tags", None, key).json["models"]]
    assert [] == ask(at, "GET", "/api/ps", None, key).json["models"]
    for path in ("/api/show", "/api/pull"):
        answer = ask(at, "POST", path, {"model": "llama3.2"}, key)
        assert (403, ["error"]) == (answer.status, list(answer.json))
    answer = ask(at, "GET", "/api/tags")
    assert (401, ["error"]) == (answer.status, list(answer.json))


def test_what_is_loaded() -> None:
    """As far as servers tell."""
    (told,) = ask(house(), "GET", "/api/ps").json["models"]
    assert ("llama3.2:latest", "2026-11-22T05:00:00Z", 131072) == (
        told["name"],
        told["expires_at"],
        told["context_length"],
    )


@pytest.mark.parametrize("path", ["/api/tags", "/api/version"])
def test_heads(path: str) -> None:
    """Some clients only want to know whether somebody is there."""
    assert 200 == ask(house(), "HEAD", path).status


def test_the_version_is_one_that_clients_accept() -> None:
    """Numbers with dots."""
    assert all(part.isdigit() for part in ask(house(), "GET", "/api/version").json["version"].split("."))


@pytest.mark.parametrize("body", [{"model": "llama3.2"}, {"name": "llama3.2:latest"}, {"model": "o/llama3.2"}])
def test_what_a_model_is(body: dict[str, str]) -> None:
    """What it can do, and how much it reads at once."""
    told = ask(house(), "POST", "/api/show", body).json
    assert ["completion", "tools", "vision"] == told["capabilities"]
    assert 131072 == told["model_info"]["llama.context_length"]
    assert {"details", "modelfile", "parameters", "template", "modified_at"} <= set(told)


def test_what_an_unknown_model_is() -> None:
    """Told with close matches, in Ollama's shape."""
    answer = ask(house(), "POST", "/api/show", {"model": "qwem"})
    assert (404, True) == (answer.status, "Did you mean qwen" in answer.json["error"])


@pytest.mark.parametrize("body", [[], {}, {"model": 3}])
@pytest.mark.parametrize("path", ["/api/show", "/api/pull"])
def test_bad_bodies(path: str, body: Any) -> None:
    """A 400 in Ollama's shape."""
    answer = ask(house(), "POST", path, body)
    assert (400, ["error"]) == (answer.status, list(answer.json))


def test_a_model_that_is_here_need_not_be_pulled() -> None:
    """Success, as a line or as a document."""
    answer = ask(house(), "POST", "/api/pull", {"model": "qwen"})
    assert {"status": "success"} == json.loads(answer.body.splitlines()[-1])
    assert "application/x-ndjson" == answer.get("content-type")
    assert {"status": "success"} == ask(house(), "POST", "/api/pull", {"model": "qwen", "stream": False}).json


def test_others_are_pulled_elsewhere() -> None:
    """Where they are to run."""
    answer = ask(house(), "POST", "/api/pull", {"model": "gemma3", "stream": False})
    assert (404, True) == (answer.status, "ollama pull" in answer.json["error"])


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/api/create"), ("DELETE", "/api/delete"), ("GET", "/api/x")]
)
def test_what_is_not_there(method: str, path: str) -> None:
    """Told in Ollama's shape."""
    answer = ask(house(), method, path)
    assert (404, ["error"]) == (answer.status, list(answer.json))
