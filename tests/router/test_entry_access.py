"""Who may come in, how often and for what: keys, roles, limits, models, pages of other origins."""

from typing import Any

import pytest
from entries import BOSS, DESK, KEYS, small_house
from running import run

from router.api.admission import key_hash
from router.ports import Header


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/v1/audio/speech", "/v1/models", "/admin/providers", "/nowhere"]
)
def test_without_a_key_nothing_is_told(path: str) -> None:
    """Not even whether the route exists."""
    house = small_house(settings=KEYS)
    answer = run(house.ask("POST", path, b"{}"))
    assert (401, "unauthorized") == (answer.status, answer.get("x-router-error"))
    assert ("invalid_api_key", "caller_unauthorized") == (
        answer.json["error"]["code"],
        house.observer.finished[0].outcome,
    )


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
    answer = run(small_house(settings=KEYS, has_rest=True).ask("GET", path, headers=headers))
    if status == 403:
        assert answer.status in {403, 404}
    else:
        assert status == answer.status


LIMITED: dict[str, Any] = {
    "clients": {
        "desk": {"key_sha256": key_hash("lar-desk"), "requests_per_minute": 1, "models": ["m*", "speech"]},
        "boss": {"key_sha256": key_hash("lar-boss"), "role": "admin"},
    }
}


def test_over_its_limit_a_client_is_told_when_to_come_again() -> None:
    """429 with Retry-After; lists are free, and others are not affected."""

    async def main() -> list[tuple[int, str | None]]:
        house = small_house(settings=LIMITED, has_rest=True)
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
    house = small_house(settings=settings)
    house.report("llm", "m", "other")
    answer = run(house.ask("POST", path, body, [DESK]))
    assert status == answer.status
    if status == 403:
        assert ("forbidden", "caller_forbidden", []) == (
            answer.get("x-router-error"),
            house.observer.finished[0].outcome,
            house.upstream("llm").sent,
        )


PAGE: Header = (b"origin", b"https://chat.example")
CROSS = {**KEYS, "server": {"cors_origins": ["https://chat.example"]}}


def test_a_preflight_needs_no_key() -> None:
    """A browser sends none with it."""
    asked: list[Header] = [PAGE, (b"access-control-request-method", b"POST")]
    answer = run(small_house(settings=CROSS).ask("OPTIONS", "/v1/chat/completions", headers=asked))
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
        house = small_house(settings=CROSS, has_rest=True)
        stranger: list[Header] = [(b"origin", b"https://evil.example"), *headers[1:]]
        answers = [await house.ask(method, path, b'{"model":"m"}', h) for h in (headers, stranger)]
        return [(answer.status, answer.get("access-control-allow-origin")) for answer in answers]

    assert [(status, "https://chat.example"), (status, None)] == run(main())
