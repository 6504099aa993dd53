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


_BELOW: Final[tuple[tuple[str, Dialect], ...]] = (("/v1/messages", ANTHROPIC),)


def dialect_of(path: str) -> Dialect:
    """The dialect of a request path: OpenAI's, unless it belongs to another."""
    for prefix, dialect in _BELOW:
        if path.startswith(prefix):
            return dialect
    return OPENAI
