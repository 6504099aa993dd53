"""What is said of every operation without its saying so: the errors that every one has, in the shape of its path's
dialect, and under which heading it stands."""

from collections.abc import Iterable, Sequence
from typing import Final

from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Components, SecurityRequirement, SecurityScheme, Tag

from router.api.dialects import Dialect, dialect_of
from router.api.documented.errors import errors

_HEADINGS: Final[Sequence[tuple[str, str]]] = (  # the first that a path begins with
    ("/v1/chat", "Chat"),
    ("/v1/completions", "Chat"),
    ("/v1/embeddings", "Chat"),
    ("/v1/responses", "Chat"),
    ("/v1/messages", "Chat"),
    ("/v1/audio/speech", "Speech"),
    ("/v1/audio/tr", "Transcription"),
    ("/v1/audio/voices", "Voices"),
    ("/audio/voices", "Voices"),
    ("/v1/models", "Models"),
    ("/v1/audio/models", "Models"),
    ("/audio/models", "Models"),
    ("/process-", "Telephone"),
    ("/speak", "Telephone"),
    ("/admin", "Administration"),
    ("/v1/text-to-speech", "ElevenLabs"),
    ("/v1/voices", "ElevenLabs"),
    ("/v2/voices", "ElevenLabs"),
    ("/v1/user", "ElevenLabs"),
    ("/api/v1/", "Voice agent"),
    ("/api/", "Ollama"),
)
_OTHER: Final = "State"
TAGS: Final = [
    Tag(name, description)
    for name, description in (
        ("Chat", "Language models, in OpenAI's and Anthropic's words."),
        ("Speech", "Texts to be spoken, in OpenAI's words, and what became of them."),
        ("Transcription", "Recordings to be written down."),
        ("Voices", "The voice library."),
        ("Models", "What can be asked for."),
        ("Telephone", "An AI telephone."),
        ("Voice agent", "A voice agent."),
        ("ElevenLabs", "Clients of ElevenLabs."),
        ("Ollama", "Clients of Ollama."),
        ("Administration", "For clients with `role: admin`."),
        (_OTHER, "Whether the router lives, and its metrics."),
    )
]
COMPONENTS: Final = Components(
    security_schemes={
        "bearer": SecurityScheme("http", scheme="bearer", description="A key of this router's, as OpenAI has it."),
        "x-api-key": SecurityScheme("apiKey", name="x-api-key", security_scheme_in="header"),
        "xi-api-key": SecurityScheme("apiKey", name="xi-api-key", security_scheme_in="header"),
    }
)
# Any of them will do; a router without keys asks for none.
SECURITY: Final[list[SecurityRequirement]] = [{"bearer": []}, {"x-api-key": []}, {"xi-api-key": []}, {}]


def completed(handlers: Iterable[HTTPRouteHandler]) -> list[HTTPRouteHandler]:
    """The same handlers, with what is said of every operation; what they say themselves stays."""
    handlers = list(handlers)
    for handler in handlers:
        path = min(handler.paths)
        statuses = (404,) if "{" in path else ()
        handler.responses = errors(*statuses, dialects=dialects_of(path)) | dict(handler.responses or {})
        handler.tags = handler.tags or [_heading(path)]
    return handlers


def dialects_of(path: str) -> tuple[Dialect, ...]:
    """The dialects in which errors on a path may be told: two where a header tells whose it is."""
    return tuple(dict.fromkeys((dialect_of(path), dialect_of(path, {b"xi-api-key": b""}))))


def _heading(path: str) -> str:
    return next((heading for prefix, heading in _HEADINGS if path.startswith(prefix)), _OTHER)
