"""How errors look to each family of clients."""

import json

import pytest

from router.api.dialects import ANTHROPIC, OPENAI, VOICE_AGENT, Dialect, dialect_of
from router.errors import (
    Forbidden,
    InvalidRequest,
    NothingCanServe,
    PayloadTooLarge,
    Refusal,
    RouterError,
    Unauthorized,
)

ERROR = InvalidRequest("No.", param="model", code="wrong_type")


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/v1/chat/completions", OPENAI),
        ("/v1/messages", ANTHROPIC),
        ("/v1/messages/count_tokens", ANTHROPIC),
        ("/api/v1/tts", VOICE_AGENT),
        ("/api/v1/voices", VOICE_AGENT),
        ("/anything", OPENAI),
    ],
)
def test_dialect_of(path: str, dialect: Dialect) -> None:
    """The path decides."""
    assert dialect is dialect_of(path)


def test_openai_has_all_four_keys_always() -> None:
    """Clients read them without asking whether they are there."""
    expected = {
        "error": {"message": "No.", "type": "invalid_request_error", "param": "model", "code": "wrong_type"}
    }
    assert expected == json.loads(OPENAI.error_body(ERROR))
    assert b"data: " + OPENAI.error_body(ERROR) + b"\n\n" == OPENAI.error_event(ERROR)


def test_a_voice_agents_errors_say_what_and_why() -> None:
    """Never without a code: where an error has none, its reason."""
    assert {"error": {"code": "wrong_type", "message": "No."}} == json.loads(VOICE_AGENT.error_body(ERROR))
    assert {"error": {"code": "invalid_request", "message": "No."}} == json.loads(
        VOICE_AGENT.error_body(InvalidRequest("No."))
    )


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ERROR, "invalid_request_error"),
        (Unauthorized("x"), "authentication_error"),
        (Forbidden("x"), "permission_error"),
        (PayloadTooLarge("x"), "request_too_large"),
        (NothingCanServe("x", [Refusal("a", "b")]), "overloaded_error"),
        (RouterError("x"), "api_error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)
def test_anthropics_types(error: RouterError, kind: str) -> None:
    """By status (Anthropic API reference, "Errors")."""
    expected = {"type": "error", "error": {"type": kind, "message": error.message}}
    assert expected == json.loads(ANTHROPIC.error_body(error))


def test_an_error_event_is_one_event_whatever_the_message() -> None:
    """A line break in a message must not end the event."""
    error = RouterError("one\n\ntwo\r\n\r\nthree")
    for dialect in (OPENAI, ANTHROPIC):
        assert 1 == dialect.error_event(error).count(b"\n\n")
        assert b"\r" not in dialect.error_event(error)
