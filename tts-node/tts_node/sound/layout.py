"""Sample rate, depth, channels and codec: what each format can carry, and which were asked for. Pure.

Every combination that a format has no place for is a BadRequest that names the field and what is possible.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tts_node.domain import PLAIN, SAMPLE_RATE, AudioFormat, Codec, Layout
from tts_node.errors import BadRequest

_RATES = (8_000, 48_000)
_MPEG_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)  # RFC 6716, section 2
_ALIASES = {"mulaw": "pcm_mulaw", "ulaw": "pcm_mulaw", "pcm_ulaw": "pcm_mulaw", "alaw": "pcm_alaw"}
_OF_DEPTH = {8: Codec.PCM_U8, 16: Codec.PCM_S16LE, 24: Codec.PCM_S24LE, 32: Codec.PCM_S32LE}


@dataclass(frozen=True, slots=True)
class Capacity:
    """What one format can carry."""

    rates: tuple[int, ...] = ()  # none: any from 8 to 48 kHz
    depths: tuple[int, ...] = (16,)  # of lossy formats: what a client may say without meaning anything
    has_codec: bool = False
    default_rate: int = SAMPLE_RATE


CAPACITIES = {
    AudioFormat.WAV: Capacity(depths=tuple(_OF_DEPTH), has_codec=True),
    AudioFormat.PCM: Capacity(depths=tuple(_OF_DEPTH), has_codec=True),
    AudioFormat.FLAC: Capacity(depths=(16, 24)),
    AudioFormat.MP3: Capacity(rates=_MPEG_RATES),
    AudioFormat.AAC: Capacity(rates=_MPEG_RATES),
    AudioFormat.OPUS: Capacity(rates=_OPUS_RATES, default_rate=48_000),
}


def layout_of(
    audio_format: AudioFormat,
    sample_rate: int | None = None,
    bit_depth: int | None = None,
    channels: int | None = None,
    codec: str | None = None,
) -> Layout:
    """Of the fields as they were asked for. Raises BadRequest."""
    capacity = CAPACITIES[audio_format]
    return Layout(
        _rate(audio_format, capacity, sample_rate),
        _channels(channels),
        _codec(audio_format, capacity, bit_depth, codec),
    )


def media_type_of(audio_format: AudioFormat, layout: Layout) -> str:
    """The reply's Content-Type. Raw samples tell what they are unless they are the default.

    Raw companded speech is RFC 4856's audio/PCMU and audio/PCMA, with the rate and channels as parameters;
    in its classical shape, 8 kHz mono µ-law, RFC 2046's audio/basic, which players know.
    """
    if audio_format is not AudioFormat.PCM or layout == PLAIN:
        return audio_format.media_type
    shape = f"rate={layout.sample_rate};channels={layout.channels}"
    if layout.codec is Codec.PCM_MULAW:
        is_basic = (layout.sample_rate, layout.channels) == (8_000, 1)
        return "audio/basic" if is_basic else f"audio/PCMU;{shape}"
    if layout.codec is Codec.PCM_ALAW:
        return f"audio/PCMA;{shape}"
    bits = "" if layout.codec is Codec.PCM_S16LE else f";bits={layout.codec.bits}"
    return f"audio/pcm;{shape}{bits}"


def _rate(audio_format: AudioFormat, capacity: Capacity, wanted: int | None) -> int:
    if wanted is None:
        return capacity.default_rate
    low, high = _RATES
    if not low <= wanted <= high:
        raise BadRequest(
            f"'sample_rate' must be from {low} to {high}, in hertz.", param="sample_rate", code="out_of_range"
        )
    if capacity.rates and wanted not in capacity.rates:
        raise _impossible("sample_rate", wanted, audio_format, capacity.rates)
    return wanted


def _channels(wanted: int | None) -> int:
    if wanted not in (None, 1, 2):
        raise BadRequest("'channels' must be 1 or 2.", param="channels", code="out_of_range")
    return wanted or 1


def _codec(audio_format: AudioFormat, capacity: Capacity, depth: int | None, name: str | None) -> Codec:
    if depth is not None and depth not in _OF_DEPTH:
        raise BadRequest("'bit_depth' must be 8, 16, 24 or 32.", param="bit_depth", code="out_of_range")
    if name and capacity.has_codec:
        return _named_codec(name, depth)
    if name and name.lower() != audio_format:
        raise BadRequest(
            f"'codec' chooses among the codecs of wav and pcm; {audio_format} is {audio_format}. "
            "Set 'response_format' to wav or pcm.",
            param="codec",
            code="impossible_codec",
        )
    if depth is not None and depth not in capacity.depths:
        raise _impossible("bit_depth", depth, audio_format, capacity.depths)
    return _OF_DEPTH[depth or 16]


def _named_codec(name: str, depth: int | None) -> Codec:
    try:
        codec = Codec(_ALIASES.get(name.lower(), name.lower()))
    except ValueError as exc:
        known = ", ".join((*Codec, *_ALIASES))
        raise BadRequest(f"'codec' {name!a} is none of {known}.", param="codec", code="unknown_codec") from exc
    if depth not in (None, codec.bits):
        raise BadRequest(
            f"'bit_depth' {depth} contradicts 'codec' {codec}, which has {codec.bits} bits.",
            param="bit_depth",
            code="impossible_bit_depth",
        )
    return codec


def _impossible(field: str, wanted: int, audio_format: AudioFormat, possible: Sequence[int]) -> BadRequest:
    known = ", ".join(map(str, possible))
    return BadRequest(
        f"'{field}' {wanted} is not possible in {audio_format}; possible: {known}.",
        param=field,
        code=f"impossible_{field}",
    )
