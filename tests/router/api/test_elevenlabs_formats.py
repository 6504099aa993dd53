"""ElevenLabs' output formats: 28 words, each what it says."""

import pytest

from router.api.elevenlabs_formats import DEFAULT, OUTPUT_FORMATS, rendition_named
from router.domain import AudioFormat, Codec, Rendition
from router.errors import InvalidRequest

# As its SDK 2.78.0 lists them (text_to_speech_convert_request_output_format.py).
ALL = [
    "alaw_8000",
    "ulaw_8000",
    *(
        "mp3_22050_32",
        "mp3_24000_48",
        "mp3_44100_128",
        "mp3_44100_192",
        "mp3_44100_32",
        "mp3_44100_64",
        "mp3_44100_96",
    ),
    *("opus_48000_128", "opus_48000_192", "opus_48000_32", "opus_48000_64", "opus_48000_96"),
    *("pcm_16000", "pcm_22050", "pcm_24000", "pcm_32000", "pcm_44100", "pcm_48000", "pcm_8000"),
    *("wav_16000", "wav_22050", "wav_24000", "wav_32000", "wav_44100", "wav_48000", "wav_8000"),
]


def test_all_of_them_are_known() -> None:
    """And no others."""
    assert sorted(ALL) == sorted(OUTPUT_FORMATS)
    assert 28 == len(OUTPUT_FORMATS)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (DEFAULT, Rendition(AudioFormat.MP3, 44_100, bit_rate=128_000)),
        ("mp3_22050_32", Rendition(AudioFormat.MP3, 22_050, bit_rate=32_000)),
        ("opus_48000_192", Rendition(AudioFormat.OPUS, 48_000, bit_rate=192_000)),
        ("pcm_24000", Rendition(AudioFormat.PCM)),
        ("wav_44100", Rendition(AudioFormat.WAV, 44_100)),
        ("ulaw_8000", Rendition(AudioFormat.PCM, 8_000, codec=Codec.MULAW)),
        ("alaw_8000", Rendition(AudioFormat.PCM, 8_000, codec=Codec.ALAW)),
    ],
)
def test_what_a_word_means(name: str, expected: Rendition) -> None:
    """Codec, rate, kbit/s."""
    assert expected == rendition_named(name)


@pytest.mark.parametrize("name", ["mp3", "mp3_44100", "MP3_44100_128", "pcm_24000_16", "x" * 5000])
def test_others_are_refused(name: str) -> None:
    """With those that there are."""
    with pytest.raises(InvalidRequest, match="known: mp3_22050_32") as caught:
        rendition_named(name)
    assert ("output_format", "unknown_format") == (caught.value.param, caught.value.code)
    assert len(caught.value.message) < 1000
