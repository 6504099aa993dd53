"""Whatever a provider sends, as the house's PCM."""

import io
import tracemalloc
from pathlib import Path

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
    assert abs(len(to_pcm(encode_whole(SECOND, audio_format), 60.0)) - len(SECOND)) < 0.15 * len(SECOND)


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
    assert abs(len(to_pcm(_wav(rate, layout, sample_format, codec), 60.0)) - 48_000) <= 96


def test_a_streamed_wav_is_read() -> None:
    """Servers that stream leave the sizes open."""
    wav = bytearray(encode_whole(SECOND, AudioFormat.WAV))
    wav[4:8] = wav[40:44] = b"\xff\xff\xff\xff"
    assert SECOND == to_pcm(bytes(wav), 60.0)


@pytest.mark.parametrize(
    "audio", [b"", b"no audio at all", b'{"error":"x"}', bytes(1000), b"RIFF\x00\x00"], ids=repr
)
def test_what_is_no_audio_is_malformed(audio: bytes) -> None:
    """The provider's fault, so the next one may speak."""
    with pytest.raises(Malformed):
        to_pcm(audio, 60.0)


def _silent(seconds: int, audio_format: AudioFormat) -> bytes:
    return encode_whole(bytes(2 * 24_000 * seconds), audio_format)


@pytest.mark.parametrize("audio_format", [AudioFormat.FLAC, AudioFormat.MP3, AudioFormat.OPUS])
def test_a_bomb_is_stopped_as_soon_as_it_is_seen(audio_format: AudioFormat) -> None:
    """Two minutes of silence are a few bytes; no more than was allowed is ever in memory."""
    bomb = _silent(120, audio_format)
    tracemalloc.start()
    try:
        with pytest.raises(Malformed, match="more than 10 s of audio"):
            to_pcm(bomb, 10.0)
        assert tracemalloc.get_traced_memory()[1] < 3 * 10 * 48_000
    finally:
        tracemalloc.stop()


def test_a_second_in_a_sample_is_a_bomb_too() -> None:
    """At 1 Hz one packet is an hour, and resampling it would be 200 MB at once."""
    wav = bytearray(encode_whole(pcm(0.1), AudioFormat.WAV))
    wav[24:28] = (1).to_bytes(4, "little")
    with pytest.raises(Malformed, match="more than 60 s of audio"):
        to_pcm(bytes(wav), 60.0)


def test_what_is_as_long_as_it_may_be_is_read() -> None:
    """To the sample."""
    assert SECOND == to_pcm(encode_whole(SECOND, AudioFormat.FLAC), 1.0)


def test_a_list_of_files_is_no_audio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FFmpeg would read them, from the router's own disk."""
    monkeypatch.chdir(tmp_path)
    Path("own.wav").write_bytes(encode_whole(SECOND, AudioFormat.WAV))
    with pytest.raises(Malformed):
        to_pcm(b"ffconcat version 1.0\nfile own.wav\n", 60.0)


@pytest.mark.parametrize(
    "container", ["mp4", "mov", "matroska", "webm", "aiff", "au", "caf", "w64", "adts", "ogg"]
)
def test_every_usual_container_is_read(container: str) -> None:
    """Whatever a server packs its sound into."""
    codec = {"mp4": "aac", "mov": "aac", "adts": "aac", "matroska": "libopus", "webm": "libopus", "ogg": "libopus"}
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        stream = file.add_stream(
            codec.get(container, "pcm_s16be" if container != "w64" else "pcm_s16le"), rate=48_000
        )
        assert isinstance(stream, av.AudioStream)
        stream.layout = "mono"
        sound = av.AudioFrame(format="s16", layout="mono", samples=48_000)
        sound.planes[0].update(bytes(sound.planes[0].buffer_size))
        sound.sample_rate = 48_000
        for frame in [*av.AudioResampler(stream.format, "mono", 48_000, 960).resample(sound), None]:
            file.mux(stream.encode(frame))
    assert abs(len(to_pcm(out.getvalue(), 60.0)) - 48_000) < 0.15 * 48_000
