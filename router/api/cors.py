"""Cross-origin requests from pages in browsers (the Fetch standard, "CORS protocol")."""

from collections.abc import Iterable, Sequence
from typing import Final

from router.ports import Header

_PREFLIGHT_TTL_S: Final = 600
_METHODS: Final = b"GET, POST, DELETE, OPTIONS"
_EXPOSED: Final = (
    b"X-Request-Id, X-Audio-Duration, X-Generation-Time, X-Router-Provider, X-Router-Model, X-Router-Attempts, "
    b"X-Router-Cache, X-Router-Substitution, X-Router-Error, Retry-After"
)


class Cors:
    """What to add for which origin. Without configured origins: nothing, and browsers keep pages out."""

    def __init__(self, origins: Sequence[str]) -> None:
        self._is_open = "*" in origins
        self._origins = {origin.encode() for origin in origins}

    def headers_for(self, headers: Iterable[Header]) -> list[Header]:
        """What an answer to a request with `headers` gets."""
        origin = self._allowed_origin(headers)
        if origin is None:
            return []
        return [
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", _EXPOSED),
            (b"vary", b"Origin"),
        ]

    def preflight(self, method: str, headers: Sequence[Header]) -> list[Header] | None:
        """The headers of a 204 when this is a preflight of an allowed origin, else None."""
        asked = dict(headers)
        if method != "OPTIONS" or b"access-control-request-method" not in asked:
            return None
        origin = self._allowed_origin(headers)
        if origin is None:
            return None
        wanted = asked.get(b"access-control-request-headers", b"authorization, content-type")
        return [
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", wanted),
            (b"access-control-max-age", str(_PREFLIGHT_TTL_S).encode()),
            (b"vary", b"Origin, Access-Control-Request-Headers"),
        ]

    def _allowed_origin(self, headers: Iterable[Header]) -> bytes | None:
        for name, value in headers:
            if name == b"origin":
                return value if self._is_open or value in self._origins else None
        return None
