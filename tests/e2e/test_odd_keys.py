"""Keys that no client should send: each is a wrong key, answered in full."""

import hashlib
from collections.abc import Iterator
from typing import Final

import pytest
from bad_input import CHAT, MESSAGES, SPEECH, Case, chat, check
from processes import Process, start_router

pytest_plugins = ["process_logs"]

ODD_KEYS: Final = {
    "none": "X-Nothing: 1",
    "beyond ASCII": "Authorization: Bearer ünïcode",
    "beyond UTF-8": "x-api-key: \xff\xfe",
    "nothing behind Bearer": "Authorization: Bearer",
    "another scheme": "Authorization: Basic cmlnaHQ6cmlnaHQ=",
    "64 KB": "xi-api-key: " + "k" * 60_000,
    "the hash": "Authorization: Bearer " + hashlib.sha256(b"right").hexdigest(),
}


@pytest.fixture(scope="module")
def locked_router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A router whose one client has a key."""
    key_hash = hashlib.sha256(b"right").hexdigest()
    config = f"providers:\n  demo: {{kind: demo}}\nclients:\n  a: {{key_sha256: {key_hash}}}\n"
    with start_router(config, tmp_path_factory.mktemp("locked"), name="locked") as running:
        yield running


@pytest.mark.parametrize("key", ODD_KEYS)
@pytest.mark.parametrize("path", [CHAT, SPEECH, MESSAGES])
def test_odd_key_is_unauthorized(locked_router: Process, key: str, path: str) -> None:
    """A key that is not ASCII, or none behind `Bearer`, is a 401 like any other wrong key."""
    check(locked_router, Case(key, path, chat(), 401, code="invalid_api_key", headers=(ODD_KEYS[key],)))
