"""The voices of the house: what clients may ask for, and what each provider calls it.

Four sources: `voices` in the configuration, the library, what live providers report, and OpenAI's built-in names
and a few others, which clients ask for by habit. A provider that reports no voices is believed to have any.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, Protocol

from router.config.settings import VoiceSettings
from router.domain import LibraryVoice, Model, Substitution, Voice
from router.errors import NotFound
from router.speech.substitution import VoiceMatch

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

# What else clients ask for by habit: ChatTTS' presets, and what document 002 calls its first voice.
HABITUAL_VOICES: Final = frozenset(
    {
        *OPENAI_VOICES,
        *(f"{kind}_{number}" for kind in ("female", "male") for number in (1, 2, 3)),
        *("neutral_1", "neutral_2", "voice_1"),
    }
)


class VoiceReports(Protocol):
    """What providers have said of their voices and models."""

    def voices_of(self, provider: str) -> tuple[Voice, ...]: ...
    def models_of(self, provider: str) -> Mapping[str, Model]: ...


class Finder(Protocol):
    """The library, as far as it is looked up here."""

    @property
    def voices(self) -> Sequence[LibraryVoice]: ...
    def find(self, wanted: str) -> LibraryVoice | None: ...
    def is_deleted(self, wanted: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class ListedVoice:
    """A voice a client may use, and the providers that have it."""

    voice: Voice
    providers: tuple[str, ...]
    library: LibraryVoice | None = None  # what the library knows of it


class VoiceBook:
    """Looks voices up; reads reports as they are at the call."""

    def __init__(
        self, configured: Mapping[str, VoiceSettings], reports: VoiceReports, library: Finder | None = None
    ) -> None:
        self._configured = configured
        self._reports = reports
        self._library = library

    def copied(self, voice: str) -> LibraryVoice | None:
        """The library's voice of that id or name, unless the configuration has one."""
        return None if voice in self._configured or self._library is None else self._library.find(voice)

    def match(self, voice: str, provider: str, model: str) -> VoiceMatch:
        """How `provider` knows `voice`, as far as is known. One of the library is known wherever `model` copies
        voices, whether a copy is there already or not."""
        if self.copied(voice):
            engine = self._reports.models_of(provider).get(model)
            return VoiceMatch.SAME if engine is not None and engine.clones else VoiceMatch.MISSING
        if voice in self._configured:
            theirs = self._configured[voice].use.get(provider)
            return VoiceMatch.MISSING if theirs is None else VoiceMatch.MAPPED
        if self._is_deleted(voice):
            return VoiceMatch.MISSING  # a node that was off may still have it
        reported = self._reports.voices_of(provider)
        is_there = not reported or any(entry.id == voice for entry in reported)
        return VoiceMatch.SAME if is_there else VoiceMatch.MISSING

    def check_known(self, voice: str, providers: Sequence[str]) -> None:
        """Raise NotFound when neither the house nor any of `providers` has `voice`; names close matches."""
        if voice in self._configured or voice in HABITUAL_VOICES or self.copied(voice):
            return
        if any(self.match(voice, provider, "") is not VoiceMatch.MISSING for provider in providers):
            return
        close = get_close_matches(voice, [entry.voice.id for entry in self.listed(providers)], n=3)
        hint = f"Did you mean {' or '.join(close)}?" if close else "GET /v1/audio/voices lists them all."
        raise NotFound(f"No voice is called {voice[:200]!r}. {hint}", param="voice", code="voice_not_found")

    def policy(self, voice: str) -> Substitution | None:
        """What the configuration says of substituting `voice`, if anything."""
        return self._configured[voice].substitution if voice in self._configured else None

    def name_at(self, voice: str, provider: str, model: str) -> str | None:
        """What `provider` calls `voice`; None when it does not have it, and uses its default."""
        match self.match(voice, provider, model):
            case VoiceMatch.SAME:
                copied = self.copied(voice)
                return copied.id if copied else voice
            case VoiceMatch.MAPPED:
                return self._configured[voice].use[provider]
        return None

    def listed(self, providers: Sequence[str]) -> list[ListedVoice]:
        """Every voice, the library's and the house's first; each once, however many providers have it."""
        entries: dict[str, tuple[Voice, list[str]]] = {}
        library = {voice.id: voice for voice in self._library.voices} if self._library else {}
        for copied in library.values():
            entries[copied.id] = (Voice(copied.id, copied.name, copied.language, copied.gender), [])
        for name, settings in self._configured.items():
            entries[name] = (Voice(name, name, settings.language, settings.gender), list(settings.use))
        for provider in providers:
            for voice in self._reports.voices_of(provider):
                if self._is_deleted(voice.id):
                    continue
                entry = entries.setdefault(voice.id, (voice, []))
                if voice.id not in self._configured:
                    entry[1].append(provider)
        return [ListedVoice(voice, tuple(owners), library.get(voice.id)) for voice, owners in entries.values()]

    def _is_deleted(self, voice: str) -> bool:
        return self._library is not None and voice not in self._configured and self._library.is_deleted(voice)
