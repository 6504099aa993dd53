"""How ElevenLabs' clients are told of errors."""

import json

import pytest

from router.api.dialects import ELEVENLABS, OPENAI, dialect_of
from router.errors import (
    AllBusy,
    Forbidden,
    InvalidRequest,
    NotFound,
    NothingCanServe,
    PayloadTooLarge,
    RateLimited,
    RouterError,
    Unauthorized,
    Unprocessable,
)

NOBODY = NothingCanServe("speech", [])


@pytest.mark.parametrize(
    ("error", "kind", "code", "legacy"),
    [
        (Unauthorized("x", is_missing=True), "authentication_error", "missing_api_key", "needs_authorization"),
        (Unauthorized("x"), "authentication_error", "invalid_api_key", "invalid_api_key"),
        (Forbidden("x"), "authorization_error", "insufficient_permissions", "insufficient_permissions"),
        (
            Forbidden("x", code="model_not_allowed"),
            "authorization_error",
            "model_access_denied",
            "model_access_denied",
        ),
        (NotFound("x", code="voice_not_found"), "not_found", "voice_not_found", "voice_not_found"),
        (NotFound("x", code="model_not_found"), "not_found", "model_not_found", "model_not_found"),
        (NotFound("x", code="unknown_route"), "not_found", "not_found", "not_found"),
        (InvalidRequest("x", code="input_empty"), "validation_error", "empty_text", "empty_text"),
        (
            InvalidRequest("x", code="input_too_long"),
            "validation_error",
            "text_too_long",
            "max_character_limit_exceeded",
        ),
        (InvalidRequest("x", code="invalid_json"), "validation_error", "malformed_json", "malformed_json"),
        (InvalidRequest("x"), "validation_error", "invalid_parameters", "invalid_parameters"),
        (PayloadTooLarge("x"), "validation_error", "text_too_long", "max_character_limit_exceeded"),
        (RateLimited("x", retry_after_s=1), "rate_limit_error", "rate_limit_exceeded", "rate_limit_exceeded"),
        (
            AllBusy("speech", []),
            "rate_limit_error",
            "concurrent_limit_exceeded",
            "too_many_concurrent_requests",
        ),
        (NOBODY, "service_unavailable", "system_busy", "system_busy"),
        (RouterError("x"), "internal_error", "internal_error", "internal_error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_every_kind(error: RouterError, kind: str, code: str, legacy: str) -> None:
    """Type by status, code in its words, and what older clients read."""
    detail = json.loads(ELEVENLABS.body(error, "req-1"))["detail"]
    message = "A key is needed: send `xi-api-key: <key>`." if code == "missing_api_key" else error.message
    expected = {
        "type": kind,
        "code": code,
        "message": message,
        "status": legacy,
        "request_id": "req-1",
        "param": error.param,
    }
    assert expected == detail


def test_a_field_that_is_missing_is_a_list() -> None:
    """As FastAPI has it, upon which its SDK raises UnprocessableEntityError."""
    error = Unprocessable("Field required", where=("body", "text"), kind="missing")
    expected = {"detail": [{"type": "missing", "loc": ["body", "text"], "msg": "Field required", "input": None}]}
    assert expected == json.loads(ELEVENLABS.body(error, "req-1"))


def test_a_stream_ends_with_a_line() -> None:
    """Whatever the message."""
    line = ELEVENLABS.error_event(RouterError("one\n\ntwo"))
    assert line.endswith(b"}\n")
    assert 1 == line.count(b"\n")


@pytest.mark.parametrize(
    ("path", "fields", "is_theirs"),
    [
        ("/v1/text-to-speech/x", {}, True),
        ("/v1/voices", {}, True),
        ("/v1/voices/x/settings", {}, True),
        ("/v2/voices", {}, True),
        ("/v1/user/subscription", {}, True),
        ("/v1/models", {}, False),
        ("/v1/models", {b"xi-api-key": b""}, True),
        ("/v1/models", {b"x-fern-sdk-name": b"elevenlabs"}, True),
        ("/v1/models", {b"x-fern-sdk-name": b"cartesia"}, False),
        ("/v1/models/x", {b"xi-api-key": b"k"}, False),
        ("/v1/chat/completions", {b"xi-api-key": b"k"}, False),
    ],
)
def test_whose_path_it_is(path: str, fields: dict[bytes, bytes], is_theirs: bool) -> None:
    """Where OpenAI has the path as well, the key's header tells."""
    assert (ELEVENLABS if is_theirs else OPENAI) is dialect_of(path, fields)


def test_long_paths_are_not_remembered() -> None:
    """Anybody can send some."""
    path = "/v1/text-to-speech/" + "x" * 5000
    assert ELEVENLABS is dialect_of(path)
