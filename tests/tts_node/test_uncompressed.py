"""Raw and WAV samples of every rate, depth and codec, read back by a parser that shares no code with ours."""

import io

import av
import pytest

from measuring import RATE, expanded, level_db, noise_db, pitch_hz, read_wav, samples_of, vowel
from tts_node.domain import AudioFormat, Codec, Layout
from tts_node.sound.encoding import encoder_for
from tts_node.sound.wav import wav_file, wav_header

PCM = vowel(0.5)
CLEAN = [float(x) for x in samples_of(PCM)]


def encoded(audio_format: AudioFormat, layout: Layout, *, is_whole: bool = True, step: int = 3000) -> bytes:
    """In steps."""
    encoder = encoder_for(audio_format, layout, is_whole=is_whole)
    parts = [encoder.feed(PCM[at : at + step]) for at in range(0, len(PCM), step)]
    data = b"".join(parts) + encoder.finish()
    encoder.close()
    return data


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("codec", Codec)
def test_wav_files_tell_the_truth(codec: Codec, rate: int, channels: int) -> None:
    """Tag, rate, widths and sizes agree with the samples; pitch, level and length are the sound's."""
    layout = Layout(rate, channels, codec)
    file = encoded(AudioFormat.WAV, layout)
    wav = read_wav(file)
    width = codec.bits // 8 * channels
    tag = {"pcm_alaw": 6, "pcm_mulaw": 7}.get(codec, 1)
    assert (tag, channels, rate, rate * width, width, codec.bits) == (
        *(wav.tag, wav.channels, wav.rate, wav.byte_rate, wav.block, wav.bits),
    )
    assert (len(file) - 8, None if tag == 1 else len(wav.samples)) == (wav.riff_bytes, wav.fact)
    assert len(wav.samples) * width == wav.data_bytes
    assert 0.5 == pytest.approx(len(wav.samples) / rate, abs=0.001)
    assert 150 == pytest.approx(pitch_hz(wav.samples, rate), rel=0.01)
    assert level_db(CLEAN) == pytest.approx(level_db(wav.samples), abs=0.3)


@pytest.mark.parametrize("codec", Codec)
def test_another_decoder_agrees(codec: Codec) -> None:
    """FFmpeg's demuxer finds what our parser finds."""
    file = encoded(AudioFormat.WAV, Layout(16_000, 2, codec))
    with av.open(io.BytesIO(file), "r") as container:
        stream = container.streams.audio[0]
        samples = sum(frame.samples for frame in container.decode(audio=0))
        assert (codec.value, 16_000, 2) == (stream.codec_context.name, stream.rate, stream.codec_context.channels)
    assert len(read_wav(file).samples) == samples


@pytest.mark.parametrize(
    ("codec", "least_db"),
    [("pcm_u8", 34), ("pcm_mulaw", 35), ("pcm_alaw", 35), ("pcm_s24le", 90), ("pcm_s32le", 90)],
)
def test_how_faithful_each_codec_is(codec: str, least_db: float) -> None:
    """Signal to noise at the node's own rate: G.711 keeps about 38 dB whatever the level."""
    wav = read_wav(encoded(AudioFormat.WAV, Layout(codec=Codec(codec))))
    assert noise_db(CLEAN, wav.samples) > least_db


@pytest.mark.parametrize("codec", Codec)
def test_raw_samples_are_the_files(codec: Codec) -> None:
    """`pcm` is `wav` without its header; streamed is whole but for the sizes."""
    layout = Layout(8000, 1, codec)
    raw = encoded(AudioFormat.PCM, layout)
    file = encoded(AudioFormat.WAV, layout)
    streamed = encoded(AudioFormat.WAV, layout, is_whole=False, step=700)
    assert wav_file(raw, layout) == file
    assert wav_header(None, layout) + raw == streamed
    assert len(expanded(raw, 1, codec.bits)) == pytest.approx(4000, abs=8)


def test_two_channels_are_as_loud_as_one() -> None:
    """FFmpeg's own mixing would take 3 dB away; both are the same sound."""
    raw = encoded(AudioFormat.PCM, Layout(channels=2))
    both = [float(x) for x in samples_of(raw)]
    assert both[::2] == both[1::2]
    assert CLEAN == both[::2]


def test_an_odd_file_is_padded() -> None:
    """RIFF chunks have an even length; the padding is not counted as data."""
    layout = Layout(8000, 1, Codec.PCM_MULAW)
    file = wav_file(b"abc", layout)
    assert (0, 3, len(file) - 8) == (len(file) % 2, read_wav(file).data_bytes, read_wav(file).riff_bytes)


def test_streams_say_that_they_do_not_know() -> None:
    """0xFFFFFFFF for every size, the count of samples included."""
    header = wav_header(None, Layout(8000, 1, Codec.PCM_ALAW))
    assert 3 == header.count(b"\xff\xff\xff\xff")


@pytest.mark.parametrize("audio_format", ["mp3", "opus", "aac", "flac"])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
def test_compressed_formats_carry_rates_and_channels(audio_format: str, rate: int, channels: int) -> None:
    """Decoded, pitch and level are the sound's (opus always decodes at 48 kHz: RFC 7845)."""
    file = encoded(AudioFormat(audio_format), Layout(rate, channels))
    with av.open(io.BytesIO(file), "r") as container:
        stream = container.streams.audio[0]
        assert (48_000 if audio_format == "opus" else rate, channels) == (
            stream.rate,
            stream.codec_context.channels,
        )
        shape = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        frames = [out for frame in container.decode(audio=0) for out in shape.resample(frame)]
    heard = samples_of(b"".join(bytes(frame.planes[0])[: 2 * frame.samples] for frame in frames))
    assert 0.5 == pytest.approx(len(heard) / RATE, abs=0.4 if rate == 8000 else 0.12)
    assert 150 == pytest.approx(pitch_hz(heard), rel=0.02)


def test_flac_keeps_24_bits() -> None:
    """Without loss, as deep as asked."""
    file = encoded(AudioFormat.FLAC, Layout(codec=Codec.PCM_S24LE))
    assert 24 == (file[20] & 1) << 4 | (file[21] >> 4) + 1  # STREAMINFO's five bits, RFC 9639 section 8.2
