"""ElevenLabs' `output_format`: codec, rate and kbit/s in one word. All 28 of its text-to-speech (SDK 2.78.0,
`text_to_speech_convert_request_output_format.py`)."""

from collections.abc import Mapping
from typing import Final

from router.domain import AudioFormat, Codec, Rendition
from router.errors import InvalidRequest

DEFAULT: Final = "mp3_44100_128"
_RATES_HZ: Final = (8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_MP3: Final = ((22_050, 32), (24_000, 48), *((44_100, kbit) for kbit in (32, 64, 96, 128, 192)))
_OPUS: Final = tuple((48_000, kbit) for kbit in (32, 64, 96, 128, 192))

OUTPUT_FORMATS: Final[Mapping[str, Rendition]] = {
    **{f"mp3_{hz}_{kbit}": Rendition(AudioFormat.MP3, hz, bit_rate=kbit * 1000) for hz, kbit in _MP3},
    **{f"opus_{hz}_{kbit}": Rendition(AudioFormat.OPUS, hz, bit_rate=kbit * 1000) for hz, kbit in _OPUS},
    **{f"pcm_{hz}": Rendition(AudioFormat.PCM, hz) for hz in _RATES_HZ},
    **{f"wav_{hz}": Rendition(AudioFormat.WAV, hz) for hz in _RATES_HZ},
    "ulaw_8000": Rendition(AudioFormat.PCM, 8_000, codec=Codec.MULAW),
    "alaw_8000": Rendition(AudioFormat.PCM, 8_000, codec=Codec.ALAW),
}


def rendition_named(name: str) -> Rendition:
    """What `output_format` means. Raises InvalidRequest."""
    found = OUTPUT_FORMATS.get(name)
    if found is None:
        raise InvalidRequest(
            f"No output_format is called {name[:100]!r}; known: {', '.join(OUTPUT_FORMATS)}.",
            param="output_format",
            code="unknown_format",
        )
    return found
