"""The voices of the house: what clients may ask for, and what each provider calls it.

Three sources: `voices` in the configuration, what live providers report, and OpenAI's built-in names, which
clients ask for by habit. A provider that reports no voices is believed to have any.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Final, Protocol

from router.config.settings import VoiceSettings
from router.domain import Segment, Voice
from router.errors import NotFound

OPENAI_VOICES: Final = (
    "alloy",
    "ash",
    "ballad",
    "coral",
    "echo",
    "fable",
    "onyx",
    "nova",
    "sage",
    "shimmer",
    "verse",
    "marin",
    "cedar",
)


class VoiceReports(Protocol):
    """What providers have said of their voices."""

    def voices_of(self, provider: str) -> tuple[Voice, ...]: ...


@dataclass(frozen=True, slots=True)
class ListedVoice:
    """A voice a client may use, and the providers that have it."""

    voice: Voice
    providers: tuple[str, ...]


class VoiceBook:
    """Looks voices up; reads reports as they are at the call."""

    def __init__(self, configured: Mapping[str, VoiceSettings], reports: VoiceReports) -> None:
        self._configured = configured
        self._reports = reports

    def has(self, voice: str | None, provider: str) -> bool:
        """Whether `provider` can speak with `voice`, as far as is known."""
        if voice is None:
            return True
        if voice in self._configured:
            return provider in self._configured[voice].use
        reported = self._reports.voices_of(provider)
        return not reported or any(entry.id == voice for entry in reported)

    def check_known(self, voice: str, providers: Sequence[str]) -> None:
        """Raise NotFound when none of `providers` has `voice`; names close matches."""
        if any(self.has(voice, provider) for provider in providers):
            return
        close = get_close_matches(voice, [entry.voice.id for entry in self.listed(providers)], n=3)
        hint = f"Did you mean {' or '.join(close)}?" if close else "GET /v1/audio/voices lists them all."
        raise NotFound(f"No voice is called {voice[:200]!r}. {hint}", param="voice", code="voice_not_found")

    def translated(self, segment: Segment, provider: str) -> Segment:
        """The segment with the voice's name at `provider`."""
        configured = self._configured.get(segment.voice or "")
        theirs = configured.use.get(provider) if configured is not None else None
        return replace(segment, voice=theirs) if theirs is not None else segment

    def listed(self, providers: Sequence[str]) -> list[ListedVoice]:
        """Every voice, the house's own first; each once, however many providers have it."""
        entries: dict[str, tuple[Voice, list[str]]] = {}
        for name, settings in self._configured.items():
            entries[name] = (Voice(name, name, settings.language, settings.gender), list(settings.use))
        for provider in providers:
            for voice in self._reports.voices_of(provider):
                entry = entries.setdefault(voice.id, (voice, []))
                if voice.id not in self._configured:
                    entry[1].append(provider)
        return [ListedVoice(voice, tuple(owners)) for voice, owners in entries.values()]
