"""Who may come in."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.api.admission import (
    ANONYMOUS,
    KEY_PREFIX,
    Client,
    Door,
    key_hash,
    new_key,
    request_id_of,
    require_admin,
)
from router.api.fields import fields_of
from router.config import Settings
from router.errors import ClientError, Forbidden, LoopDetected, Unauthorized
from router.ports import Header

LOCAL: Header = (b"host", b"127.0.0.1:8700")


def _door(clients: dict[str, tuple[str, str]] | None = None, **server: Any) -> Door:
    entries = {name: {"key_sha256": key_hash(key), "role": role} for name, (key, role) in (clients or {}).items()}
    return Door(Settings.model_validate({"clients": entries, "server": server}), "0123abcd")


KEYED = {"desk": ("lar-desk", "user"), "boss": ("lar-boss", "admin")}


@pytest.mark.parametrize(
    ("header", "client"),
    [
        ((b"authorization", b"Bearer lar-desk"), Client("desk")),
        ((b"authorization", b"bearer   lar-desk  "), Client("desk")),
        ((b"authorization", b"BEARER lar-boss"), Client("boss", is_admin=True)),
        ((b"x-api-key", b"lar-desk"), Client("desk")),
        ((b"xi-api-key", b"lar-desk"), Client("desk")),
    ],
)
def test_a_key_of_ours_lets_its_client_in(header: Header, client: Client) -> None:
    """OpenAI's, Anthropic's and ElevenLabs' ways to present a key."""
    assert client == _door(KEYED).admit("/v1/models", fields_of([LOCAL, header]))


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"authorization", b"Bearer wrong")],
        [(b"authorization", b"Bearer ")],
        [(b"authorization", b"Bearer")],
        [(b"authorization", b"Basic bGFyLWRlc2s=")],
        [(b"authorization", b"lar-desk")],
        [(b"x-api-key", b"")],
        [(b"x-api-key", "lär-desk".encode())],
        [(b"authorization", b"Bearer " + key_hash("lar-desk").encode())],
        [(b"cookie", b"key=lar-desk")],
        [(b"authorization", b"Bearer wrong"), (b"x-api-key", b"lar-desk")],
    ],
    ids=str,
)
def test_anything_else_is_unauthorized(headers: list[Header]) -> None:
    """No key, a wrong key, another scheme, the stored hash itself: 401, and the key is not repeated."""
    with pytest.raises(Unauthorized) as caught:
        _door(KEYED).admit("/v1/models", fields_of([LOCAL, *headers]))
    assert (401, "invalid_api_key") == (caught.value.status, caught.value.code)
    assert "lar-desk" not in caught.value.message


@pytest.mark.parametrize(
    ("open_routes", "path", "is_open"),
    [
        (["health", "ready", "metrics"], "/health", True),
        (["health", "ready", "metrics"], "/ready", True),
        (["health", "ready", "metrics"], "/metrics", True),
        (["health"], "/metrics", False),
        ([], "/health", False),
        (["health", "ready", "metrics"], "/health/x", False),
        (["health", "ready", "metrics"], "/v1/models", False),
        (["health", "ready", "metrics"], "/admin/providers", False),
    ],
)
def test_open_routes_need_no_key(open_routes: list[str], path: str, is_open: bool) -> None:
    """Exactly the listed ones."""
    door = _door(KEYED, open_routes=open_routes)
    if is_open:
        assert ANONYMOUS == door.admit(path, fields_of([LOCAL]))
    else:
        with pytest.raises(Unauthorized):
            door.admit(path, fields_of([LOCAL]))


@pytest.mark.parametrize(
    ("host", "is_let_in"),
    [
        (b"127.0.0.1:8700", True),
        (b"127.0.0.1", True),
        (b"localhost:8700", True),
        (b"LocalHost", True),
        (b"router.localhost:8700", True),
        (b"[::1]:8700", True),
        (b"192.168.1.5:8700", True),
        (b"ROUTER.lan:8700", True),
        (b"evil.example", False),
        (b"127.0.0.1.evil.example", False),
        (b"localhost.evil.example", False),
        (b"notlocalhost", False),
        (b"router.lan.evil.example", False),
        (b"", False),
        (b"[::1", True),
        (b"[evil.example]", False),
        (b"\xff\xfe", False),
    ],
)
def test_without_keys_the_host_must_be_an_address_or_known(host: bytes, is_let_in: bool) -> None:
    """DNS rebinding needs a name, so names are those of this machine and the trusted ones."""
    door = _door(trusted_hosts=["Router.LAN"])
    if is_let_in:
        assert ANONYMOUS == door.admit("/v1/models", fields_of([(b"host", host)]))
    else:
        with pytest.raises(Forbidden) as caught:
            door.admit("/v1/models", fields_of([(b"host", host)]))
        assert "host_not_allowed" == caught.value.code


def test_without_keys_a_request_without_host_is_refused() -> None:
    """RFC 9112 §3.2: every client sends one."""
    with pytest.raises(Forbidden):
        _door().admit("/v1/models", fields_of([]))


