"""Pages in browsers."""

import pytest

from router.api.cors import Cors
from router.api.fields import fields_of
from router.ports import Header

CHAT = b"https://chat.example"
ASK: Header = (b"access-control-request-method", b"POST")


def _origin(value: bytes) -> Header:
    return (b"origin", value)


@pytest.mark.parametrize(
    ("configured", "headers", "allowed"),
    [
        ([], [_origin(CHAT)], None),
        (["https://chat.example"], [_origin(CHAT)], CHAT),
        (["https://chat.example"], [], None),
        (["https://chat.example"], [_origin(b"http://chat.example")], None),
        (["https://chat.example"], [_origin(b"https://chat.example:8443")], None),
        (["https://chat.example"], [_origin(b"https://chat.example.evil")], None),
        (["https://chat.example"], [_origin(b"null")], None),
        (["https://a", "https://chat.example"], [_origin(CHAT)], CHAT),
        (["*"], [_origin(b"https://anybody")], b"https://anybody"),
        (["*"], [], None),
    ],
)
def test_which_origins_may_read_an_answer(
    configured: list[str], headers: list[Header], allowed: bytes | None
) -> None:
    """Exactly those that are configured, or all; caches must keep them apart (Fetch standard)."""
    answer = dict(Cors(configured).headers_for(fields_of(headers)))
    if allowed is None:
        assert {} == answer
    else:
        assert (allowed, b"Origin") == (answer[b"access-control-allow-origin"], answer[b"vary"])
        exposed = answer[b"access-control-expose-headers"].split(b", ")
        assert {b"X-Audio-Duration", b"X-Generation-Time", b"X-Request-Id", b"Retry-After"} <= set(exposed)


@pytest.mark.parametrize(
    ("headers", "is_answered"),
    [
        ([_origin(CHAT), ASK], True),
        ([_origin(b"https://evil.example"), ASK], False),
        ([_origin(CHAT)], False),
        ([ASK], False),
    ],
    ids=["preflight", "another origin", "plain OPTIONS", "no browser"],
)
def test_what_a_preflight_is(headers: list[Header], is_answered: bool) -> None:
    """Only such a one is answered without a key."""
    assert is_answered is (Cors(["https://chat.example"]).preflight(fields_of(headers)) is not None)


@pytest.mark.parametrize(
    ("wanted", "allowed"),
    [
        (None, b"authorization, content-type"),
        (b"x-router-fallback, content-type", b"x-router-fallback, content-type"),
    ],
)
def test_a_preflight_allows_what_was_asked_for(wanted: bytes | None, allowed: bytes) -> None:
    """A page may send whatever header it needs; the browser may remember it for ten minutes."""
    headers = [_origin(CHAT), ASK]
    if wanted is not None:
        headers.append((b"access-control-request-headers", wanted))
    assert [
        (b"access-control-allow-methods", b"GET, POST, DELETE, OPTIONS"),
        (b"access-control-allow-headers", allowed),
        (b"access-control-max-age", b"600"),
    ] == Cors(["*"]).preflight(fields_of(headers))


def test_nobody_may_send_credentials() -> None:
    """Keys go in a header that the page sets; a cookie must not act for a page of somebody else's."""
    cors = Cors(["*"])
    asked = fields_of([_origin(CHAT), ASK])
    answers = [cors.headers_for(asked), cors.preflight(asked) or []]
    assert b"access-control-allow-credentials" not in {name for answer in answers for name, _ in answer}
