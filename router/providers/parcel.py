"""Sound as servers without a contract send it: as it is, or as base64 in JSON beside figures; and what they say
when they send none."""

import asyncio
import base64
import binascii
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from router.answers import is_json
from router.domain import Segment
from router.errors import Malformed
from router.ports import ResponseHead
from router.providers.asking import Complaint
from router.speech.checking import longest_s
from router.speech.stretching import at_speed

MOST_FIGURE: Final = 86_400.0  # seconds, or a factor, or Hz: more is nonsense
_SOUND_KEYS: Final = ("audio", "audio_base64", "audio_content", "audio_data", "data")
_FIGURES_AT: Final = ("metadata", "metrics")  # where servers put figures, if not beside the sound
_ODD: Final = 2.0  # times the longest that is plausible are decoded, and judged by comparison; more is a bomb
_MAGIC: Final = (b"RIFF", b"RF64", b"ID3", b"OggS", b"fLaC", b"FORM", b".snd")
_MP3: Final = frozenset({0xFB, 0xFA, 0xF3, 0xF2, 0xE3, 0xE2})  # layer III's second byte (ISO 11172-3 §2.4.1.3)


class Parcel(NamedTuple):
    """`sound` in whatever container, or in none; `told`: what was beside it."""

    sound: bytes
    told: Mapping[str, object] = {}

    def figure(self, *names: str) -> float | None:
        """The first of these that is a figure: not negative, and no nonsense."""
        inside = [self.told[key] for key in _FIGURES_AT if key in self.told]
        places = [self.told, *(place for place in inside if isinstance(place, dict))]
        found = (_figure(place.get(name)) for place in places for name in names)
        return next((each for each in found if each is not None), None)


async def unpacked(head: ResponseHead, body: bytes) -> Parcel:
    """What a 200 brought. Raises Malformed."""
    return await asyncio.to_thread(_opened, body) if is_json(head) else Parcel(body)


def _opened(body: bytes) -> Parcel:
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise Malformed(f"answered with broken JSON: {exc}") from exc
    encoded = next((told[key] for key in _SOUND_KEYS if told.get(key)), None) if isinstance(told, dict) else None
    if not isinstance(encoded, str):
        raise Malformed("answered with JSON in which there is no sound")
    if encoded.startswith("data:"):
        encoded = encoded.partition(",")[2]
    try:
        return Parcel(base64.b64decode(encoded, validate=True), told)
    except (binascii.Error, ValueError) as exc:
        raise Malformed(f"sent sound that is no base64: {exc}") from exc


def has_container(sound: bytes) -> bool:
    """Whether it says itself what it is."""
    return sound.startswith(_MAGIC) or (len(sound) > 1 and sound[0] == 0xFF and sound[1] in _MP3)


async def pcm_of(sound: bytes, segment: Segment, faster: float = 1.0) -> bytes:
    """The house's PCM of it, `faster` times as fast, at the same pitch. Raises Malformed."""
    most_s = _ODD * longest_s(segment.text, segment.speed / faster)
    return await at_speed(await asyncio.to_thread(_to_pcm, sound, most_s), faster)


def _to_pcm(sound: bytes, most_s: float) -> bytes:
    from router.speech.decoding import to_pcm  # PyAV, 17 MB: not where nobody speaks

    return to_pcm(sound, most_s)


def complaint_of(body: bytes) -> Complaint:
    """What FastAPI's, Flask's and their like say: `error` (a text or an object), `detail` (a text, or a list of
    what is wrong where) or `message`. A page of HTML says nothing."""
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Complaint()
    told = (said.get(key) for key in ("error", "detail", "message")) if isinstance(said, dict) else ()
    return next((complaint for each in told if (complaint := _complaint(each)) is not None), Complaint())


def _complaint(told: object) -> Complaint | None:
    match told:
        case str(text) if text:
            return Complaint(text)
        case {"message": str(text), **more}:
            return Complaint(text, _text(more.get("param")), _text(more.get("code")))
        case [{"msg": str(text), **more}, *_]:  # FastAPI's 422
            where = more.get("loc")
            param = str(where[-1]) if isinstance(where, list) and where else None
            return Complaint(f"{param}: {text}" if param else text, param)
    return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _figure(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < MOST_FIGURE else None
