"""Cross-origin requests from pages in browsers (the Fetch standard, "CORS protocol")."""

from collections.abc import Sequence
from typing import Final

from router.api.fields import Fields
from router.ports import Header

_PREFLIGHT_TTL_S: Final = 600
_METHODS: Final = b"GET, POST, DELETE, OPTIONS"
_EXPOSED: Final = (
    b"X-Request-Id, X-Audio-Duration, X-Generation-Time, X-Router-Provider, X-Router-Model, X-Router-Attempts, "
    b"X-Router-Cache, X-Router-Overhead-Ms, X-Router-Substitution, X-Router-Audio, X-Router-Speech-Provider, "
    b"X-Router-Error, Retry-After"
)


def beside(headers: Sequence[Header], extra: Sequence[Header]) -> list[Header]:
    """An answer's headers and what `Cors.headers_for` adds to them, with one Vary that names what both vary by."""
    together = [*headers, *extra]
    varied = [name.strip() for key, value in together if key == b"vary" for name in value.split(b",")]
    if not varied:
        return together
    rest = [header for header in together if header[0] != b"vary"]
    return [*rest, (b"vary", b", ".join({name.lower(): name for name in varied}.values()))]


class Cors:
    """What to add for which origin. Without configured origins: nothing, and browsers keep pages out."""

    def __init__(self, origins: Sequence[str]) -> None:
        self._is_open = "*" in origins
        self._origins = {origin.encode() for origin in origins}

    def headers_for(self, asked: Fields) -> list[Header]:
        """What an answer to a request with these headers gets."""
        origin = self._allowed_origin(asked)
        if origin is None:
            return []
        return [
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", _EXPOSED),
            (b"vary", b"Origin"),
        ]

    def preflight(self, asked: Fields) -> list[Header] | None:
        """What a 204 to OPTIONS says besides `headers_for`, when that is a preflight of an allowed origin; else
        None."""
        if b"access-control-request-method" not in asked:
            return None
        if self._allowed_origin(asked) is None:
            return None
        wanted = asked.get(b"access-control-request-headers", b"authorization, content-type")
        return [
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", wanted),
            (b"access-control-max-age", str(_PREFLIGHT_TTL_S).encode()),
        ]

    def _allowed_origin(self, asked: Fields) -> bytes | None:
        origin = asked.get(b"origin")
        return origin if origin is not None and (self._is_open or origin in self._origins) else None
