"""Which client dialect a path speaks: the one place that chooses how errors look."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from router.api import anthropic, elevenlabs_errors, ollama_errors, openai, voice_agent_errors
from router.api.fields import Fields
from router.errors import RouterError


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a family of clients is told of errors. `numbered_body`: where the body names the request; `event_ends`:
    how what came before an event ends, else it is ended first."""

    error_body: Callable[[RouterError], bytes]
    error_event: Callable[[RouterError], bytes]
    numbered_body: Callable[[RouterError, str], bytes] | None = None
    event_ends: tuple[bytes, ...] = (b"\n\n", b"\r\n\r\n")

    def body(self, error: RouterError, request_id: str) -> bytes:
        """The reply's."""
        return self.error_body(error) if self.numbered_body is None else self.numbered_body(error, request_id)


OPENAI: Final = Dialect(openai.error_body, openai.error_event)
ANTHROPIC: Final = Dialect(anthropic.error_body, anthropic.error_event)
ELEVENLABS: Final = Dialect(
    elevenlabs_errors.error_body, elevenlabs_errors.error_line, elevenlabs_errors.numbered_body
)
OLLAMA: Final = Dialect(ollama_errors.error_body, ollama_errors.error_line, event_ends=ollama_errors.LINE_ENDS)
VOICE_AGENT: Final = Dialect(voice_agent_errors.error_body, voice_agent_errors.error_line)


_BELOW: Final[tuple[tuple[str, Dialect], ...]] = (
    ("/v1/messages", ANTHROPIC),
    ("/v1/text-to-speech", ELEVENLABS),
    ("/v1/voices", ELEVENLABS),
    ("/v2/voices", ELEVENLABS),
    ("/v1/user", ELEVENLABS),
    ("/api/v1/", VOICE_AGENT),
    ("/api/", OLLAMA),  # what is left below it
)
# Paths that two dialects have, and the headers by which ElevenLabs' clients are known: its SDK sends the second
# without a key, too.
_SHARED: Final = frozenset({"/v1/models"})
_ELEVENLABS_MARKS: Final = ((b"xi-api-key", b""), (b"x-fern-sdk-name", b"elevenlabs"))
_LONGEST_REMEMBERED: Final = 128


def dialect_of(path: str, fields: Fields | None = None) -> Dialect:
    """The dialect of a request path: OpenAI's, unless it belongs to another. Where two have it, a header tells."""
    if fields is not None and path in _SHARED and _is_marked(fields):
        return ELEVENLABS
    return _of_path(path) if len(path) > _LONGEST_REMEMBERED else _remembered(path)


def _is_marked(fields: Fields) -> bool:
    return any(name in fields and value in fields[name] for name, value in _ELEVENLABS_MARKS)


def _of_path(path: str) -> Dialect:
    for prefix, dialect in _BELOW:
        if path.startswith(prefix):
            return dialect
    return OPENAI


_remembered: Final = functools.lru_cache(256)(_of_path)
