"""What the door takes for a body: whole, within bounds, in time, and with a model that somebody has."""

import asyncio
import json
import re
from typing import Any

import pytest
from entries import small_house
from running import run

from router.api import call


@pytest.mark.parametrize(
    ("model", "sent"),
    [("m", b'{"model":"m","x":1}'), ("llm/m", b'{"model":"m","x":1}'), ("llm/a/b", b'{"model":"a/b","x":1}')],
)
def test_the_body_goes_upstream_with_the_providers_name_for_the_model(model: str, sent: bytes) -> None:
    """Nothing else changes."""
    house = small_house()
    run(house.chat(json.dumps({"model": model, "x": 1}, separators=(",", ":")).encode()))
    assert sent == house.upstream("llm").sent[0].body


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
    house = small_house()
    answer = run(house.chat(body))
    error = answer.json["error"]
    assert (status, param, code) == (answer.status, error["param"], error["code"])
    assert {"message", "type", "param", "code"} == set(error)
    assert ("application/json", str(len(answer.body))) == (
        answer.get("content-type"),
        answer.get("content-length"),
    )
    assert ([], outcome) == (house.upstream("llm").sent, house.observer.finished[0].outcome)
    assert answer.get("x-router-error") in {"invalid_request", "not_found"}


@pytest.mark.parametrize(
    ("body", "length"),
    [(b"x" * 2000, None), ([b"x" * 600, b"x" * 600], None), (b"", b"99999999")],
    ids=["whole", "in pieces", "declared"],
)
def test_a_body_over_the_limit_is_a_413(body: bytes | list[bytes], length: bytes | None) -> None:
    """Also when it comes in pieces, and at once when its length says so."""
    house = small_house(settings={"server": {"max_body_mb": 1000 / 2**20}})
    headers = [(b"content-length", length)] if length else []
    answer = run(house.ask("POST", "/v1/chat/completions", body, headers))
    assert (413, "payload_too_large", "caller_too_large") == (
        answer.status,
        answer.get("x-router-error"),
        house.observer.finished[0].outcome,
    )


def test_a_body_in_pieces_is_put_together() -> None:
    """As a server delivers it."""
    house = small_house()
    run(house.ask("POST", "/v1/chat/completions", [b'{"mod', b"", b'el":"m"', b"}"]))
    assert b'{"model":"m"}' == house.upstream("llm").sent[0].body


def test_a_body_that_never_comes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow client must not hold a place for ever."""
    monkeypatch.setattr(call, "BODY_DEADLINE_S", 0.02)

    async def main() -> tuple[int, str]:
        house = small_house()
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
        house = small_house()

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
        return len(sent), house.upstream("llm").sent, house.observer.finished[0].outcome

    assert (0, [], "caller_gone") == run(main())


@pytest.mark.parametrize(
    "model", ["llm/a\r\nSet-Cookie: a=b", "llm/\x00", "llm/\x7f\x1b[31m", "llm/größe", "llm/" + "x" * 252]
)
def test_a_models_name_cannot_break_a_header(model: str) -> None:
    """Names are the client's; in X-Router-Model nothing may end the line or be a control character."""
    answer = run(small_house().chat(json.dumps({"model": model}).encode()))
    shown = answer.get("x-router-model")
    assert shown is not None
    assert (200, True) == (answer.status, len(shown) <= 1000)
    assert re.fullmatch(r"[ -~]*", shown)
