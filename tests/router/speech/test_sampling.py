"""Other rates, channels, depths and codecs: the same sound, as long as before, wherever the pieces are cut."""

from itertools import pairwise

import numpy as np
import pytest
from encoded import encode_whole
from hypothesis import given, settings
from hypothesis import strategies as st
from tones import heard, loudest_hz, rms, share_beside, tone

from router.domain import AudioFormat, Codec, Rendition
from router.speech.encoding import encoder_of

RATES_HZ = [8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000]
SECOND = tone(1_000.0, 1.0)
RAW = {
    Codec.U8: "u8",
    Codec.S16LE: "s16le",
    Codec.S24LE: "s24le",
    Codec.S32LE: "s32le",
    Codec.MULAW: "mulaw",
    Codec.ALAW: "alaw",
}
# What is beside the tone: the noise of 8 bits, and of companding, is part of them.
NOISE = {Codec.U8: 3e-4, Codec.MULAW: 1e-3, Codec.ALAW: 1e-3}
COMPRESSED = [
    *(Rendition(AudioFormat.MP3, 44_100, bit_rate=rate) for rate in (32_000, 64_000, 128_000, 192_000)),
    Rendition(AudioFormat.MP3, 22_050, bit_rate=32_000),
    Rendition(AudioFormat.MP3, 48_000, channels=2),
    *(Rendition(AudioFormat.OPUS, 48_000, bit_rate=rate) for rate in (32_000, 64_000, 192_000)),
    Rendition(AudioFormat.OPUS, 16_000, channels=2),
    Rendition(AudioFormat.AAC, 44_100, channels=2, bit_rate=128_000),
    Rendition(AudioFormat.FLAC, 44_100),
    Rendition(AudioFormat.FLAC, 37_800, channels=2),
]


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("codec", list(Codec))
@pytest.mark.parametrize("channels", [1, 2])
def test_a_tone_stays_what_it_is(rate_hz: int, codec: Codec, channels: int) -> None:
    """1 kHz, as loud and as long, and nothing beside it."""
    raw = encode_whole(SECOND, Rendition(AudioFormat.PCM, rate_hz, channels, codec=codec))
    rate, got = heard(raw, RAW[codec], sample_rate=str(rate_hz), ch_layout="stereo" if channels == 2 else "mono")
    assert (rate_hz, channels) == (rate, got.shape[0])
    assert abs(got.shape[1] - rate_hz) <= 2
    assert abs(loudest_hz(got[0], rate_hz) - 1_000) <= 2
    assert abs(rms(got[0]) - 0.5 / 2**0.5) < 0.01
    assert share_beside(got[0], rate_hz, 1_000) < NOISE.get(codec, 1e-6)
    assert (got[0] == got[-1]).all()


@pytest.mark.parametrize("rendition", COMPRESSED, ids=str)
def test_what_compresses_keeps_it_too(rendition: Rendition) -> None:
    """In a file of that rate and so many channels."""
    rate, got = heard(encode_whole(tone(1_000.0, 2.0), rendition))
    expected_rate = 48_000 if rendition.format is AudioFormat.OPUS else rendition.rate_hz
    assert (expected_rate, rendition.channels) == (rate, got.shape[0])
    assert abs(got.shape[1] / rate - 2.0) < (2 / rate if rendition.format is AudioFormat.FLAC else 0.15)
    middle = got[0][rate // 2 : -rate // 2]  # an encoder's beginning and end are no tone
    assert abs(loudest_hz(middle, rate) - 1_000) <= 2
    assert abs(rms(middle) - 0.5 / 2**0.5) < 0.03
    assert share_beside(middle, rate, 1_000) < 1e-3


@pytest.mark.parametrize("bit_rate", [32_000, 64_000, 128_000, 192_000])
def test_the_bit_rate_is_what_was_asked_for(bit_rate: int) -> None:
    """MP3 has it constant."""
    size = len(encode_whole(tone(440.0, 10.0), Rendition(AudioFormat.MP3, 44_100, bit_rate=bit_rate)))
    assert abs(size * 8 / 10 / bit_rate - 1) < 0.02


@pytest.mark.parametrize(
    "rendition",
    [
        Rendition(AudioFormat.PCM, 8_000, codec=Codec.MULAW),
        Rendition(AudioFormat.PCM, 44_100),
        Rendition(AudioFormat.PCM, 22_050, channels=2, codec=Codec.U8),
        Rendition(AudioFormat.WAV, 16_000, codec=Codec.S24LE),
        Rendition(AudioFormat.MP3, 44_100, bit_rate=128_000),
    ],
    ids=str,
)
@settings(max_examples=12, deadline=None)
@given(cuts=st.lists(st.integers(0, len(SECOND)), max_size=8))
def test_how_the_pcm_is_cut_changes_nothing(rendition: Rendition, cuts: list[int]) -> None:
    """Not a bit: at a border nothing clicks and nothing is lost."""
    whole = encoder_of(rendition)
    expected = whole.feed(SECOND) + whole.close()
    pieces = encoder_of(rendition)
    edges = [0, *sorted(cuts), len(SECOND)]
    assert expected == b"".join(pieces.feed(SECOND[a:b]) for a, b in pairwise(edges)) + pieces.close()


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_a_long_answer_is_as_long_as_what_was_said(rate_hz: int) -> None:
    """Nothing adds up over segments of odd lengths."""
    lengths_s = [0.0333, 1.7, 0.00004, 2.34567, 5.0, 0.5]
    encoder = encoder_of(Rendition(AudioFormat.PCM, rate_hz))
    fed = [tone(300.0, seconds) for seconds in lengths_s]
    got = b"".join(encoder.feed(each) for each in fed) + encoder.close()
    assert abs(len(got) / 2 - sum(map(len, fed)) / 2 * rate_hz / 24_000) <= 2


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
def test_what_is_too_high_for_a_rate_is_left_out(rate_hz: int) -> None:
    """Not folded down into what is heard (aliasing)."""
    encoder = encoder_of(Rendition(AudioFormat.PCM, rate_hz))
    raw = encoder.feed(tone(11_000.0, 1.0)) + encoder.close()
    samples = np.frombuffer(raw, "<i2")[rate_hz // 10 : -rate_hz // 10].astype(np.float64) / 32_768
    assert rms(samples) < 0.005


def test_nothing_is_nothing() -> None:
    """No sample goes in, none comes out."""
    encoder = encoder_of(Rendition(AudioFormat.PCM, 8_000, codec=Codec.U8))
    assert (b"", b"", b"") == (encoder.feed(b""), encoder.feed(b"\0"), encoder.close())
