"""Lists, health, administration: everything behind the hot routes."""

from typing import Any

import pytest
from entries import BOSS, DESK
from fakes import FakeForward, FakeSpeech, chat_card, head, pcm, speech_card
from houses import Answer, FakeHouse
from running import run

from router import __version__
from router.api.admission import key_hash
from router.config import ConfigError, Fault
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
    expected = {"status": "ready", "chat": True, "speech": True, "transcription": False}
    assert (200, expected) == (answer.status, answer.json)


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


KEYS = {
    "clients": {
        "desk": {"key_sha256": key_hash("lar-desk"), "models": ["m*"]},
        "boss": {"key_sha256": key_hash("lar-boss"), "role": "admin"},
    }
}


def _small(**settings: Any) -> FakeHouse:
    made = FakeHouse(
        FakeForward(chat_card("a"), [head(), b"{}"]),
        FakeSpeech(speech_card("node"), lambda _: Utterance(pcm(1.0))),
        settings=settings,
        has_rest=True,
    )
    made.report("a", "m", "n")
    made.report("node", "espeak")
    return made


def test_a_drained_provider_gets_nothing_until_it_is_resumed() -> None:
    """The answer tells the state it is in now; a repetition changes nothing."""

    async def main() -> list[tuple[int, str, int]]:
        house, seen = _small(), []
        for verb in ("drain", "drain", "resume", "resume"):
            answer = await house.ask("POST", f"/admin/providers/a/{verb}")
            chat = await house.chat()
            seen.append((answer.status, answer.json["state"], chat.status))
        return seen

    assert [(200, "draining", 503)] * 2 + [(200, "up", 200)] * 2 == run(main())


def test_draining_the_router_is_not_ready_and_draining_a_modality_is() -> None:
    """A drained speech node leaves chat."""

    async def main() -> tuple[int, dict[str, object]]:
        house = _small()
        await house.ask("POST", "/admin/providers/node/drain")
        answer = await house.ask("GET", "/ready")
        return answer.status, answer.json

    assert (200, {"status": "ready", "chat": True, "speech": False, "transcription": False}) == run(main())


@pytest.mark.parametrize("verb", ["drain", "resume"])
def test_an_unknown_provider_cannot_be_drained(verb: str) -> None:
    """404, with those there are."""
    answer = run(_small().ask("POST", f"/admin/providers/nobody/{verb}"))
    assert (404, "provider_not_found") == (answer.status, answer.json["error"]["code"])
    assert "known: a, node" in answer.json["error"]["message"]


def test_a_reload_says_what_takes_a_restart() -> None:
    """Everything else counts from now on."""
    made = _small()
    made.reloading = ["server.port"]
    answer = run(made.ask("POST", "/admin/reload"))
    assert (200, {"status": "reloaded", "takes_a_restart": ["server.port"]}, 1) == (
        answer.status,
        answer.json,
        made.reloads,
    )


def test_a_bad_configuration_is_a_400_with_every_fault() -> None:
    """With file and line; the running one stays."""
    made = _small()
    made.reloading = ConfigError(
        [Fault(3, "server.sort", "unknown key", "f.yaml"), Fault(1, "x", "bad", "f.yaml")]
    )
    answer = run(made.ask("POST", "/admin/reload"))
    error = answer.json["error"]
    assert (400, "config", "bad_configuration") == (answer.status, error["param"], error["code"])
    assert [
        "The configuration was not reloaded; the running one stays.",
        "f.yaml:1: x: bad",
        "f.yaml:3: server.sort: unknown key",
    ] == error["message"].splitlines()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/admin/reload"),
        ("POST", "/admin/providers/a/drain"),
        ("POST", "/admin/providers/a/resume"),
        ("GET", "/admin/providers"),
        ("GET", "/admin/explain"),
    ],
)
def test_administration_is_for_administrators(method: str, path: str) -> None:
    """403 for a client, and nothing happens."""

    async def main() -> list[int]:
        house = _small(**KEYS)
        statuses = [(await house.ask(method, path, headers=[key])).status for key in (DESK, BOSS)]
        assert house.reloads == (path == "/admin/reload")
        return statuses

    assert [403, 200] == run(main())


def test_a_client_sees_the_models_it_may_use() -> None:
    """Others are not even named."""

    async def main() -> list[list[str]]:
        house = _small(**KEYS)
        lists = [(await house.ask("GET", "/v1/models", headers=[key])).json["data"] for key in (DESK, BOSS)]
        hidden = await house.ask("GET", "/v1/models/espeak", headers=[DESK])
        assert 404 == hidden.status
        return [[entry["id"] for entry in entries] for entries in lists]

    assert [["m"], ["m", "n", "espeak"]] == run(main())


def test_what_became_of_an_answer_is_told_to_nobody_else() -> None:
    """Not even to an administrator: ids can be guessed, they may be the client's own."""

    async def main() -> list[int]:
        house = _small(clients={**KEYS["clients"], "desk": {"key_sha256": key_hash("lar-desk")}})
        await house.say(b'{"input":"Hello."}', DESK, (b"x-request-id", b"id-1"))
        keys = (DESK, BOSS)
        return [(await house.ask("GET", "/v1/audio/speech/id-1", headers=[key])).status for key in keys]

    assert [200, 404] == run(main())


def test_a_head_is_answered_like_a_get_without_its_body(house: FakeHouse) -> None:
    """RFC 9110 §9.3.2; the server leaves the body out."""
    answers = [_get(house, "/health", method=method) for method in ("GET", "HEAD")]
    assert answers[0].status == answers[1].status == 200
    assert answers[0].get("content-length") == answers[1].get("content-length")
