"""The voices of the house as Wyoming lists them (`info` of the library `wyoming` 1.10.2).

One program: Home Assistant uses the first and no other. It shows a voice under each of its languages, and one that
has none nowhere.
"""

from collections.abc import Sequence
from typing import Final

from router import __version__
from router.domain import Voice
from router.wyoming import Event, messages

PROGRAM: Final = "Local AI Router"
_OURS: Final = messages.Attribution(PROGRAM)


def info(voices: Sequence[Voice], default_voice: str, languages: Sequence[str]) -> Event:
    """All of `voices`, and the default one. `languages`: of those that do not say what they speak."""
    said = list(voices)
    if default_voice not in {voice.id for voice in said}:
        said.insert(0, Voice(default_voice, default_voice))
    program = messages.Program(
        PROGRAM,
        _OURS,
        description="Every voice of the house, from whichever machine is awake",
        version=__version__,
        voices=[_voice(voice, languages) for voice in said],
        supports_synthesize_streaming=True,
    )
    others: dict[str, list[object]] = {kind: [] for kind in ("asr", "handle", "intent", "wake", "mic", "snd")}
    described = messages.written(messages.INFO, messages.Description([program]))
    return Event(described.type, {**described.data, **others})


def _voice(voice: Voice, languages: Sequence[str]) -> messages.Voice:
    spoken = (voice.language,) if voice.language else tuple(languages)
    return messages.Voice(voice.id, _OURS, description=voice.name or voice.id, languages=spoken)


def voice_in(language: str, voices: Sequence[Voice], default_voice: str) -> str | None:
    """Who speaks `language` (RFC 5646): the default voice if it may, else the first that says so; None: nobody."""
    wanted = _primary(language)
    by_id = {voice.id: voice for voice in voices}
    usual = by_id.get(default_voice)
    if usual is None or usual.language is None or _primary(usual.language) == wanted:
        return None
    return next((voice.id for voice in voices if voice.language and _primary(voice.language) == wanted), None)


def _primary(language: str) -> str:
    return language.replace("_", "-").partition("-")[0].lower()
