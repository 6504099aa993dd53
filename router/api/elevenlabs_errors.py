"""ElevenLabs' error shape: `{"detail":{"type","code","message","status","request_id","param"}}`, and for fields
that are missing or of another kind pydantic's list (elevenlabs.io, "Errors"; SDK 2.78.0 has ApiError for both).

`status` is what older clients read: the code, or what it was called before.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from router.errors import AllBusy, NothingCanServe, RouterError, Unauthorized, Unprocessable

_TYPES: Final[Mapping[int, str]] = {
    400: "validation_error",
    401: "authentication_error",
    402: "payment_required",
    403: "authorization_error",
    404: "not_found",
    405: "not_found",
    408: "validation_error",
    409: "conflict",
    413: "validation_error",
    429: "rate_limit_error",
    503: "service_unavailable",
}
_CODES: Final[Mapping[str, str]] = {  # the house's: theirs. Those that are the same are not here
    "invalid_json": "malformed_json",
    "input_empty": "empty_text",
    "input_too_long": "text_too_long",
    "unknown_format": "invalid_output_format",
    "payload_too_large": "text_too_long",
    "forbidden": "insufficient_permissions",
    "model_not_allowed": "model_access_denied",
    "unknown_route": "not_found",
    "no_provider_available": "system_busy",
    "internal_error": "internal_error",
}
_THEIRS: Final = frozenset(
    {
        "invalid_api_key",
        "voice_not_found",
        "model_not_found",
        "rate_limit_exceeded",
        "invalid_voice_settings",
        "unsupported_model",
        "not_found",
        "conflict",
        "method_not_allowed",
        "not_supported",
    }
)
_BY_TYPE: Final[Mapping[str, str]] = {  # for codes that they have no word for
    "validation_error": "invalid_parameters",
    "authorization_error": "insufficient_permissions",
}
_LEGACY: Final[Mapping[str, str]] = {
    "text_too_long": "max_character_limit_exceeded",
    "concurrent_limit_exceeded": "too_many_concurrent_requests",
    "missing_api_key": "needs_authorization",
}
_NO_KEY: Final = "A key is needed: send `xi-api-key: <key>`."


def error_body(error: RouterError) -> bytes:
    """The JSON body for `error`, of a request that has no number."""
    return numbered_body(error, "")


def numbered_body(error: RouterError, request_id: str) -> bytes:
    """The JSON body for `error`."""
    if isinstance(error, Unprocessable):
        fault = {"type": error.kind, "loc": error.where, "msg": error.message, "input": None}
        return msgspec.json.encode({"detail": [fault]})
    kind = _TYPES.get(error.status, "internal_error")
    code = _code(error, kind)
    message = _NO_KEY if code == "missing_api_key" else error.message
    detail: dict[str, object] = {
        "type": kind,
        "code": code,
        "message": message,
        "status": _LEGACY.get(code, code),
        "request_id": request_id,
        "param": error.param,
    }
    return msgspec.json.encode({"detail": detail})


def error_line(error: RouterError) -> bytes:
    """The last line of a stream of JSON that failed after its first byte."""
    return error_body(error) + b"\n"


def _code(error: RouterError, kind: str) -> str:
    match error:
        case Unauthorized():
            return "missing_api_key" if error.is_missing else "invalid_api_key"
        case AllBusy():
            return "concurrent_limit_exceeded"
        case NothingCanServe():
            return "system_busy"
    code = error.code or ""
    return code if code in _THEIRS else _CODES.get(code) or _BY_TYPE.get(kind, kind)
