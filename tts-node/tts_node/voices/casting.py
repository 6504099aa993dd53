"""Who speaks: a voice of the engine's own, or one copied from a recording. Pure.

| asked for | the engine copies voices | it does not |
|---|---|---|
| nothing | the library's default, else the engine's | the engine's default |
| a library voice, by id or name | that | 400 `voice_not_supported` |
| an alias of a library voice | that | its own voice of that name, else 400 |
| anything else | its own voice of that name, else 404 `voice_missing` | the same |

A 400 and not another voice: substitution is the router's, which knows who else there is and tells the client.
"""

from dataclasses import dataclass

from tts_node.domain import Clip, Voice
from tts_node.engines.descriptor import EngineDescriptor
from tts_node.errors import BadRequest, NotFound
from tts_node.voices.catalogue import Catalogue
from tts_node.voices.library import Library
from tts_node.voices.shelf import LibraryVoice


@dataclass(frozen=True, slots=True)
class Part:
    """The voice, its recording if it is a copied one, and the language it speaks if that is known."""

    voice: Voice
    clip: Clip | None
    language: str | None


def cast(
    voice: str | None,
    language: str | None,
    descriptor: EngineDescriptor,
    catalogue: Catalogue,
    library: Library | None,
) -> Part:
    """Raises NotFound or BadRequest."""
    wanted = (voice or "").strip()
    copied = _copied(wanted, descriptor, catalogue, library) if library else None
    if library is None or copied is None:
        own = _own(wanted, catalogue, library)
        return Part(own, None, catalogue.language(language))
    spoken = catalogue.language(language) if language else _language_of(copied, catalogue)
    shown = Voice(
        copied.id,
        copied.name,
        copied.language or "",
        copied.gender or "neutral",
        descriptor.id,
        builtin=False,
    )
    return Part(shown, library.clip(copied), spoken)


def _copied(
    wanted: str, descriptor: EngineDescriptor, catalogue: Catalogue, library: Library
) -> LibraryVoice | None:
    if not wanted:
        default = library.default
        return default if default and _fault(default, descriptor) is None else None
    named = library.find(wanted)
    meant = named or library.find_alias(wanted)
    if meant is None:
        return None
    fault = _fault(meant, descriptor)
    if fault is None:
        return meant
    if named is None and catalogue.has(wanted):
        return None
    raise fault


def _fault(voice: LibraryVoice, descriptor: EngineDescriptor) -> BadRequest | None:
    needs = descriptor.cloning
    if needs is None:
        return BadRequest(
            f"{descriptor.id} has voices of its own only and cannot copy {voice.name!r}. Ask for one of its "
            "voices, or for an engine that copies voices.",
            param="voice",
            code="voice_not_supported",
        )
    if voice.duration_s < needs.min_s:
        return BadRequest(
            f"{voice.name!r} has {voice.duration_s:.1f} s of speech, and {descriptor.id} needs {needs.min_s:g} s: "
            f"record at least {needs.min_s + 1:.0f} s of continuous speech and upload it.",
            param="voice",
            code="clip_too_short",
        )
    return None


def _own(wanted: str, catalogue: Catalogue, library: Library | None) -> Voice:
    try:
        return catalogue.voice(wanted)
    except NotFound as exc:
        if library is None:
            raise
        close = library.close_matches(wanted, (voice.id for voice in catalogue.voices))
        raise NotFound(
            f"There is no voice {wanted!r}. {close}GET /v1/audio/voices lists all.",
            param="voice",
            code="voice_missing",
        ) from exc


def _language_of(voice: LibraryVoice, catalogue: Catalogue) -> str | None:
    """What the voice speaks by nature, where the engine can; nobody asked for it, so it is no fault else."""
    try:
        return catalogue.language(voice.language)
    except BadRequest:
        return None
