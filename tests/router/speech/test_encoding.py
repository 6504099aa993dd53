"""The house's PCM into the client's format."""

import io
import struct
from itertools import pairwise

import av
import pytest
from encoded import encode_whole
from fakes import pcm
from hypothesis import given, settings
from hypothesis import strategies as st

from router.domain import AudioFormat, Rendition
from router.speech.decoding import to_pcm
from router.speech.encoding import encoder_of

SECOND = pcm(1.0)


@pytest.mark.parametrize("audio_format", list(AudioFormat))
@settings(max_examples=12, deadline=None)
@given(cuts=st.lists(st.integers(0, len(SECOND)), max_size=8))
def test_how_the_pcm_is_cut_changes_nothing(audio_format: AudioFormat, cuts: list[int]) -> None:
    """Pieces of any size, odd ones too, give the bytes of the whole."""
    whole = encoder_of(Rendition(audio_format))
    expected = whole.feed(SECOND) + whole.close()
    pieces = encoder_of(Rendition(audio_format))
    edges = [0, *sorted(cuts), len(SECOND)]
    got = b"".join(pieces.feed(SECOND[a:b]) for a, b in pairwise(edges)) + pieces.close()
    if audio_format is AudioFormat.OPUS:  # every Ogg stream has a random serial number, and so other checksums
        assert len(expected) == len(got)
        assert to_pcm(expected, 60.0) == to_pcm(got, 60.0)
    else:
        assert expected == got


@pytest.mark.parametrize(
    ("audio_format", "codec", "rate"),
    [
        (AudioFormat.MP3, "mp3", 24_000),
        (AudioFormat.OPUS, "opus", 48_000),
        (AudioFormat.AAC, "aac", 24_000),
        (AudioFormat.FLAC, "flac", 24_000),
        (AudioFormat.WAV, "pcm_s16le", 24_000),
    ],
)
def test_what_is_encoded_is_what_it_says(audio_format: AudioFormat, codec: str, rate: int) -> None:
    """Codec, rate, mono and length, read by a decoder."""
    with av.open(io.BytesIO(encode_whole(SECOND, audio_format)), "r") as container:
        stream = container.streams.audio[0]
        assert (codec, rate, 1) == (stream.codec_context.name.removesuffix("float"), stream.rate, stream.channels)
        frames = [frame.samples for frame in container.decode(stream)]
    assert abs(sum(frames) / rate - 1.0) < 0.15


@pytest.mark.parametrize("audio_format", [AudioFormat.WAV, AudioFormat.FLAC])
def test_lossless_formats_lose_nothing(audio_format: AudioFormat) -> None:
    """Sample for sample."""
    assert SECOND == to_pcm(encode_whole(SECOND, audio_format), 60.0)


def test_pcm_is_passed_through() -> None:
    """No container, no delay."""
    encoder = encoder_of(Rendition(AudioFormat.PCM))
    assert (SECOND, b"") == (encoder.feed(SECOND), encoder.close())


def test_a_whole_wav_has_true_sizes_and_a_plain_header() -> None:
    """Players of every kind read the canonical 44 bytes."""
    wav = encode_whole(SECOND, AudioFormat.WAV)
    expected = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        len(wav) - 8,
        b"WAVE",
        b"fmt ",
        16,
        1,
        1,
        24_000,
        48_000,
        2,
        16,
        b"data",
        len(SECOND),
    )
    assert expected + SECOND == wav


def test_a_streamed_wav_has_open_sizes() -> None:
    """Its length is not known when its header goes out."""
    encoder = encoder_of(Rendition(AudioFormat.WAV))
    wav = encoder.feed(SECOND) + encoder.close()
    assert (b"\xff\xff\xff\xff", b"\xff\xff\xff\xff") == (wav[4:8], wav[40:44])


@pytest.mark.parametrize(
    "audio_format", [AudioFormat.MP3, AudioFormat.OPUS, AudioFormat.AAC, AudioFormat.WAV, AudioFormat.PCM]
)
def test_bytes_come_out_while_bytes_go_in(audio_format: AudioFormat) -> None:
    """An encoder that holds everything back could not stream."""
    encoder = encoder_of(Rendition(audio_format))
    early = b"".join(encoder.feed(SECOND[at : at + 4800]) for at in range(0, len(SECOND), 4800))
    assert len(early) > 0.5 * len(early + encoder.close())


@pytest.mark.parametrize("audio_format", list(AudioFormat))
def test_no_sample_at_all_is_a_file_all_the_same(audio_format: AudioFormat) -> None:
    """A text that is nothing but dots may be spoken as nothing."""
    assert isinstance(encode_whole(b"", audio_format), bytes)


def test_an_empty_wav_is_a_wav() -> None:
    """44 bytes and no sample."""
    assert (44, b"RIFF") == (len(encode_whole(b"", AudioFormat.WAV)), encode_whole(b"", AudioFormat.WAV)[:4])
