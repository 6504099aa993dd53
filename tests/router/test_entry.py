"""The one door: every request is admitted, numbered, recorded and answered."""

import asyncio
import json
import re
from typing import Any

import pytest
from fakes import FakeForward, FakeSpeech, Step, chat_card, head, pcm, speech_card
from houses import FakeHouse
from running import run, until

from router import entry as entry_module
from router.api import call
from router.api.admission import key_hash
from router.domain import Utterance
from router.errors import ConnectionLost, DialRefused
from router.ports import Header

KEYS = {
    "clients": {
        "desk": {"key_sha256": key_hash("lar-desk")},
        "boss": {"key_sha256": key_hash("lar-boss"), "role": "admin"},
    }
}
DESK: Header = (b"authorization", b"Bearer lar-desk")
BOSS: Header = (b"authorization", b"Bearer lar-boss")
JSON: Header = (b"Content-Type", b"application/json")


def _house(*steps: Step, settings: dict[str, Any] | None = None, has_rest: bool = False) -> FakeHouse:
    script = list(steps) or [head(200, JSON, (b"Content-Length", b"2")), b"{}"]
    house = FakeHouse(
        FakeForward(chat_card("llm"), script),
        FakeSpeech(speech_card("node"), lambda _: Utterance(pcm(1.0), 0.25, "espeak", "en")),
        settings=settings,
        has_rest=has_rest,
    )
    house.report("llm", "m")
    house.report("node", "espeak")
    return house


def _llm(house: FakeHouse) -> FakeForward:
    provider = house.forwarder._providers["llm"]
    assert isinstance(provider, FakeForward)
    return provider


def test_only_listed_request_headers_go_upstream() -> None:
    """Keys and cookies are between the client and the router."""
    house = _house(settings=KEYS)
    listed: list[Header] = [
        (b"accept", b"text/event-stream"),
        (b"accept-encoding", b"gzip"),
        (b"anthropic-version", b"2023-06-01"),
        (b"content-type", b"application/json"),
        (b"openai-beta", b"x"),
        (b"traceparent", b"00-1-2-3"),
        (b"user-agent", b"test"),
    ]
    kept_back: list[Header] = [
        DESK,
        (b"x-api-key", b"lar-desk"),
        (b"xi-api-key", b"lar-desk"),
        (b"cookie", b"a=b"),
        (b"proxy-authorization", b"Basic x"),
        (b"x-forwarded-for", b"1.2.3.4"),
        (b"connection", b"close"),
        (b"transfer-encoding", b"chunked"),
        (b"content-length", b"13"),
        (b"expect", b"100-continue"),
        (b"x-stainless-os", b"Linux"),
        (b"origin", b"http://localhost"),
    ]
    assert 200 == run(house.chat(b'{"model":"m"}', *listed, *kept_back)).status
    added = [(b"Via", b"1.1 local-ai-router-0123abcd")]
    sent = [header for header in _llm(house).sent[0].headers if header[0] != b"X-Request-Id"]
    assert [*listed, *added] == sent


def test_the_mark_of_passing_is_added_to_marks_before() -> None:
    """RFC 9110 §7.6.3: Via grows, one list."""
    house = _house()
    run(house.chat(b'{"model":"m"}', (b"via", b"1.1 a"), (b"via", b"1.0 b, 1.1 c")))
    assert b"1.1 a, 1.0 b, 1.1 c, 1.1 local-ai-router-0123abcd" == _llm(house).sent[0].get("via")


def test_a_loop_is_a_508_and_goes_no_further() -> None:
    """Two routers that are each other's provider."""
    house = _house()
    answer = run(house.chat(b'{"model":"m"}', (b"via", b"1.1 local-ai-router-0123abcd")))
    assert (508, "loop_detected", []) == (answer.status, answer.get("x-router-error"), _llm(house).sent)
    assert "caller_loop" == house.observer.finished[0].outcome


