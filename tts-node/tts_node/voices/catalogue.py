"""A model's voices and languages: what is listed, and how a client's name finds its voice. Pure."""

import difflib
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from tts_node.domain import Voice
from tts_node.errors import BadRequest, NotFound


def close_matches(wanted: str, known: Iterable[str]) -> str:
    """The end of a "no such …" message: what was probably meant, else where to look."""
    names = list(known)
    found = difflib.get_close_matches(wanted.lower(), names, n=3, cutoff=0.5)
    return (
        f"Close: {', '.join(found)}." if found else f"Known: {', '.join(names[:13])}{' …' if names[13:] else ''}."
    )


@dataclass(frozen=True)
class Catalogue:
    """One engine's voices. `languages` maps every tag that is understood to the tag that is meant."""

    voices: tuple[Voice, ...]
    languages: Mapping[str, str]
    default_voice: str
    aliases: Mapping[str, str]  # other names of voices; not listed

    def voice(self, wanted: str | None) -> Voice:
        """The voice of that name, in any case; None is the default. Raises NotFound with close matches."""
        name = (wanted or self.default_voice).strip().lower()
        name = self.aliases.get(name, name)
        for voice in self.voices:
            if voice.id.lower() == name:
                return voice
        raise NotFound(
            f"There is no voice {wanted!r}. {close_matches(name, (voice.id for voice in self.voices))} "
            "GET /v1/audio/voices lists all.",
            param="voice",
            code="voice_missing",
        )

    @property
    def names(self) -> frozenset[str]:
        """Everything that a voice answers to."""
        return frozenset(voice.id for voice in self.voices) | frozenset(self.aliases)

    def has(self, wanted: str) -> bool:
        """Whether there is a voice of that name, in any case."""
        name = wanted.strip().lower()
        name = self.aliases.get(name, name)
        return any(voice.id.lower() == name for voice in self.voices)

    def language(self, wanted: str | None) -> str | None:
        """The tag that is meant (`de-AT` → `de`), None for none. Raises BadRequest when nobody speaks it."""
        if not wanted:
            return None
        tag = wanted.strip().lower().replace("_", "-")
        while tag:
            if found := self.languages.get(tag):
                return found
            tag = tag.rpartition("-")[0]
        raise BadRequest(
            f"No voice speaks the language {wanted!r}. {close_matches(wanted, self.languages)}",
            param="language",
            code="language_missing",
        )

    @property
    def revision(self) -> str:
        """Changes when the list does, so that whoever copied it knows when to ask again."""
        return hashlib.sha256(msgspec.json.encode(self.voices)).hexdigest()[:16]
