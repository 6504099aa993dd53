"""Which client dialect a path speaks: the one place that chooses how errors look."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from router.api import anthropic, openai
from router.errors import RouterError


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a family of clients is told of errors."""

    error_body: Callable[[RouterError], bytes]
    error_event: Callable[[RouterError], bytes]


OPENAI: Final = Dialect(openai.error_body, openai.error_event)
ANTHROPIC: Final = Dialect(anthropic.error_body, anthropic.error_event)


def dialect_of(path: str) -> Dialect:
    """The dialect of a request path."""
    return ANTHROPIC if path.startswith("/v1/messages") else OPENAI
