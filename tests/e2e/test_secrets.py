"""What is between the client and the router, or between the router and a provider, stays there.

A recording server stands behind the router; everything that reached it, the client and the log is searched.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest
from processes import Process, http, start_router, start_upstream, wait_until

pytest_plugins = ["process_logs"]

SPEECH, CHAT, MESSAGES = "/v1/audio/speech", "/v1/chat/completions", "/v1/messages"
CLIENT_KEY: Final = "client-key-9f2c4a7e1b"
WRONG_KEY: Final = "wrong-key-5d8e0c3f6a"
PROVIDER_KEY: Final = "provider-key-7b1d9e4c2f"
CLIENT_COOKIE: Final = "session=client-cookie-3e6f8a0b"
UPSTREAM_COOKIE: Final = "upstream-cookie-0a9b8c7d"
ASKED: Final = "The confidential question about the garden gnome."
REPLIED: Final = "word0"
NEVER_UPSTREAM: Final = {"x-api-key", "xi-api-key", "cookie", "proxy-authorization", "x-forwarded-for"}
SCRIPT: Final[dict[str, Any]] = {
    "model": "m",
    "messages": [{"role": "user", "content": ASKED}],
    "x_headers": {"Set-Cookie": f"id={UPSTREAM_COOKIE}; Path=/", "X-Their-Own": "kept"},
}
SPEECH_SCRIPT: Final = {"input": ASKED, "x_headers": SCRIPT["x_headers"]}


@dataclass(frozen=True, slots=True)
class House:
    """The router, and the server behind it that remembers what it was sent."""

    router: Process
    upstream: Process

    def post(self, path: str, document: object, headers: dict[str, str] | None = None) -> httpx.Response:
        """As a client that sends its key in every way there is, and a cookie."""
        own = {
            "Authorization": f"Bearer {CLIENT_KEY}",
            "x-api-key": CLIENT_KEY,
            "xi-api-key": CLIENT_KEY,
            "Cookie": CLIENT_COOKIE,
            "Proxy-Authorization": f"Basic {CLIENT_KEY}",
            "X-Custom": CLIENT_KEY,
        }
        url = self.router.base_url + path
        return http.post(url, json=document, headers=own if headers is None else headers)

    def seen_upstream(self) -> list[dict[str, Any]]:
        exchanges: list[dict[str, Any]] = self.upstream.get("/_exchanges").json()
        return exchanges


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A router with one client and one provider, each with a key, that logs all it ever logs."""
    folder = tmp_path_factory.mktemp("secrets")
    with start_upstream(folder, "m") as upstream:
        config = f"""\
server: {{log_level: debug, log_format: json}}
providers:
  theirs:
    {{kind: openai, url: "{upstream.base_url}", api_key: "${{THEIR_KEY}}", serves: [chat, speech]}}
clients:
  kitchen: {{key_sha256: {hashlib.sha256(CLIENT_KEY.encode()).hexdigest()}}}
"""
        with start_router(config, folder, env={"THEIR_KEY": PROVIDER_KEY}) as router:
            yield House(router, upstream)


ASKS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "chat": (CHAT, SCRIPT),
    "chat, streamed": (CHAT, SCRIPT | {"stream": True}),
    "messages": (MESSAGES, SCRIPT),
    "embeddings": ("/v1/embeddings", SCRIPT | {"input": ASKED}),
    "speech": (SPEECH, SPEECH_SCRIPT),
    "speech, events": (SPEECH, SPEECH_SCRIPT | {"stream_format": "sse"}),
}
FAILING: Final[dict[str, tuple[str, dict[str, Any], int]]] = {
    # A model each: three failures in a row of one would open its circuit.
    f"{name}, status {status}": (path, script | {"x_status": status, "model": f"theirs/{name}-{status}"}, seen)
    for name, (path, script) in {
        "chat": ASKS["chat"],
        "messages": ASKS["messages"],
        "speech": ASKS["speech"],
    }.items()
    for status, seen in {401: 503, 403: 503, 429: 429, 500: 503}.items()
}


def everything_in(answer: httpx.Response) -> str:
    """All that a client can see of an answer."""
    return f"{answer.headers.raw!r} {answer.content!r}"


