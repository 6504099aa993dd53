"""Lists, health, administration: everything behind the hot routes."""

import pytest
from fakes import FakeForward, FakeSpeech, chat_card, head, pcm, speech_card
from houses import Answer, FakeHouse
from running import run

from router import __version__
from router.domain import Utterance
from router.health import ProviderSign
from router.ports import Header

POST_JSON: list[Header] = [(b"content-type", b"application/json")]


@pytest.fixture(scope="module")
def house() -> FakeHouse:
    """Two chat servers, one of them down, and a node."""
    made = FakeHouse(
        FakeForward(chat_card("a", tier=1), [head(), b"{}"]),
        FakeForward(chat_card("b", tier=2), [head(), b"{}"]),
        FakeSpeech(speech_card("node"), lambda _: Utterance(pcm(1.0))),
        settings={"voices": {"narrator": {"use": {"node": "fable"}, "language": "en", "gender": "male"}}},
        has_rest=True,
    )
    made.report("a", "m", "org/n")
    made.report("b", "m")
    made.report("node", "espeak", voices=["fable"])
    made.sign("a", ProviderSign.FAULT, "refused")
    return made


def _get(house: FakeHouse, path: str, query: str = "", method: str = "GET") -> Answer:
    return run(house.ask(method, path, query=query))


def test_health_says_that_the_process_lives(house: FakeHouse) -> None:
    """Whatever becomes of the providers."""
    answer = _get(house, "/health")
    assert (200, {"status": "healthy", "version": __version__}) == (answer.status, answer.json)


def test_ready_says_what_can_be_served(house: FakeHouse) -> None:
    """Chat by b, speech by the node."""
    answer = _get(house, "/ready")
    assert (200, {"status": "ready", "chat": True, "speech": True}) == (answer.status, answer.json)


@pytest.mark.parametrize("is_draining", [True, False])
def test_not_ready_is_a_503(is_draining: bool) -> None:
    """Nobody is there, or the router is going."""
    made = FakeHouse(FakeForward(chat_card("a"), [head()]), has_rest=True)
    made.is_draining = is_draining
    if not is_draining:
        made.sign("a", ProviderSign.FAULT, "refused")
    answer = _get(made, "/ready")
    assert (503, "draining" if is_draining else "nothing can be served") == (answer.status, answer.json["status"])


def test_models_are_listed_once_with_their_state(house: FakeHouse) -> None:
    """The best of their providers'."""
    answer = _get(house, "/v1/models")
    assert "list" == answer.json["object"]
    shown = {entry["id"]: (entry["state"], entry["providers"], entry["modality"]) for entry in answer.json["data"]}
    assert {
        "m": ("up", ["a", "b"], "chat"),
        "org/n": ("down", ["a"], "chat"),
        "espeak": ("up", ["node"], "speech"),
    } == shown
    assert {"object", "created", "owned_by"} <= set(answer.json["data"][0])


@pytest.mark.parametrize(
    ("path", "status"), [("/v1/models/m", 200), ("/v1/models/org/n", 200), ("/v1/models/x", 404)]
)
def test_one_model(house: FakeHouse, path: str, status: int) -> None:
    """Names may have slashes."""
    answer = _get(house, path)
    assert status == answer.status
    if status == 200:
        assert path.removeprefix("/v1/models/") == answer.json["id"]
    else:
        assert "model_not_found" == answer.json["error"]["code"]


@pytest.mark.parametrize("prefix", ["/v1", ""])
def test_voices_and_speech_models_are_objects(house: FakeHouse, prefix: str) -> None:
    """Open WebUI asks without /v1 too."""
    voices = _get(house, f"{prefix}/audio/voices").json
    models = _get(house, f"{prefix}/audio/models").json
    assert [
        {"id": "narrator", "name": "narrator", "language": "en", "gender": "male", "providers": ["node"]},
        {"id": "fable", "name": "fable", "language": None, "gender": None, "providers": ["node"]},
    ] == voices["voices"]
    assert ["espeak", "tts-1", "tts-1-hd", "gpt-4o-mini-tts"] == [entry["id"] for entry in models["models"]]


