"""The one door: every request is numbered, recorded and answered, and goes where its path says."""

import asyncio
import re
from typing import Any

import pytest
from entries import DESK, KEYS, small_house
from fakes import head
from houses import FakeHouse
from running import run, until

from router import entry as entry_module
from router.errors import DialRefused
from router.ports import Header


def test_only_listed_request_headers_go_upstream() -> None:
    """Keys and cookies are between the client and the router."""
    house = small_house(settings=KEYS)
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
    sent = [header for header in house.upstream("llm").sent[0].headers if header[0] != b"X-Request-Id"]
    assert [*listed, *added] == sent


def test_the_mark_of_passing_is_added_to_marks_before() -> None:
    """RFC 9110 §7.6.3: Via grows, one list."""
    house = small_house()
    run(house.chat(b'{"model":"m"}', (b"via", b"1.1 a"), (b"via", b"1.0 b, 1.1 c")))
    assert b"1.1 a, 1.0 b, 1.1 c, 1.1 local-ai-router-0123abcd" == house.upstream("llm").sent[0].get("via")


def test_a_loop_is_a_508_and_goes_no_further() -> None:
    """Two routers that are each other's provider."""
    house = small_house()
    answer = run(house.chat(b'{"model":"m"}', (b"via", b"1.1 local-ai-router-0123abcd")))
    assert (508, "loop_detected", []) == (answer.status, answer.get("x-router-error"), house.upstream("llm").sent)
    assert "caller_loop" == house.observer.finished[0].outcome


def test_the_request_id_is_the_clients_or_a_new_one_everywhere() -> None:
    """In the answer, at the provider, in the record."""

    async def main() -> list[tuple[str | None, bytes | None, str]]:
        house = small_house()
        first = await house.chat(b'{"model":"m"}', (b"x-request-id", b"mine-1"))
        second = await house.chat()
        sent, records = house.upstream("llm").sent, house.observer.finished
        return [
            (answer.get("x-request-id"), sent[n].get("x-request-id"), records[n].request_id)
            for n, answer in enumerate((first, second))
        ]

    mine, made = run(main())
    assert ("mine-1", b"mine-1", "mine-1") == mine
    assert made[0] is not None
    assert re.fullmatch("req-[0-9a-f]{24}", made[0])
    assert (made[0], made[0].encode(), made[0]) == made


def test_anthropics_route_answers_errors_in_anthropics_shape() -> None:
    """`/v1/messages` is Anthropic's."""
    answer = run(small_house().ask("POST", "/v1/messages", b'{"model":"nn"}'))
    assert (404, "error", "not_found_error") == (answer.status, answer.json["type"], answer.json["error"]["type"])


def test_anthropics_stream_ends_with_anthropics_error_event() -> None:
    """An event with a name."""
    house = small_house(head(200, (b"Content-Type", b"text/event-stream")), b"data: 1\n\n", DialRefused("gone"))
    answer = run(house.ask("POST", "/v1/messages", b'{"model":"m"}'))
    assert b'event: error\ndata: {"type":"error","error":{"type":"api_error"' == answer.body[9:71]
    assert not answer.is_complete


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/messages"]
)
def test_every_hot_route_is_forwarded(path: str) -> None:
    """Each to its own path at the provider."""
    house = small_house()
    answer = run(house.ask("POST", path, b'{"model":"m"}'))
    assert (200, path.rsplit("/", 1)[-1]) == (
        answer.status,
        house.observer.finished[0].endpoint.replace("chat", "completions"),
    )
    assert 1 == len(house.upstream("llm").sent)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/audio/speech"])
def test_hot_routes_take_post_only(method: str, path: str) -> None:
    """405 with Allow (RFC 9110 §15.5.6)."""
    answer = run(small_house().ask(method, path))
    assert (405, "POST", "method_not_allowed") == (
        answer.status,
        answer.get("allow"),
        answer.json["error"]["code"],
    )


def test_a_failure_inside_the_router_is_a_500_without_a_trace(caplog: pytest.LogCaptureFixture) -> None:
    """The log has the trace and the client an id to ask for."""
    house = small_house()

    async def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret detail")

    house.upstream("llm").send = broken  # type: ignore[method-assign,assignment]
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
        house = small_house()
        await house.chat()
        await house.chat(b"{")
        await house.ask("GET", "/v1/chat/completions")
        await house.say()
        return house

    observer = run(main()).observer
    assert (observer.started, 4) == (observer.finished, len(observer.finished))
    assert ["chat", "chat", "chat", "speech"] == [record.endpoint for record in observer.finished]


def test_cancelling_the_request_closes_the_upstream() -> None:
    """The server shuts down: what is in flight is let go, nobody is blamed."""

    async def main() -> tuple[bool, str, int]:
        house = small_house(asyncio.Event())
        task = asyncio.ensure_future(house.chat())
        llm = house.upstream("llm")
        await until(lambda: bool(llm.exchanges))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        record = house.observer.finished[0]
        return llm.exchanges[0].is_aborted, record.outcome, house.roster.standing("llm").in_flight

    assert (True, "caller_gone", 0) == run(main())


@pytest.mark.parametrize("path", ["/v1/chat/completions/", "//v1/chat/completions", "/v1/audio/speech/"])
def test_another_spelling_of_a_hot_route_is_no_failure(path: str) -> None:
    """Served or unknown, but never a 500 for it."""
    house = small_house(has_rest=True)
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
        house = small_house()

        async def rest(scope: Any, *_: object) -> None:
            seen.append(scope["type"])

        house.entry._rest = rest
        await house.entry({"type": "lifespan"}, None, None)

    run(main())
    assert ["lifespan"] == seen


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
