"""OpenAI's error shape: `{"error":{"message","type","param","code"}}`, all four keys, always."""

import msgspec

from router.errors import RouterError


def error_body(error: RouterError) -> bytes:
    """The JSON body for `error`."""
    fields = {"message": error.message, "type": error.type, "param": error.param, "code": error.code}
    return msgspec.json.encode({"error": fields})


def error_event(error: RouterError) -> bytes:
    """The last event of a stream that failed after its first byte."""
    return b"data: " + error_body(error) + b"\n\n"
