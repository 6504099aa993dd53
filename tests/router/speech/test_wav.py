"""The heads of WAV files."""

import struct
import wave
from io import BytesIO

import pytest
from encoded import encode_whole
from fakes import pcm

from router.domain import AudioFormat, Codec, Rendition
from router.speech import wav
from router.speech.encoding import encoder_of

WAV = AudioFormat.WAV


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("codec", [Codec.U8, Codec.S16LE, Codec.S24LE, Codec.S32LE])
def test_pcm_has_the_canonical_head(rate_hz: int, channels: int, codec: Codec) -> None:
    """As Python's own reader reads it."""
    file = encode_whole(pcm(0.5), Rendition(WAV, rate_hz, channels, codec=codec))
    with wave.open(BytesIO(file)) as read:
        assert (rate_hz, channels, codec.bits // 8) == (
            read.getframerate(),
            read.getnchannels(),
            read.getsampwidth(),
        )
        assert abs(read.getnframes() - rate_hz / 2) <= 1
        data = read.getnframes() * channels * codec.bits // 8
        assert len(file) == 44 + data + data % 2


@pytest.mark.parametrize(("codec", "tag"), [(Codec.ALAW, 6), (Codec.MULAW, 7)])
@pytest.mark.parametrize("channels", [1, 2])
def test_companded_samples_have_a_tag_and_a_fact(codec: Codec, tag: int, channels: int) -> None:
    """8 bits each; `fact` counts those of one channel."""
    file = encode_whole(pcm(0.5), Rendition(WAV, 8_000, channels, codec=codec))
    expected = struct.pack(
        "<4sI4s4sIHHIIHHH4sII4sI",
        b"RIFF",
        len(file) - 8,
        b"WAVE",
        b"fmt ",
        18,
        tag,
        channels,
        8_000,
        8_000 * channels,
        channels,
        8,
        0,
        b"fact",
        4,
        4_000,
        b"data",
        4_000 * channels,
    )
    assert expected == file[:58]
    assert len(file) == 58 + 4_000 * channels


def test_chunks_have_an_even_length() -> None:
    """A byte follows an odd number of samples; it is counted in the file and not in the data."""
    file = encode_whole(pcm(0.001) + pcm(0.001)[:6], Rendition(WAV, 24_000, codec=Codec.MULAW))
    assert (27, 58 + 28, 58 + 28 - 8) == (
        int.from_bytes(file[54:58], "little"),
        len(file),
        int.from_bytes(file[4:8], "little"),
    )


@pytest.mark.parametrize("codec", [Codec.S16LE, Codec.MULAW])
def test_a_stream_says_that_nobody_knows_its_length(codec: Codec) -> None:
    """0xFFFFFFFF, wherever a size is."""
    rendition = Rendition(WAV, 8_000, codec=codec)
    head = wav.open_header(rendition)
    encoder = encoder_of(rendition)
    assert (encoder.feed(pcm(1.0)) + encoder.close()).startswith(head)
    assert all(head[at : at + 4] == b"\xff\xff\xff\xff" for at, _ in wav.sizes(rendition, len(head)))