@pytest.mark.parametrize(
    ("model", "sent"),
    [("m", b'{"model":"m","x":1}'), ("llm/m", b'{"model":"m","x":1}'), ("llm/a/b", b'{"model":"a/b","x":1}')],
)
def test_the_body_goes_upstream_with_the_providers_name_for_the_model(model: str, sent: bytes) -> None:
    """Nothing else changes."""
    house = _house()
    run(house.chat(json.dumps({"model": model, "x": 1}, separators=(",", ":")).encode()))
    assert sent == _llm(house).sent[0].body


def test_the_request_id_is_the_clients_or_a_new_one_everywhere() -> None:
    """In the answer, at the provider, in the record."""

    async def main() -> list[tuple[str | None, bytes | None, str]]:
        house = _house()
        first = await house.chat(b'{"model":"m"}', (b"x-request-id", b"mine-1"))
        second = await house.chat()
        sent, records = _llm(house).sent, house.observer.finished
        return [
            (answer.get("x-request-id"), sent[n].get("x-request-id"), records[n].request_id)
            for n, answer in enumerate((first, second))
        ]

    mine, made = run(main())
    assert ("mine-1", b"mine-1", "mine-1") == mine
    assert made[0] is not None
    assert re.fullmatch("req-[0-9a-f]{12}-[0-9a-f]+", made[0])
    assert (made[0], made[0].encode(), made[0]) == made


@pytest.mark.parametrize(
    ("body", "status", "param", "code", "outcome"),
    [
        (b"{", 400, None, "invalid_json", "caller_bad_request"),
        (b'{"model":5}', 400, "model", "wrong_type", "caller_bad_request"),
        (b'{"model":"m","model":"n"}', 400, "model", "duplicate_key", "caller_bad_request"),
        (b'{"messages":[]}', 400, "model", "model_required", "caller_bad_request"),
        (b'{"model":""}', 400, "model", "model_required", "caller_bad_request"),
        (b'{"model":"nn"}', 404, "model", "model_not_found", "caller_not_found"),
        (b'{"model":"espeak"}', 404, "model", "model_not_found", "caller_not_found"),
        (b'{"model":"node/espeak"}', 404, "model", "model_not_found", "caller_not_found"),
        (b'{"model":"llm/"}', 404, "model", "model_not_found", "caller_not_found"),
    ],
)
def test_bad_bodies_are_told_in_openais_shape(
    body: bytes, status: int, param: str | None, code: str, outcome: str
) -> None:
    """All four keys, the field named, nobody asked."""
    house = _house()
    answer = run(house.chat(body))
    error = answer.json["error"]
    assert (status, param, code) == (answer.status, error["param"], error["code"])
    assert {"message", "type", "param", "code"} == set(error)
    assert ("application/json", str(len(answer.body))) == (
        answer.get("content-type"),
        answer.get("content-length"),
    )
    assert ([], outcome) == (_llm(house).sent, house.observer.finished[0].outcome)
    assert answer.get("x-router-error") in {"invalid_request", "not_found"}


def test_anthropics_route_answers_errors_in_anthropics_shape() -> None:
    """`/v1/messages` is Anthropic's."""
    answer = run(_house().ask("POST", "/v1/messages", b'{"model":"nn"}'))
    assert (404, "error", "not_found_error") == (answer.status, answer.json["type"], answer.json["error"]["type"])


def test_anthropics_stream_ends_with_anthropics_error_event() -> None:
    """An event with a name."""
    house = _house(head(200, (b"Content-Type", b"text/event-stream")), b"data: 1\n\n", DialRefused("gone"))
    answer = run(house.ask("POST", "/v1/messages", b'{"model":"m"}'))
    assert b'event: error\ndata: {"type":"error","error":{"type":"api_error"' == answer.body[9:71]
    assert not answer.is_complete


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/messages"]
)
def test_every_hot_route_is_forwarded(path: str) -> None:
    """Each to its own path at the provider."""
    house = _house()
    answer = run(house.ask("POST", path, b'{"model":"m"}'))
    assert (200, path.rsplit("/", 1)[-1]) == (
        answer.status,
        house.observer.finished[0].endpoint.replace("chat", "completions"),
    )
    assert 1 == len(_llm(house).sent)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/audio/speech"])
