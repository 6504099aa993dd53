"""Ollama's error shape: `{"error": "text"}`, and as the last line of an answer that failed in its middle
(ollama/ollama docs/api/errors.mdx, 2026-08-21)."""

from typing import Final

import msgspec

from router.errors import RouterError

LINE_ENDS: Final = (b"\n",)  # an empty line between two documents is an error to its clients


def error_body(error: RouterError) -> bytes:
    """The JSON body for `error`."""
    return msgspec.json.encode({"error": error.message})


def error_line(error: RouterError) -> bytes:
    """The last line of an answer that failed after its first byte."""
    return error_body(error) + b"\n"
