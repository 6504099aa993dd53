"""What people say of a voice: name, language, gender, other names. Checked here, wherever it comes from. Pure."""

import re
import unicodedata
from dataclasses import dataclass, replace
from typing import Self

import msgspec

from tts_node.domain import BYTES_PER_SAMPLE, SAMPLE_RATE
from tts_node.errors import BadRequest
from tts_node.voices.shelf import ID, LibraryVoice, id_of

GENDERS = ("female", "male", "neutral")
_MAX_NAME_CHARS = 64
_MAX_ALIASES = 16
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}")  # the shape of BCP 47
_RESERVED = frozenset({"default", "none", "null"})
_WAV_HEADER_BYTES = 44


@dataclass(frozen=True, slots=True)
class Details:
    """All of it, checked."""

    name: str
    language: str | None = None
    gender: str | None = None
    aliases: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        name: object,
        language: object = None,
        gender: object = None,
        aliases: object = (),
    ) -> Self:
        """From a client's words. Raises BadRequest."""
        return cls(checked_name(name, "name"), _language(language), _gender(gender), _aliases(aliases))

    @classmethod
    def of_voice(cls, voice: LibraryVoice) -> Self:
        """As they are."""
        return cls(voice.name, voice.language, voice.gender, voice.aliases)

    def renamed(self, name: str) -> Self:
        """The same but for the name."""
        return replace(self, name=name)

    def with_aliases(self, aliases: tuple[str, ...]) -> Self:
        """The same but for the other names."""
        return replace(self, aliases=aliases)

    def applied_to(self, voice: LibraryVoice) -> LibraryVoice:
        """The voice with these details."""
        return msgspec.structs.replace(
            voice, name=self.name, language=self.language, gender=self.gender, aliases=self.aliases
        )

    def voice(
        self,
        content_hash: str,
        *,
        created_at: int,
        original_bytes: int,
        clip_bytes: int,
        source: str | None,
        warnings: tuple[str, ...],
    ) -> LibraryVoice:
        """A new voice with these details."""
        return LibraryVoice(
            id=id_of(content_hash),
            hash=content_hash,
            name=self.name,
            language=self.language,
            gender=self.gender,
            aliases=self.aliases,
            created_at=created_at,
            duration_s=round((clip_bytes - _WAV_HEADER_BYTES) / (SAMPLE_RATE * BYTES_PER_SAMPLE), 3),
            original_bytes=original_bytes,
            clip_bytes=clip_bytes,
            source=source,
            warnings=warnings,
        )


def checked_name(value: object, field: str) -> str:
    """Something a person can read and a client can send. Raises BadRequest."""
    name = unicodedata.normalize("NFC", value).strip() if isinstance(value, str) else ""
    fault = None
    if not name:
        fault = "is missing: give the voice a name"
    elif len(name) > _MAX_NAME_CHARS:
        fault = f"is longer than {_MAX_NAME_CHARS} characters"
    elif not name.isprintable() or any(sign in name for sign in "/\\"):
        fault = "holds signs that a name cannot have (control characters, slashes)"
    elif ID.fullmatch(name.lower()) or name.lower() in _RESERVED:
        fault = "is reserved; choose another"
    if fault:
        raise BadRequest(f"'{field}' {fault}.", param=field, code="invalid_name")
    return name


def _language(value: object) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, str) and _LANGUAGE.fullmatch(value):
        return value
    raise BadRequest(
        f"'language' {value!a:.40} is no language tag such as de or pt-BR.",
        param="language",
        code="invalid_language",
    )


def _gender(value: object) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.lower() in GENDERS:
        return value.lower()
    raise BadRequest(f"'gender' is none of {', '.join(GENDERS)}.", param="gender", code="invalid_gender")


def _aliases(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or len(value) > _MAX_ALIASES:
        raise BadRequest(
            f"'aliases' is a list of up to {_MAX_ALIASES} names.", param="aliases", code="invalid_name"
        )
    return tuple(dict.fromkeys(checked_name(alias, "aliases").lower() for alias in value))