def test_hot_routes_take_post_only(method: str, path: str) -> None:
    """405 with Allow (RFC 9110 §15.5.6)."""
    answer = run(_house().ask(method, path))
    assert (405, "POST", "method_not_allowed") == (
        answer.status,
        answer.get("allow"),
        answer.json["error"]["code"],
    )


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/v1/audio/speech", "/v1/models", "/admin/providers", "/nowhere"]
)
def test_without_a_key_nothing_is_told(path: str) -> None:
    """Not even whether the route exists."""
    house = _house(settings=KEYS)
    answer = run(house.ask("POST", path, b"{}"))
    assert (401, "unauthorized") == (answer.status, answer.get("x-router-error"))
    assert ("invalid_api_key", "caller_unauthorized") == (
        answer.json["error"]["code"],
        house.observer.finished[0].outcome,
    )


@pytest.mark.parametrize(
    ("body", "length"),
    [(b"x" * 2000, None), ([b"x" * 600, b"x" * 600], None), (b"", b"99999999")],
    ids=["whole", "in pieces", "declared"],
)
def test_a_body_over_the_limit_is_a_413(body: bytes | list[bytes], length: bytes | None) -> None:
    """Also when it comes in pieces, and at once when its length says so."""
    house = _house(settings={"server": {"max_body_mb": 1000 / 2**20}})
    headers = [(b"content-length", length)] if length else []
    answer = run(house.ask("POST", "/v1/chat/completions", body, headers))
    assert (413, "payload_too_large", "caller_too_large") == (
        answer.status,
        answer.get("x-router-error"),
        house.observer.finished[0].outcome,
    )


def test_a_body_in_pieces_is_put_together() -> None:
    """As a server delivers it."""
    house = _house()
    run(house.ask("POST", "/v1/chat/completions", [b'{"mod', b"", b'el":"m"', b"}"]))
    assert b'{"model":"m"}' == _llm(house).sent[0].body


def test_a_body_that_never_comes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow client must not hold a place for ever."""
    monkeypatch.setattr(call, "BODY_DEADLINE_S", 0.02)

    async def main() -> tuple[int, str]:
        house = _house()
        body = [b'{"mod', b""]

        async def ask() -> Any:
            return await house.ask("POST", "/v1/chat/completions", body, leaves=lambda _: False)

        real = call._read_body

        async def stuck(receive: Any, limit: int) -> bytes:
            await receive()
            await asyncio.Event().wait()
            return await real(receive, limit)

        monkeypatch.setattr(call, "_read_body", stuck)
        answer = await ask()
        return answer.status, answer.json["error"]["code"]

    assert (408, "request_timeout") == run(main())


def test_a_client_that_leaves_before_its_body_is_whole_is_nobodys_fault() -> None:
    """Nothing is answered, nothing is sent on."""

    async def main() -> tuple[int, list[Any], str]:
        house = _house()

        async def receive() -> dict[str, Any]:
            return {"type": "http.disconnect"}

        sent: list[Any] = []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/chat/completions",
            "headers": [(b"host", b"localhost")],
        }
        await house.entry(scope, receive, send)
        return len(sent), _llm(house).sent, house.observer.finished[0].outcome

    assert (0, [], "caller_gone") == run(main())


def test_a_failure_inside_the_router_is_a_500_without_a_trace(caplog: pytest.LogCaptureFixture) -> None:
    """The log has the trace and the client an id to ask for."""
    house = _house()

    async def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret detail")

    _llm(house).send = broken  # type: ignore[method-assign,assignment]
    answer = run(house.chat())
    assert (500, "internal", "internal_error") == (
        answer.status,
        answer.get("x-router-error"),
        answer.json["error"]["code"],
    )
    assert (False, "router_error", 0) == (
        b"secret" in answer.body,
        house.observer.finished[0].outcome,
        house.roster.standing("llm").in_flight,
    )
    assert ["ERROR"] == [entry.levelname for entry in caplog.records if entry.name == entry_module.__name__]


def test_every_request_is_told_once_at_start_and_end() -> None:
    """Whatever becomes of it."""

    async def main() -> FakeHouse:
        house = _house()
        await house.chat()
        await house.chat(b"{")
        await house.ask("GET", "/v1/chat/completions")
        await house.say()
        return house

    observer = run(main()).observer
    assert (observer.started, 4) == (observer.finished, len(observer.finished))
    assert ["chat", "chat", "chat", "speech"] == [record.endpoint for record in observer.finished]


@pytest.mark.parametrize(
    "model", ["llm/a\r\nSet-Cookie: a=b", "llm/\x00", "llm/\x7f\x1b[31m", "llm/größe", "llm/" + "x" * 100_000]
)
def test_a_models_name_cannot_break_a_header(model: str) -> None:
    """Names are the client's; in X-Router-Model nothing may end the line or be a control character."""
    answer = run(_house().chat(json.dumps({"model": model}).encode()))
    shown = answer.get("x-router-model")
    assert shown is not None
    assert (200, True) == (answer.status, len(shown) <= 1000)
    assert re.fullmatch(r"[ -~]*", shown)


