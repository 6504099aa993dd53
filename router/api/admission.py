"""Who may come in: keys, roles, Host and Origin, loops. Plain functions that every route passes through.

With no client keys configured the router is open to this machine alone. A web page in a browser on this machine
could still reach it, by a form or by DNS rebinding (a name of the attacker's that resolves to 127.0.0.1), so
then Host and Origin must be an IP address, localhost or a name listed in `server.trusted_hosts`.
"""

import functools
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from router.api.fields import Fields
from router.config import Settings, is_loopback
from router.errors import Forbidden, LoopDetected, Unauthorized
from router.ports import Header

KEY_PREFIX: Final = "lar-"
_KEY_BYTES: Final = 32  # 256 random bits
_LONGEST_REMEMBERED: Final = 256
_ANY_MODEL: Final = ("*",)
_SANE_ID: Final = re.compile(rb"[A-Za-z0-9._:\-]{1,128}")
HLS_BELOW: Final = "/v1/audio/speech/hls/"  # players send no keys: whoever knows the id of a text may hear it
_OPEN_PATHS: Final = {"/health": "health", "/ready": "ready", "/metrics": "metrics"}


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody who was let in."""

    name: str
    is_admin: bool = False
    models: tuple[str, ...] = _ANY_MODEL
    requests_per_minute: int | None = None

    def may_use(self, model: str) -> bool:
        """Whether one of its patterns matches the name it asks by."""
        return self.models == _ANY_MODEL or any(fnmatchcase(model, pattern) for pattern in self.models)


ANONYMOUS: Final = Client("anonymous", is_admin=True)  # on a router without keys everybody is at home


def new_key() -> tuple[str, str]:
    """A fresh key and the hash that is stored in its place."""
    key = KEY_PREFIX + secrets.token_urlsafe(_KEY_BYTES)
    return key, key_hash(key)


def key_hash(key: str) -> str:
    """SHA-256, in hex. A key of 256 random bits needs no salt and no slow hash."""
    return hashlib.sha256(key.encode()).hexdigest()


_remembered_hash: Final = functools.lru_cache(256)(key_hash)  # of those who ask again and again


class Door:
    """Decides for every request. `instance` marks this router in `Via`."""

    def __init__(self, settings: Settings, instance: str) -> None:
        self._clients = {
            client.key_sha256: Client(
                name, client.role == "admin", tuple(client.models), client.requests_per_minute
            )
            for name, client in settings.clients.items()
        }
        self._open_paths = {path for path, name in _OPEN_PATHS.items() if name in settings.server.open_routes}
        self._open_paths.add("/")  # the page holds no data; what it asks for needs a key again
        self._trusted = {name.lower() for name in settings.server.trusted_hosts}
        self._cors_origins = {origin.encode() for origin in settings.server.cors_origins}
        self._checks_names = not settings.clients and not settings.server.allow_anonymous
        self._via = f"local-ai-router-{instance}".encode()

    @property
    def via(self) -> Header:
        """The header that marks what this router passes on (RFC 9110 §7.6.3)."""
        return (b"Via", b"1.1 " + self._via)

    def admit(self, path: str, seen: Fields) -> Client:
        """Who is asking. Raises Unauthorized, Forbidden, LoopDetected."""
        if self._via in seen.get(b"via", b""):
            raise LoopDetected("This request has passed this router already; a provider's URL leads back here.")
        if self._checks_names:
            self._check_names(seen)
        if not self._clients or path in self._open_paths or path.startswith(HLS_BELOW):
            return ANONYMOUS
        return self._client_with(_presented_key(seen))

    def _client_with(self, key: str | None) -> Client:
        if key is None:
            raise Unauthorized("A key is needed: send `Authorization: Bearer <key>`.", is_missing=True)
        # What time could tell is of the hash, and nobody can aim at one: the key cannot be told from it.
        found = self._clients.get(key_hash(key) if len(key) > _LONGEST_REMEMBERED else _remembered_hash(key))
        if found is None:
            raise Unauthorized("That key is not one of this router's.")
        return found

    def _check_names(self, seen: Fields) -> None:
        host = seen.get(b"host", b"").decode("latin-1")
        if not self._is_trusted(_host_name(host)):
            raise Forbidden(
                f"The name {host[:100]!r} is not one of this router's; list it in server.trusted_hosts.",
                code="host_not_allowed",
            )
        self.check_origin(seen)

    def check_origin(self, seen: Fields) -> None:
        """A page on somebody else's site may not ask. Raises Forbidden."""
        host = seen.get(b"host", b"").decode("latin-1")
        origin = seen.get(b"origin")
        if origin is None or origin in self._cors_origins or b"*" in self._cors_origins:
            return
        # Unlike Host, an Origin may not be any IP address: pages can be served from one.
        name = _origin_name(origin.decode("latin-1"))
        if not (is_loopback(name) or name in self._trusted or name == _host_name(host)):
            raise Forbidden(
                f"Pages from {origin.decode('latin-1')[:100]!r} may not use this router; list the name in "
                "server.trusted_hosts.",
                code="origin_not_allowed",
            )

    def _is_trusted(self, name: str) -> bool:
        if name == "localhost" or name.endswith(".localhost") or name in self._trusted:
            return True
        try:
            ip_address(name)
        except ValueError:
            return False
        return True  # rebinding needs a name


def require_model(client: Client, model: str) -> None:
    """Raise Forbidden unless `client` may use `model`."""
    if not client.may_use(model):
        raise Forbidden(
            f"The client {client.name} may not use the model {model[:100]!r}; see its `models`.",
            param="model",
            code="model_not_allowed",
        )


def require_admin(client: Client) -> None:
    """Raise Forbidden unless `client` may use /admin."""
    if not client.is_admin:
        raise Forbidden("This needs a client with `role: admin`.", code="admin_required")


def request_id_of(fields: Fields) -> str:
    """The client's own X-Request-Id when it is a sane one, else a new id."""
    given = fields.get(b"x-request-id")
    return given.decode() if given is not None and _SANE_ID.fullmatch(given) else next(_fresh_ids)


def _make_ids() -> Iterator[str]:
    """Ids of 96 random bits. Whoever knows an id may ask what became of it, and without keys everybody is the same
    client, so none may be guessed from another. Drawn 512 at a time, because the system's randomness costs three
    times as much by the call."""
    while True:
        digits = os.urandom(512 * 12).hex()
        for start in range(0, len(digits), 24):
            yield f"req-{digits[start : start + 24]}"


_fresh_ids: Final = _make_ids()


def _presented_key(seen: Fields) -> str | None:
    scheme, _, token = seen.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer" and token.strip():
        return token.strip().decode("latin-1")
    for name in (b"x-api-key", b"xi-api-key"):
        if name in seen:
            return seen[name].decode("latin-1")
    return None


def _host_name(host: str) -> str:
    """The name in a Host header, without port and brackets, lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _origin_name(origin: str) -> str:
    try:
        return (urlsplit(origin).hostname or "").lower()
    except ValueError:
        return ""
