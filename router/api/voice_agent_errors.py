"""Errors for a voice agent (`/api/v1/…`): `{"error": {"code", "message"}}`. Document 002 defines none; this is
what its client's "retry logic and error handling" can tell apart, and the status says the rest."""

import msgspec

from router.errors import RouterError


def error_body(error: RouterError) -> bytes:
    """The JSON body for `error`."""
    return msgspec.json.encode({"error": {"code": error.code or error.reason, "message": error.message}})


def error_line(error: RouterError) -> bytes:
    """After the first byte: sound has no room for it, so the connection is cut; this is for what is text."""
    return error_body(error) + b"\n"