def test_cancelling_the_request_closes_the_upstream() -> None:
    """The server shuts down: what is in flight is let go, nobody is blamed."""

    async def main() -> tuple[bool, str, int]:
        house = _house(asyncio.Event())
        task = asyncio.ensure_future(house.chat())
        await until(lambda: bool(_llm(house).exchanges))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        record = house.observer.finished[0]
        return _llm(house).exchanges[0].is_aborted, record.outcome, house.roster.standing("llm").in_flight

    assert (True, "caller_gone", 0) == run(main())


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/admin/providers", [BOSS], 200),
        ("/admin/providers", [DESK], 403),
        ("//admin/providers", [DESK], 403),
        ("/admin//providers", [DESK], 403),
        ("/admin/providers/", [DESK], 403),
        ("///admin/explain", [DESK], 403),
        ("/./admin/providers", [DESK], 404),
        ("/v1/models", [DESK], 200),
        ("/v1/models", [], 401),
        ("/health", [], 200),
    ],
)
def test_administration_needs_the_role_however_the_path_is_spelt(
    path: str, headers: list[Header], status: int
) -> None:
    """What the framework takes for /admin, the door must take for /admin."""
    answer = run(_house(settings=KEYS, has_rest=True).ask("GET", path, headers=headers))
    if status == 403:
        assert answer.status in {403, 404}
    else:
        assert status == answer.status


@pytest.mark.parametrize("path", ["/v1/chat/completions/", "//v1/chat/completions", "/v1/audio/speech/"])
def test_another_spelling_of_a_hot_route_is_no_failure(path: str) -> None:
    """Served or unknown, but never a 500 for it."""
    house = _house(has_rest=True)
    answer = run(
        house.ask(
            "POST", path, b'{"model":"m","messages":[],"input":"hi"}', [(b"content-type", b"application/json")]
        )
    )
    assert answer.status in {200, 404}


def test_other_scopes_go_to_the_framework() -> None:
    """Lifespan and websockets are not requests."""
    seen: list[str] = []

    async def main() -> None:
        house = _house()

        async def rest(scope: Any, *_: object) -> None:
            seen.append(scope["type"])

        house.entry._rest = rest
        await house.entry({"type": "lifespan"}, None, None)

    run(main())
    assert ["lifespan"] == seen


LIMITED: dict[str, Any] = {
    "clients": {
        "desk": {"key_sha256": key_hash("lar-desk"), "requests_per_minute": 1, "models": ["m*", "speech"]},
        "boss": {"key_sha256": key_hash("lar-boss"), "role": "admin"},
    }
}


