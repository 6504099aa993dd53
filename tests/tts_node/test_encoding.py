"""Six formats, whole and streamed: what comes out is what went in."""

import struct

import pytest

import sound
from fake_engines import tone
from tts_node.domain import AudioFormat
from tts_node.sound.encoding import encoder_for
from tts_node.sound.wav import wav_header

PCM = tone(1.0)
PADDING_S = 0.07  # MP3 and AAC streams carry their codec's delay


def encode(audio_format: AudioFormat, *, is_whole: bool, step: int = 2880) -> list[bytes]:
    """What each step gave."""
    encoder = encoder_for(audio_format, is_whole=is_whole)
    return [
        *(encoder.feed(PCM[start : start + step]) for start in range(0, len(PCM), step)),
        encoder.finish(),
    ]


@pytest.mark.parametrize("is_whole", [True, False], ids=["whole", "streamed"])
@pytest.mark.parametrize("audio_format", AudioFormat)
def test_duration_and_tone_survive(audio_format: AudioFormat, is_whole: bool) -> None:
    """Decoded, a second of 220 Hz is still a second of 220 Hz."""
    heard = sound.decode(b"".join(encode(audio_format, is_whole=is_whole)), audio_format)
    assert 1.0 == pytest.approx(heard.duration_s, abs=PADDING_S)
    assert 5657 == pytest.approx(heard.loudness, rel=0.1)
    assert heard.band(190, 250) > 20 * heard.band(600, 2000)


@pytest.mark.parametrize("audio_format", ["mp3", "opus", "flac", "wav", "pcm"])
def test_whole_files_tell_their_exact_length(audio_format: AudioFormat) -> None:
    """A complete reply's header knows the samples, so that players show the right time (ADTS has none)."""
    heard = sound.decode(b"".join(encode(AudioFormat(audio_format), is_whole=True)), audio_format)
    assert 1.0 == pytest.approx(heard.duration_s, abs=0.001)


@pytest.mark.parametrize("audio_format", AudioFormat)
def test_streams_give_bytes_early(audio_format: AudioFormat) -> None:
    """Within 0.2 s of audio something can be sent, and no later piece holds more than half."""
    steps = encode(audio_format, is_whole=False)
    assert any(steps[:4])
    assert sum(map(len, steps)) / 2 > max(map(len, steps[3:]))


@pytest.mark.parametrize("audio_format", AudioFormat)
@pytest.mark.parametrize("is_whole", [True, False])
def test_nothing_in_is_no_fault(audio_format: AudioFormat, is_whole: bool) -> None:
    """An encoder that was fed nothing closes cleanly, twice."""
    encoder = encoder_for(audio_format, is_whole=is_whole)
    assert isinstance(encoder.finish(), bytes)
    encoder.close()
    encoder.close()


@pytest.mark.parametrize(
    ("data_bytes", "sizes"), [(None, (0xFFFFFFFF, 0xFFFFFFFF)), (48000, (48036, 48000)), (0, (36, 0))]
)
def test_wav_headers(data_bytes: int | None, sizes: tuple[int, int]) -> None:
    """44 bytes, true sizes when they are known, 0xFFFFFFFF when they are not."""
    header = wav_header(data_bytes)
    assert 44 == len(header)
    assert sizes == (*struct.unpack_from("<I", header, 4), *struct.unpack_from("<I", header, 40))
    assert (1, 1, 24000, 48000, 2, 16) == struct.unpack_from("<HHIIHH", header, 20)


@pytest.mark.parametrize(
    ("audio_format", "expected"),
    [
        ("mp3", "audio/mpeg"),
        ("opus", "audio/ogg"),
        ("aac", "audio/aac"),
        ("flac", "audio/flac"),
        ("wav", "audio/wav"),
    ],
)
def test_media_types(audio_format: str, expected: str) -> None:
    """Each format under its own name."""
    assert expected == AudioFormat(audio_format).media_type
