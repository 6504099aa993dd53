"""Anthropic's error shape, for `/v1/messages`: `{"type":"error","error":{"type","message"}}`
(Anthropic API reference, "Errors")."""

from collections.abc import Mapping
from typing import Final

import msgspec

from router.errors import RouterError

_TYPES: Final[Mapping[int, str]] = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}


def error_body(error: RouterError) -> bytes:
    """The JSON body for `error`."""
    fields = {"type": _TYPES.get(error.status, "api_error"), "message": error.message}
    return msgspec.json.encode({"type": "error", "error": fields})


def error_event(error: RouterError) -> bytes:
    """The last event of a stream that failed after its first byte."""
    return b"event: error\ndata: " + error_body(error) + b"\n\n"