def test_over_its_limit_a_client_is_told_when_to_come_again() -> None:
    """429 with Retry-After; lists are free, and others are not affected."""

    async def main() -> list[tuple[int, str | None]]:
        house = _house(settings=LIMITED, has_rest=True)
        answers = [
            await house.chat(b'{"model":"m"}', DESK),
            await house.chat(b'{"model":"m"}', DESK),
            await house.say(b'{"input":"Hello."}', DESK),
            await house.ask("GET", "/v1/models", headers=[DESK]),
            await house.chat(b'{"model":"m"}', BOSS),
        ]
        house.clock.advance(60)
        answers.append(await house.chat(b'{"model":"m"}', DESK))
        error = answers[1].json["error"]
        assert ("rate_limit_error", "rate_limit_exceeded") == (error["type"], error["code"])
        assert "caller_rate_limited" == house.observer.finished[1].outcome
        return [(answer.status, answer.get("retry-after")) for answer in answers]

    assert [(200, None), (429, "60"), (429, "60"), (200, None), (200, None), (200, None)] == run(main())


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/chat/completions", b'{"model":"m"}', 200),
        ("/v1/chat/completions", b'{"model":"llm/m"}', 403),
        ("/v1/messages", b'{"model":"other"}', 403),
        ("/v1/audio/speech", b'{"input":"Hello."}', 200),
        ("/v1/audio/speech", b'{"input":"Hello.","model":"tts-1"}', 200),
        ("/v1/audio/speech", b'{"input":"Hello.","model":"espeak"}', 403),
    ],
)
def test_a_client_uses_the_models_it_may(path: str, body: bytes, status: int) -> None:
    """By the name it asks for; the default for speech by its own name."""
    settings = {"clients": {"desk": {**LIMITED["clients"]["desk"], "requests_per_minute": None}}}
    house = _house(settings=settings)
    house.report("llm", "m", "other")
    answer = run(house.ask("POST", path, body, [DESK]))
    assert status == answer.status
    if status == 403:
        assert ("forbidden", "caller_forbidden", []) == (
            answer.get("x-router-error"),
            house.observer.finished[0].outcome,
            _llm(house).sent,
        )


PAGE: Header = (b"origin", b"https://chat.example")
CROSS = {**KEYS, "server": {"cors_origins": ["https://chat.example"]}}


def test_a_preflight_needs_no_key() -> None:
    """A browser sends none with it."""
    asked: list[Header] = [PAGE, (b"access-control-request-method", b"POST")]
    answer = run(_house(settings=CROSS).ask("OPTIONS", "/v1/chat/completions", headers=asked))
    assert (204, "https://chat.example", b"") == (
        answer.status,
        answer.get("access-control-allow-origin"),
        answer.body,
    )


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/v1/chat/completions", [PAGE, DESK], 200),
        ("POST", "/v1/chat/completions", [PAGE], 401),
        ("GET", "/v1/chat/completions", [PAGE, DESK], 405),
        ("GET", "/v1/models", [PAGE, DESK], 200),
        ("GET", "/nowhere", [PAGE, DESK], 404),
    ],
)
def test_a_page_may_read_every_answer(method: str, path: str, headers: list[Header], status: int) -> None:
    """Errors too, or it could not tell what is wrong; a stranger's page may read none."""

    async def main() -> list[tuple[int, str | None]]:
        house = _house(settings=CROSS, has_rest=True)
        stranger: list[Header] = [(b"origin", b"https://evil.example"), *headers[1:]]
        answers = [await house.ask(method, path, b'{"model":"m"}', h) for h in (headers, stranger)]
        return [(answer.status, answer.get("access-control-allow-origin")) for answer in answers]

    assert [(status, "https://chat.example"), (status, None)] == run(main())


def _responding(*provider: str, settings: dict[str, Any] | None = None) -> FakeHouse:
    """Providers that mint `resp_<name>`."""
    made = []
    for index, name in enumerate(provider):
        body = b'{"id":"resp_%b"}' % name.encode()
        steps: list[Step] = [head(200, JSON, (b"Content-Length", str(len(body)).encode())), body]
        made.append(FakeForward(chat_card(name, tier=index), steps))
    house = FakeHouse(*made, settings=settings)
    for name in provider:
        house.report(name, "m")
    return house


