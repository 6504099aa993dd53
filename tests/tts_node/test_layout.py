"""Which rate, depth, channels and codec each format can carry, and how the reply is named."""

import pytest

from tts_node.domain import AudioFormat, Codec, Layout
from tts_node.errors import BadRequest
from tts_node.sound.layout import layout_of, media_type_of


@pytest.mark.parametrize(
    ("audio_format", "wish", "expected"),
    [
        ("wav", {}, Layout()),
        ("mp3", {}, Layout()),
        ("opus", {}, Layout(48_000)),
        ("wav", {"sample_rate": 11_111, "channels": 2, "bit_depth": 24}, Layout(11_111, 2, Codec.PCM_S24LE)),
        ("pcm", {"bit_depth": 8}, Layout(codec=Codec.PCM_U8)),
        ("wav", {"codec": "ulaw", "sample_rate": 8000}, Layout(8000, codec=Codec.PCM_MULAW)),
        ("wav", {"codec": "MULAW", "bit_depth": 8}, Layout(codec=Codec.PCM_MULAW)),
        ("pcm", {"codec": "alaw"}, Layout(codec=Codec.PCM_ALAW)),
        ("pcm", {"codec": "pcm_s16le", "bit_depth": 16, "sample_rate": 16_000, "channels": 1}, Layout(16_000)),
        ("flac", {"bit_depth": 24, "sample_rate": 44_100}, Layout(44_100, codec=Codec.PCM_S24LE)),
        ("mp3", {"bit_depth": 16, "sample_rate": 22_050, "codec": "mp3"}, Layout(22_050)),
        ("opus", {"sample_rate": 16_000}, Layout(16_000)),
        ("aac", {"channels": 2}, Layout(channels=2)),
    ],
)
def test_what_is_possible(audio_format: str, wish: dict[str, int], expected: Layout) -> None:
    """Asked for and given."""
    assert expected == layout_of(AudioFormat(audio_format), **wish)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("audio_format", "wish", "param", "told"),
    [
        ("wav", {"sample_rate": 7999}, "sample_rate", "8000 to 48000"),
        ("wav", {"sample_rate": 48_001}, "sample_rate", "8000 to 48000"),
        ("wav", {"channels": 3}, "channels", "1 or 2"),
        ("wav", {"channels": 0}, "channels", "1 or 2"),
        ("wav", {"bit_depth": 12}, "bit_depth", "8, 16, 24 or 32"),
        ("wav", {"codec": "pcm_f32le"}, "codec", "pcm_s24le"),
        ("wav", {"codec": "mp3"}, "codec", "pcm_mulaw"),
        ("wav", {"codec": "pcm_mulaw", "bit_depth": 16}, "bit_depth", "8 bits"),
        ("opus", {"sample_rate": 44_100}, "sample_rate", "8000, 12000, 16000, 24000, 48000"),
        ("mp3", {"sample_rate": 44_000}, "sample_rate", "44100"),
        ("mp3", {"bit_depth": 24}, "bit_depth", "16"),
        ("mp3", {"codec": "pcm_s16le"}, "codec", "wav or pcm"),
        ("aac", {"sample_rate": 9000}, "sample_rate", "8000"),
        ("flac", {"bit_depth": 32}, "bit_depth", "16, 24"),
        ("flac", {"bit_depth": 8}, "bit_depth", "16, 24"),
    ],
)
def test_what_is_not(audio_format: str, wish: dict[str, int], param: str, told: str) -> None:
    """A 400 that names the field and what would be possible."""
    with pytest.raises(BadRequest) as caught:
        layout_of(AudioFormat(audio_format), **wish)  # type: ignore[arg-type]
    assert param == caught.value.param
    assert told in caught.value.message


@pytest.mark.parametrize(
    ("audio_format", "layout", "expected"),
    [
        ("pcm", Layout(), "audio/pcm"),
        ("pcm", Layout(16_000), "audio/pcm;rate=16000;channels=1"),
        ("pcm", Layout(24_000, 2, Codec.PCM_S24LE), "audio/pcm;rate=24000;channels=2;bits=24"),
        ("pcm", Layout(8000, 1, Codec.PCM_MULAW), "audio/basic"),
        ("pcm", Layout(16_000, 1, Codec.PCM_MULAW), "audio/PCMU;rate=16000;channels=1"),
        ("pcm", Layout(8000, 1, Codec.PCM_ALAW), "audio/PCMA;rate=8000;channels=1"),
        ("wav", Layout(8000, 1, Codec.PCM_MULAW), "audio/wav"),
        ("mp3", Layout(8000), "audio/mpeg"),
    ],
)
def test_names_of_replies(audio_format: str, layout: Layout, expected: str) -> None:
    """Raw samples tell their shape, files do that themselves."""
    assert expected == media_type_of(AudioFormat(audio_format), layout)
