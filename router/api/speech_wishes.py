"""What a client's headers say of how it wants something spoken."""

from dataclasses import replace

from router.api.fields import Fields
from router.domain import CacheUse, SpeechRequest, Substitution
from router.errors import InvalidRequest


def as_wished(request: SpeechRequest, fields: Fields) -> SpeechRequest:
    """The request, with `X-Router-Fallback` and `Cache-Control` obeyed. Raises InvalidRequest."""
    return replace(request, fallback=_fallback(fields), cache=_cache_use(fields, request.cache))


def _fallback(fields: Fields) -> Substitution | None:
    """The client's own word on substitution, in X-Router-Fallback."""
    wish = fields.get(b"x-router-fallback")
    if wish is None:
        return None
    try:
        return Substitution(wish.decode("latin-1").strip().lower())
    except ValueError:
        known = ", ".join(Substitution)
        raise InvalidRequest(
            f"X-Router-Fallback must be one of {known}.", param="X-Router-Fallback", code="out_of_range"
        ) from None


def _cache_use(fields: Fields, usual: CacheUse) -> CacheUse:
    """What `Cache-Control` asks for (RFC 9111 §5.2.1); `usual`: the request's own word, where it says nothing."""
    wishes = {wish.strip().lower() for wish in fields.get(b"cache-control", b"").split(b",")}
    if b"no-store" in wishes:
        return CacheUse.BYPASS
    return CacheUse.REFRESH if b"no-cache" in wishes else usual