async def _respond(house: FakeHouse, *headers: Header, **fields: object) -> tuple[int, str | None]:
    answer = await house.ask("POST", "/v1/responses", json.dumps({"model": "m", **fields}).encode(), headers)
    code = answer.json["error"]["code"] if answer.status >= 400 else None
    return answer.status, code or answer.get("x-router-provider")


def test_a_conversation_goes_on_where_it_began() -> None:
    """Also when another provider is preferred by then."""

    async def main() -> list[tuple[int, str | None]]:
        house = _responding("a", "b")
        house.roster.drain("a")
        first = await _respond(house)
        house.roster.resume("a")
        return [first, await _respond(house), await _respond(house, previous_response_id="resp_b")]

    assert [(200, "b"), (200, "a"), (200, "b")] == run(main())


@pytest.mark.parametrize(
    ("fields", "is_once"), [({}, False), ({"store": True}, True), ({"background": True}, True)]
)
def test_what_may_not_be_repeated_goes_over_a_fresh_connection(fields: dict[str, object], is_once: bool) -> None:
    """On a reused one it could have to be sent again unanswered."""

    async def main() -> list[bool]:
        house = _responding("a")
        await _respond(house, **fields)
        provider = house.forwarder._providers["a"]
        assert isinstance(provider, FakeForward)
        return [sent.is_once for sent in provider.sent]

    assert [is_once] == run(main())


def test_a_conversation_whose_provider_is_away_is_not_begun_anew_elsewhere() -> None:
    """Nobody else remembers it."""

    async def main() -> tuple[tuple[int, str | None], list[Any]]:
        house = _responding("a", "b")
        await _respond(house)
        house.roster.drain("a")
        answer = await _respond(house, previous_response_id="resp_a")
        provider = house.forwarder._providers["b"]
        assert isinstance(provider, FakeForward)
        return answer, provider.sent

    assert ((503, "no_provider_available"), []) == run(main())


def test_a_response_that_nobody_minted_is_a_400() -> None:
    """And so is one of another client's."""

    async def main() -> list[tuple[int, str | None]]:
        house = _responding("a", settings=KEYS)
        await _respond(house, BOSS)
        return [
            await _respond(house, BOSS, previous_response_id="resp_x"),
            await _respond(house, DESK, previous_response_id="resp_a"),
            await _respond(house, BOSS, previous_response_id="resp_a"),
        ]

    missing = (400, "previous_response_not_found")
    assert [missing, missing, (200, "a")] == run(main())


def test_a_response_kept_by_a_provider_without_the_model_is_a_400() -> None:
    """It says where it is."""

    async def main() -> tuple[int, str | None]:
        house = _responding("a", "b")
        house.report("b", "m", "n")
        await _respond(house)
        return await _respond(house, model="n", previous_response_id="resp_a")

    assert (400, "response_elsewhere") == run(main())


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, (200, "b")),
        ({"store": False}, (200, "b")),
        ({"store": True}, (503, "no_provider_available")),
        ({"background": True}, (503, "no_provider_available")),
    ],
)
def test_what_a_provider_was_to_keep_is_not_repeated_elsewhere(
    fields: dict[str, object], expected: tuple[int, str]
) -> None:
    """It may be kept there already; a dial that failed may go on."""

    async def main() -> list[tuple[int, str | None]]:
        outcomes = []
        for fault in (ConnectionLost("reset"), DialRefused("refused")):
            house = _responding("a", "b")
            provider = house.forwarder._providers["a"]
            assert isinstance(provider, FakeForward)
            provider._scripts = [[fault]] if isinstance(fault, ConnectionLost) else [fault]
            outcomes.append(await _respond(house, **fields))
        return outcomes

    assert [expected, (200, "b")] == run(main())


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "/"),
        ("//", "/"),
        ("/a", "/a"),
        ("/a/", "/a"),
        ("//a///b//", "/a/b"),
        ("/./a", "/./a"),
        ("/%2fadmin", "/%2fadmin"),
        ("", ""),
    ],
)
def test_a_path_has_one_spelling(path: str, expected: str) -> None:
    """Before anybody decides by it."""
    assert expected == entry_module.plain_path(path)