@pytest.mark.parametrize("ask", ASKS)
def test_clients_secrets_do_not_reach_the_provider(house: House, ask: str) -> None:
    """The provider sees its own key alone: none of the client's, no cookie, nothing that is not on the list."""
    path, document = ASKS[ask]
    assert house.post(path, document).status_code == 200
    exchange = house.seen_upstream()[-1]
    headers = exchange["headers"]
    assert [value for name, value in headers if name == "authorization"] == [f"Bearer {PROVIDER_KEY}"]
    assert {name for name, _ in headers} & NEVER_UPSTREAM == set()
    assert CLIENT_KEY not in json.dumps(exchange)
    assert CLIENT_COOKIE not in json.dumps(exchange)


@pytest.mark.parametrize("ask", ASKS)
def test_providers_secrets_do_not_reach_the_client(house: House, ask: str) -> None:
    """Neither its key nor its cookies; its other headers do, where bytes are passed on."""
    path, document = ASKS[ask]
    answer = house.post(path, document)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert UPSTREAM_COOKIE not in everything_in(answer)
    assert PROVIDER_KEY not in everything_in(answer)
    assert answer.headers.get("x-their-own") == (None if path == SPEECH else "kept")


@pytest.mark.parametrize("ask", FAILING)
def test_error_of_the_provider_does_not_tell_its_key(house: House, ask: str) -> None:
    """Servers repeat the key they refuse in their message; what the client gets of it is without the key."""
    path, document, status = FAILING[ask]
    answer = house.post(path, document)
    assert answer.status_code == status
    assert PROVIDER_KEY not in everything_in(answer)
    assert "set-cookie" not in answer.headers


def test_cookie_of_one_answer_is_not_sent_with_the_next_request(house: House) -> None:
    """The router keeps no cookie jar: what one answer set is on nobody's request."""
    for _ in range(3):
        house.post(CHAT, SCRIPT)
    sent = [json.dumps(exchange["headers"]) for exchange in house.seen_upstream()]
    assert [headers for headers in sent if UPSTREAM_COOKIE in headers or "cookie" in headers] == []


def test_log_tells_nothing_that_was_said_and_no_key(house: House) -> None:
    """After good, bad and refused requests the log is JSON lines without text, keys or cookies."""
    for path, document in ASKS.values():
        assert house.post(path, document).status_code == 200
        assert house.post(path, document, {"Authorization": f"Bearer {WRONG_KEY}"}).status_code == 401
        assert house.post(f"{path}?key={WRONG_KEY}", document, {"xi-api-key": WRONG_KEY}).status_code == 401
    for path, document, status in FAILING.values():
        assert house.post(path, document).status_code == status
    bad: list[tuple[str, object]] = [
        (CHAT, [ASKED]),
        (CHAT, {"model": 1, "messages": ASKED}),
        (SPEECH, {"input": ASKED, "speed": 99}),
        (SPEECH, {"input": [ASKED]}),
        (SPEECH, {"input": ASKED, "voice": {"name": ASKED}}),
    ]
    for path, bad_document in bad:
        assert house.post(path, bad_document).status_code == 400
    last = house.post(CHAT, SCRIPT).headers["x-request-id"]
    log = wait_until("the last log line", lambda: house.router.output if last in house.router.output else "")
    for secret in (CLIENT_KEY, WRONG_KEY, PROVIDER_KEY, CLIENT_COOKIE, UPSTREAM_COOKIE, ASKED, REPLIED):
        assert secret not in log
    assert "gnome" not in log
    *_, after_greeting = log.split("curl -fsSN")
    lines = [json.loads(line) for line in after_greeting.splitlines()[1:] if line]
    assert len(lines) > 40
    assert all({"time", "level", "logger", "event"} <= set(line) for line in lines)
    assert {line["client"] for line in lines if line["event"] == "request"} >= {"kitchen"}


def test_settings_do_not_tell_keys(house: House) -> None:
    """What an admin, a metrics scraper or a curious client can read has no key in it."""
    for path in ("/metrics", "/ready", "/health", "/v1/models", "/admin/providers", "/admin/explain", "/schema"):
        answer = http.get(house.router.base_url + path, headers={"Authorization": f"Bearer {CLIENT_KEY}"})
        for secret in (CLIENT_KEY, PROVIDER_KEY, hashlib.sha256(CLIENT_KEY.encode()).hexdigest()):
            assert secret not in everything_in(answer)