@pytest.mark.parametrize(
    ("origin", "is_let_in"),
    [
        (b"http://localhost:3000", True),
        (b"http://127.0.0.1:8700", True),
        (b"http://[::1]:8700", True),
        (b"https://chat.lan", True),
        (b"http://evil.example", False),
        (b"https://localhost.evil.example", False),
        (b"null", False),
        (b"", False),
        (b"http://[", False),
        (b"file://", False),
    ],
)
def test_without_keys_pages_of_strangers_are_refused(origin: bytes, is_let_in: bool) -> None:
    """A browser says whose page is asking; a form on a foreign page must not reach the router."""
    door = _door(trusted_hosts=["chat.lan"])
    headers = [LOCAL, (b"origin", origin)]
    if is_let_in:
        assert ANONYMOUS == door.admit("/v1/chat/completions", fields_of(headers))
    else:
        with pytest.raises(Forbidden) as caught:
            door.admit("/v1/chat/completions", fields_of(headers))
        assert "origin_not_allowed" == caught.value.code


def test_without_keys_a_page_from_a_strangers_address_is_refused() -> None:
    """A site can be served from a bare IP address; only Host is safe to be one, because rebinding needs a name."""
    with pytest.raises(Forbidden):
        _door().admit("/v1/chat/completions", fields_of([LOCAL, (b"origin", b"http://203.0.113.5")]))


@pytest.mark.parametrize(
    "door", [_door(KEYED), _door(allow_anonymous=True)], ids=["keys are configured", "everybody is welcome"]
)
def test_names_are_not_checked_when_keys_or_the_owner_say_so(door: Door) -> None:
    """With keys a foreign page has none; with allow_anonymous the owner has decided."""
    headers = [(b"host", b"router.example"), (b"origin", b"http://x.example"), (b"x-api-key", b"lar-desk")]
    assert door.admit("/v1/models", fields_of(headers)).name in {"desk", "anonymous"}


@pytest.mark.parametrize(
    "vias",
    [
        [b"1.1 local-ai-router-0123abcd"],
        [b"1.1 other, 1.1 local-ai-router-0123abcd"],
        [b"1.1 other", b"1.1 local-ai-router-0123abcd"],
        [b"1.1 local-ai-router-0123abcd", b"1.1 other"],
    ],
    ids=str,
)
def test_a_request_that_was_here_before_is_a_loop(vias: list[bytes]) -> None:
    """RFC 9110 §7.6.3: our own mark in Via, wherever it stands."""
    with pytest.raises(LoopDetected) as caught:
        _door().admit("/v1/chat/completions", fields_of([LOCAL, *((b"via", via) for via in vias)]))
    assert 508 == caught.value.status


def test_another_routers_mark_is_no_loop() -> None:
    """Routers may be chained."""
    assert ANONYMOUS == _door().admit("/v1/models", fields_of([LOCAL, (b"via", b"1.1 local-ai-router-ffffffff")]))


def test_the_mark_that_is_sent_is_the_mark_that_is_known() -> None:
    """What goes upstream is recognised when it comes back."""
    door = _door()
    name, value = door.via
    with pytest.raises(LoopDetected):
        door.admit("/v1/models", fields_of([LOCAL, (name.lower(), value)]))


@pytest.mark.parametrize("value", [b"abc", b"req-0123", b"a:b.c_d-e", b"x" * 128])
def test_a_sane_request_id_is_kept(value: bytes) -> None:
    """So that a client finds its request in our log."""
    assert value.decode() == request_id_of(fields_of([(b"host", b"x"), (b"x-request-id", value)]))


@given(st.binary(max_size=200).filter(lambda value: not re.fullmatch(rb"[A-Za-z0-9._:\-]{1,128}", value)))
def test_any_other_request_id_is_replaced(value: bytes) -> None:
    """It goes into logs and headers, so nothing that could end a line or fill a disk."""
    made = request_id_of(fields_of([(b"x-request-id", value)]))
    assert re.fullmatch(r"req-[0-9a-f]{24}", made) is not None


def test_request_ids_differ() -> None:
    """Made ids are random in every digit, over batches too: a counter or a stamp would let others be guessed."""
    made = [request_id_of(fields_of([])).removeprefix("req-") for _ in range(2000)]
    assert 2000 == len(set(made))
    assert {16} == {len(set(digits)) for digits in zip(*made, strict=True)}


def test_a_new_key_fits_its_hash_and_is_long_enough() -> None:
    """At least 128 random bits, and only the hash is stored."""
    key, hashed = new_key()
    assert (True, 43, hashed) == (key.startswith(KEY_PREFIX), len(key.removeprefix(KEY_PREFIX)), key_hash(key))
    assert re.fullmatch(r"[0-9a-f]{64}", hashed) is not None
    assert Client("n") == Door(Settings.model_validate({"clients": {"n": {"key_sha256": hashed}}}), "i").admit(
        "/v1/models", {b"authorization": f"Bearer {key}".encode()}
    )


@pytest.mark.parametrize(("client", "is_let_in"), [(Client("u"), False), (Client("a", is_admin=True), True)])
def test_admin_needs_the_role(client: Client, is_let_in: bool) -> None:
    """A user's key opens no administration."""
    refused: list[ClientError] = []
    try:
        require_admin(client)
    except Forbidden as error:
        refused.append(error)
    expected = [] if is_let_in else ["admin_required"]
    assert expected == [error.code for error in refused]
