"""Sample rate, depth, channels, codec and bit rate: what each format can carry, and which were asked for. Pure.

What a format has no place for is an InvalidRequest that says what is possible.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from router.domain import SAMPLE_RATE_HZ, AudioFormat, Codec, Rendition
from router.errors import InvalidRequest

_RATES_HZ: Final = (8_000, 48_000)
_MPEG_RATES_HZ: Final = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_OPUS_RATES_HZ: Final = (8_000, 12_000, 16_000, 24_000, 48_000)  # RFC 6716 §2; it is played at 48 kHz always
_CHANNELS: Final = (1, 2)
_ALIASES: Final = {
    "s16le": Codec.S16LE,
    "mulaw": Codec.MULAW,
    "ulaw": Codec.MULAW,
    "pcm_ulaw": Codec.MULAW,
    "alaw": Codec.ALAW,
}
_OF_DEPTH: Final = {8: Codec.U8, 16: Codec.S16LE, 24: Codec.S24LE, 32: Codec.S32LE}


@dataclass(frozen=True, slots=True)
class _Capacity:
    """What one format can carry. `rates_hz`: none means any from 8 to 48 kHz; `bit_rates`: per second, from and
    to; `depths`: of lossy formats what may be said without meaning anything."""

    rates_hz: tuple[int, ...] = ()
    depths: tuple[int, ...] = (16,)
    bit_rates: tuple[int, int] | None = None
    has_codec: bool = False


_CAPACITIES: Final[Mapping[AudioFormat, _Capacity]] = {
    AudioFormat.WAV: _Capacity(depths=tuple(_OF_DEPTH), has_codec=True),
    AudioFormat.PCM: _Capacity(depths=tuple(_OF_DEPTH), has_codec=True),
    AudioFormat.FLAC: _Capacity(),
    AudioFormat.MP3: _Capacity(_MPEG_RATES_HZ, bit_rates=(8_000, 320_000)),
    AudioFormat.AAC: _Capacity(_MPEG_RATES_HZ, bit_rates=(8_000, 320_000)),
    AudioFormat.OPUS: _Capacity(_OPUS_RATES_HZ, bit_rates=(6_000, 510_000)),  # RFC 7587 §3.1.1
}


@dataclass(frozen=True, slots=True)
class Fields:
    """What a dialect calls them, for what is said of them."""

    rate_hz: str = "sample_rate"
    depth: str = "bit_depth"
    channels: str = "channels"
    codec: str = "codec"
    bit_rate: str = "bit_rate"


_FIELDS: Final = Fields()


def rendition_of(
    audio_format: AudioFormat,
    *,
    rate_hz: int | None = None,
    bit_depth: int | None = None,
    channels: int | None = None,
    codec: str | None = None,
    bit_rate: int | None = None,
    fields: Fields = _FIELDS,
) -> Rendition:
    """What was asked for; None where nothing was said of it. Raises InvalidRequest naming the field."""
    capacity = _CAPACITIES[audio_format]
    return Rendition(
        audio_format,
        _rate_hz(audio_format, capacity, rate_hz, fields.rate_hz),
        _channels(channels, fields.channels),
        _bit_rate(audio_format, capacity, bit_rate, fields.bit_rate),
        _codec(audio_format, capacity, bit_depth, codec, fields),
    )


def _rate_hz(audio_format: AudioFormat, capacity: _Capacity, wanted: int | None, field: str) -> int:
    if wanted is None:
        return SAMPLE_RATE_HZ
    low, high = _RATES_HZ
    if not low <= wanted <= high:
        raise _bad(field, f"must be {low} to {high} Hz, is {wanted}")
    if capacity.rates_hz and wanted not in capacity.rates_hz:
        raise _impossible(field, wanted, audio_format, capacity.rates_hz)
    return wanted


def _channels(wanted: int | None, field: str) -> int:
    if wanted not in (None, *_CHANNELS):
        raise _bad(field, f"must be 1 or 2, is {wanted}")
    return wanted or 1


def _bit_rate(audio_format: AudioFormat, capacity: _Capacity, wanted: int | None, field: str) -> int | None:
    if wanted is None:
        return None
    if capacity.bit_rates is None:
        raise _bad(field, f"is nothing that {audio_format} has", "impossible_value")
    low, high = capacity.bit_rates
    if not low <= wanted <= high:
        raise _bad(field, f"must be {low} to {high} bit/s in {audio_format}, is {wanted}")
    return wanted


def _codec(
    audio_format: AudioFormat, capacity: _Capacity, depth: int | None, name: str | None, fields: Fields
) -> Codec:
    if depth is not None and depth not in _OF_DEPTH:
        raise _bad(fields.depth, f"must be 8, 16, 24 or 32, is {depth}")
    if name and capacity.has_codec:
        return _named(name, depth, fields)
    if name and name.lower() != audio_format:
        raise _bad(
            fields.codec, f"{name[:100]!r} is for wav and pcm; {audio_format} has its own", "impossible_value"
        )
    if depth is not None and depth not in capacity.depths:
        raise _impossible(fields.depth, depth, audio_format, capacity.depths)
    return _OF_DEPTH[depth or 16]


def _named(name: str, depth: int | None, fields: Fields) -> Codec:
    word = name.lower()
    if word in {AudioFormat.PCM, AudioFormat.WAV}:
        return _OF_DEPTH[depth or 16]
    try:
        codec = _ALIASES.get(word) or Codec(word)
    except ValueError:
        known = ", ".join((*Codec, *_ALIASES))
        raise _bad(fields.codec, f"{name[:100]!r} is none of {known}", "unknown_format") from None
    if depth not in (None, codec.bits):
        raise _bad(fields.depth, f"{depth} contradicts {codec}, which has {codec.bits}", "impossible_value")
    return codec


def _impossible(field: str, wanted: int, audio_format: AudioFormat, possible: Sequence[int]) -> InvalidRequest:
    known = ", ".join(map(str, possible))
    return _bad(field, f"{wanted} is not possible in {audio_format}; possible: {known}", "impossible_value")


def _bad(field: str, what: str, code: str = "out_of_range") -> InvalidRequest:
    return InvalidRequest(f"{field}: {what}.", param=field, code=code)
