"""What each format can carry, and what is said of what it cannot."""

from typing import Any

import pytest

from router.domain import AudioFormat, Codec, Rendition
from router.errors import InvalidRequest
from router.speech.renditions import Fields, rendition_of

MP3, OPUS, AAC, FLAC, WAV, PCM = AudioFormat


@pytest.mark.parametrize("audio_format", list(AudioFormat))
def test_nothing_said_is_the_usual(audio_format: AudioFormat) -> None:
    """OpenAI's clients say no more than the format."""
    assert Rendition(audio_format) == rendition_of(audio_format)
    assert rendition_of(audio_format).is_usual


@pytest.mark.parametrize(
    ("audio_format", "wish", "expected"),
    [
        (PCM, {"rate_hz": 8_000, "codec": "ulaw"}, Rendition(PCM, 8_000, codec=Codec.MULAW)),
        (WAV, {"rate_hz": 16_000, "bit_depth": 16, "channels": 1}, Rendition(WAV, 16_000)),
        (WAV, {"bit_depth": 8}, Rendition(WAV, codec=Codec.U8)),
        (WAV, {"codec": "PCM", "bit_depth": 24}, Rendition(WAV, codec=Codec.S24LE)),
        (WAV, {"codec": "pcm_alaw", "bit_depth": 8}, Rendition(WAV, codec=Codec.ALAW)),
        (MP3, {"rate_hz": 44_100, "bit_rate": 192_000}, Rendition(MP3, 44_100, bit_rate=192_000)),
        (MP3, {"codec": "mp3", "bit_depth": 16, "channels": 2}, Rendition(MP3, channels=2)),
        (OPUS, {"rate_hz": 48_000, "bit_rate": 32_000}, Rendition(OPUS, 48_000, bit_rate=32_000)),
        (FLAC, {"rate_hz": 37_800}, Rendition(FLAC, 37_800)),
    ],
)
def test_what_is_possible(audio_format: AudioFormat, wish: dict[str, Any], expected: Rendition) -> None:
    """As it was asked for."""
    assert expected == rendition_of(audio_format, **wish)


@pytest.mark.parametrize(
    ("audio_format", "wish", "param", "told"),
    [
        (MP3, {"rate_hz": 23_456}, "sample_rate", "23456 is not possible in mp3; possible: 8000, 11025"),
        (OPUS, {"rate_hz": 44_100}, "sample_rate", "possible: 8000, 12000, 16000, 24000, 48000"),
        (WAV, {"rate_hz": 7_999}, "sample_rate", "must be 8000 to 48000 Hz, is 7999"),
        (WAV, {"rate_hz": 96_000}, "sample_rate", "must be 8000 to 48000 Hz"),
        (WAV, {"channels": 3}, "channels", "must be 1 or 2, is 3"),
        (WAV, {"channels": 0}, "channels", "must be 1 or 2, is 0"),
        (WAV, {"bit_depth": 12}, "bit_depth", "must be 8, 16, 24 or 32, is 12"),
        (FLAC, {"bit_depth": 24}, "bit_depth", "24 is not possible in flac; possible: 16"),
        (WAV, {"codec": "g729"}, "codec", "'g729' is none of pcm_u8"),
        (MP3, {"codec": "pcm_s16le"}, "codec", "is for wav and pcm; mp3 has its own"),
        (WAV, {"codec": "ulaw", "bit_depth": 16}, "bit_depth", "16 contradicts pcm_mulaw, which has 8"),
        (MP3, {"bit_rate": 7_000}, "bit_rate", "must be 8000 to 320000 bit/s in mp3, is 7000"),
        (PCM, {"bit_rate": 64_000}, "bit_rate", "is nothing that pcm has"),
    ],
)
def test_what_is_not(audio_format: AudioFormat, wish: dict[str, Any], param: str, told: str) -> None:
    """Named, with what is."""
    with pytest.raises(InvalidRequest) as caught:
        rendition_of(audio_format, **wish)
    assert param == caught.value.param
    assert told in caught.value.message


def test_fields_are_called_as_the_dialect_calls_them() -> None:
    """Whoever reads it finds it in what was sent."""
    with pytest.raises(InvalidRequest, match=r"audio_format\.sample_rate: must be 8000") as caught:
        rendition_of(WAV, rate_hz=1, fields=Fields(rate_hz="audio_format.sample_rate"))
    assert "audio_format.sample_rate" == caught.value.param
