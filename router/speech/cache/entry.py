"""An entry of the cache, and how it is sealed into a file.

    magic (8) · layout (1) · length of what is known (4) · length of the audio (8) · SHA-256 (32)
    what is known of it (JSON) · audio

The sum covers everything but itself, so a file that was cut short, changed or exchanged for another is seen to be
no entry. Pure.
"""

import hashlib
import struct
from typing import Final

import msgspec

_MAGIC: Final = b"LARaudio"
_LAYOUT: Final = 1
_HEAD: Final = struct.Struct(">8sBIQ")
_SUM_BYTES: Final = 32
_FIXED_BYTES: Final = _HEAD.size + _SUM_BYTES
_OVERHEAD_BYTES: Final = 1024  # names, numbers and the key, as Python keeps them


class CachedAudio(msgspec.Struct, frozen=True, gc=False):
    """Audio that was spoken before, and by whom. `made_at` is Unix time; 0: now."""

    audio: bytes
    duration_s: float
    generation_s: float
    engine: str | None
    voice: str | None
    voice_hash: str | None
    provider: str
    model: str
    made_at: float = 0.0

    @property
    def size(self) -> int:
        """Bytes of memory, roughly."""
        return len(self.audio) + _OVERHEAD_BYTES


class _Known(msgspec.Struct, frozen=True):
    """All of an entry but its audio."""

    key: str
    duration_s: float
    generation_s: float
    engine: str | None
    voice: str | None
    voice_hash: str | None
    provider: str
    model: str
    made_at: float


def sealed(key: str, entry: CachedAudio) -> tuple[bytes, bytes]:
    """What a file holds: everything before the audio, and the audio."""
    known = msgspec.json.encode(
        _Known(
            key,
            entry.duration_s,
            entry.generation_s,
            entry.engine,
            entry.voice,
            entry.voice_hash,
            entry.provider,
            entry.model,
            entry.made_at,
        )
    )
    head = _HEAD.pack(_MAGIC, _LAYOUT, len(known), len(entry.audio))
    return head + _sum(head, known, entry.audio) + known, entry.audio


def unsealed(key: str, content: bytes) -> CachedAudio | None:
    """The entry that `content` holds under `key`; None when it is not whole, or another's."""
    if len(content) < _FIXED_BYTES:
        return None
    head = content[: _HEAD.size]
    magic, layout, known_bytes, audio_bytes = _HEAD.unpack(head)
    if (magic, layout, len(content)) != (_MAGIC, _LAYOUT, _FIXED_BYTES + known_bytes + audio_bytes):
        return None
    known, audio = content[_FIXED_BYTES : _FIXED_BYTES + known_bytes], content[_FIXED_BYTES + known_bytes :]
    if content[_HEAD.size : _FIXED_BYTES] != _sum(head, known, audio):
        return None
    try:
        told = msgspec.json.decode(known, type=_Known)
    except (msgspec.MsgspecError, UnicodeDecodeError):  # whole, but of another version of the router
        return None
    if told.key != key:
        return None
    return CachedAudio(
        audio,
        told.duration_s,
        told.generation_s,
        told.engine,
        told.voice,
        told.voice_hash,
        told.provider,
        told.model,
        told.made_at,
    )


def _sum(head: bytes, known: bytes, audio: bytes) -> bytes:
    digest = hashlib.sha256(head)
    digest.update(known)
    digest.update(audio)
    return digest.digest()
