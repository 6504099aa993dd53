"""Whatever a provider sends, as the house's PCM."""

import io

import av
import pytest
from encoded import encode_whole
from fakes import pcm

from router.domain import AudioFormat
from router.errors import Malformed
from router.speech.decoding import to_pcm

SECOND = pcm(1.0)


def _wav(rate: int, layout: str, sample_format: str = "s16", codec: str = "pcm_s16le") -> bytes:
    """A second of near-silence in some other shape."""
    out = io.BytesIO()
    with av.open(out, "w", format="wav") as container:
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, av.AudioStream)
        stream.layout = layout
        stream.format = sample_format
        frame = av.AudioFrame(format=sample_format, layout=layout, samples=rate)
        frame.planes[0].update(bytes(frame.planes[0].buffer_size))
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


@pytest.mark.parametrize("audio_format", [f for f in AudioFormat if f is not AudioFormat.PCM])
def test_every_format_of_ours_is_read(audio_format: AudioFormat) -> None:
    """A server may answer with another format than the one it was asked for."""
    assert abs(len(to_pcm(encode_whole(SECOND, audio_format))) - len(SECOND)) < 0.15 * len(SECOND)


@pytest.mark.parametrize(
    ("rate", "layout", "sample_format", "codec"),
    [
        (22_050, "mono", "s16", "pcm_s16le"),
        (44_100, "stereo", "s16", "pcm_s16le"),
        (8_000, "mono", "s16", "pcm_s16le"),
        (48_000, "mono", "flt", "pcm_f32le"),
        (24_000, "mono", "s32", "pcm_s32le"),
    ],
)
def test_other_rates_and_layouts_become_the_houses(rate: int, layout: str, sample_format: str, codec: str) -> None:
    """24 kHz, 16 bit, mono; the length in seconds stays."""
    assert abs(len(to_pcm(_wav(rate, layout, sample_format, codec))) - 48_000) <= 96


def test_a_streamed_wav_is_read() -> None:
    """Servers that stream leave the sizes open."""
    wav = bytearray(encode_whole(SECOND, AudioFormat.WAV))
    wav[4:8] = wav[40:44] = b"\xff\xff\xff\xff"
    assert SECOND == to_pcm(bytes(wav))


@pytest.mark.parametrize(
    "audio", [b"", b"no audio at all", b'{"error":"x"}', bytes(1000), b"RIFF\x00\x00"], ids=repr
)
def test_what_is_no_audio_is_malformed(audio: bytes) -> None:
    """The provider's fault, so the next one may speak."""
    with pytest.raises(Malformed):
        to_pcm(audio)