def test_administration_lists_every_provider(house: FakeHouse) -> None:
    """With its state, its machine's, and why."""
    entries = {entry["id"]: entry for entry in _get(house, "/admin/providers").json["providers"]}
    assert {
        "id": "a",
        "kind": "openai",
        "host": "a-host",
        "host_state": "reachable",
        "state": "down",
        "detail": "refused",
        "tier": 1,
        "serves": ["chat"],
        "in_flight": 0,
        "models": ["m", "org/n"],
        "discovered": False,
    } == entries["a"]
    assert {"a", "b", "node"} == set(entries)


def test_explain_is_a_dry_run(house: FakeHouse) -> None:
    """Each candidate with its reason."""
    answer = _get(house, "/admin/explain", "model=m")
    assert [
        ("b", True, "tier 2, up"),
        ("a", False, "down (refused)"),
    ] == [(c["provider"], c["eligible"], c["reason"]) for c in answer.json["candidates"]]


@pytest.mark.parametrize(
    ("method", "path", "query", "status", "code"),
    [
        ("GET", "/nowhere", "", 404, "unknown_route"),
        ("GET", "/v1/nowhere", "", 404, "unknown_route"),
        ("POST", "/v1/models", "", 405, "method_not_allowed"),
        ("GET", "/admin/explain", "model=nobody", 404, "model_not_found"),
        ("GET", "/admin/explain", "model=m&voice=nobody", 404, "model_not_found"),
        ("GET", "/v1/audio/speech/none", "", 404, "answer_not_found"),
    ],
)
def test_errors_have_openais_shape(
    house: FakeHouse, method: str, path: str, query: str, status: int, code: str
) -> None:
    """All four keys, and the reason in a header."""
    answer = _get(house, path, query, method)
    assert (status, code) == (answer.status, answer.json["error"]["code"])
    assert {"message", "type", "param", "code"} == set(answer.json["error"])
    assert answer.get("x-router-error") in {"not_found", "method_not_allowed"}


def test_a_wrong_method_names_the_right_one(house: FakeHouse) -> None:
    """RFC 9110 §15.5.6."""
    allow = _get(house, "/v1/models", method="POST").get("allow")
    assert allow is not None
    assert "GET" in allow


@pytest.mark.parametrize(
    ("path", "outcome"),
    [("/health", "ok"), ("/nowhere", "caller_not_found")],
)
def test_lists_are_recorded_too(house: FakeHouse, path: str, outcome: str) -> None:
    """Under one endpoint label, with their id."""
    answer = _get(house, path)
    record = house.observer.finished[-1]
    assert ("other", outcome, answer.status, answer.get("x-request-id")) == (
        record.endpoint,
        record.outcome,
        record.status,
        record.request_id,
    )


def test_the_openapi_document_has_every_route(house: FakeHouse) -> None:
    """The hot ones as well, though the framework never sees them."""
    paths = _get(house, "/schema/openapi.json").json["paths"]
    expected = {
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/embeddings",
        "/v1/responses",
        "/v1/messages",
        "/v1/audio/speech",
        "/v1/models",
        "/health",
        "/ready",
        "/metrics",
    }
    assert expected <= set(paths)


def test_metrics_are_prometheus_text(house: FakeHouse) -> None:
    """With the content type a scraper wants."""
    answer = _get(house, "/metrics")
    content_type = answer.get("content-type")
    assert content_type is not None
    assert (200, "text/plain") == (answer.status, content_type.partition(";")[0])


def test_the_front_page_may_not_be_framed(house: FakeHouse) -> None:
    """It runs its own script and asks its own origin."""
    answer = _get(house, "/")
    policy = answer.get("content-security-policy")
    assert policy is not None
    assert (200, True, True) == (
        answer.status,
        "frame-ancestors 'none'" in policy,
        b"<html" in answer.body.lower(),
    )
