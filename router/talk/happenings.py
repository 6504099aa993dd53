"""What a spoken chat's stream tells, piece by piece (OpenAI API reference, "Chat completion chunk", with this
router's `segment`, and the sum at the end). Pure.

Text comes as `delta.audio.transcript`, or as `delta.content` when nobody can speak.
"""

from typing import Final, NamedTuple

import msgspec

from router.errors import Malformed

DONE: Final = b"[DONE]"


class Segment(msgspec.Struct, frozen=True):
    """A part that is spoken whole by one provider. Its sound's first piece says `text`; the sum at the end says
    the rest. Times in seconds."""

    index: int = 0
    provider: str | None = None
    text: str = ""
    engine: str | None = None
    audio_duration: float = 0.0
    cached: bool = False


class Fault(msgspec.Struct, frozen=True):
    """An error's object."""

    message: str = ""
    code: str | int | None = None
    reason: str | None = None

    def __str__(self) -> str:
        return self.message or self.reason or str(self.code or "no reason was told")


class Opened(msgspec.Struct, frozen=True):
    """The answer begins. `mute`: why nobody speaks, empty when somebody can."""

    provider: str = ""
    model: str = ""
    attempts: int = 1
    request_id: str = ""
    mute: str = ""


class Wrote(msgspec.Struct, frozen=True):
    """So much more text."""

    text: str


class Named(msgspec.Struct, frozen=True):
    """The id by which a later turn may mean this answer."""

    audio_id: str


class Sounded(msgspec.Struct, frozen=True):
    """So much more sound, 24 kHz s16le mono. `segment`: which one begins with it."""

    pcm: bytes
    segment: Segment | None = None


class Summed(msgspec.Struct, frozen=True):
    """What there is to say of the speech once it has ended. `fault`: why it ended before the text."""

    audio_s: float
    generation_s: float
    substitution: str | None
    segments: tuple[Segment, ...]
    fault: Fault | None


class Failed(msgspec.Struct, frozen=True):
    """The answer breaks off."""

    fault: Fault


class Ended(msgspec.Struct, frozen=True):
    """The answer is whole."""


Happening = Opened | Wrote | Named | Sounded | Summed | Failed | Ended


class Arrived(NamedTuple):
    """When something was there to be read, monotonic."""

    at_s: float
    happening: Happening


class _Audio(msgspec.Struct):
    id: str | None = None
    transcript: str | None = None
    data: bytes | None = None  # msgspec reads base64
    segment: Segment | None = None
    expires_at: int | None = None
    audio_duration: float | None = None
    generation_time: float | None = None
    substitution: str | None = None
    segments: tuple[Segment, ...] | None = None
    error: Fault | None = None


class _Delta(msgspec.Struct):
    content: str | None = None
    audio: _Audio | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None


class _Chunk(msgspec.Struct):
    choices: tuple[_Choice, ...] = ()
    error: Fault | None = None


def happenings_in(data: bytes) -> list[Happening]:
    """What one event tells; nothing for a comment, a role, an end's reason or usage. Raises Malformed."""
    if not data:
        return []
    if data.strip() == DONE:
        return [Ended()]
    try:
        chunk = msgspec.json.decode(data, type=_Chunk)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise Malformed(f"sent an event that is no chunk of a chat: {exc}") from exc
    if chunk.error is not None:
        return [Failed(chunk.error)]
    if not chunk.choices or (delta := chunk.choices[0].delta) is None:
        return []
    written: list[Happening] = [Wrote(delta.content)] if delta.content else []
    return written + (_in_audio(delta.audio) if delta.audio is not None else [])


def _in_audio(audio: _Audio) -> list[Happening]:
    found: list[Happening] = []
    if audio.id is not None:
        found.append(Named(audio.id))
    if audio.transcript:
        found.append(Wrote(audio.transcript))
    if audio.data is not None:
        found.append(Sounded(audio.data, audio.segment))
    if audio.segments is not None or audio.error is not None:
        times = (audio.audio_duration or 0.0, audio.generation_time or 0.0)
        found.append(Summed(*times, audio.substitution, audio.segments or (), audio.error))
    return found
