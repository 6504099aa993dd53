"""Recordings for tests, good ones and hostile ones, made here: no file is shipped."""

import io
import random
import struct
import wave
from array import array
from math import pi, sin

import av
from av.audio.stream import AudioStream

from tts_node.sound.audio import frame_of

RATE = 24_000


def speech(duration_s: float = 8.0, pitch_hz: int = 120, *, gain: float = 1.0, noise: float = 0.0) -> bytes:
    """s16 mono at 24 kHz that measures like speech: four syllables a second, a pause every two seconds.

    `gain` beyond 1 overdrives it; `noise` is the standard deviation of what is added, in full scales.
    """
    chance = random.Random(pitch_hz)  # the same noise each time
    period = [0.4 * sin(2 * pi * pitch_hz * n / RATE) for n in range(RATE)]
    syllable = [max(0.0, sin(2 * pi * 4 * n / RATE)) for n in range(RATE)]
    second = [a * b * gain for a, b in zip(period, syllable, strict=True)]
    phrase = second + [value if n < RATE // 2 else 0.0 for n, value in enumerate(second)]
    samples = array("h")
    for n in range(int(duration_s * RATE)):
        value = phrase[n % len(phrase)] + (chance.gauss(0, noise) if noise else 0.0)
        samples.append(round(32767 * max(-1.0, min(1.0, value))))
    return samples.tobytes()


def wav(pcm: bytes, rate: int = RATE, channels: int = 1) -> bytes:
    """A WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(pcm)
    return file.getvalue()


def voice(pitch_hz: int = 120, duration_s: float = 8.0) -> bytes:
    """A good recording; another pitch is another voice."""
    return wav(speech(duration_s, pitch_hz))


def encoded(pcm: bytes, container: str, codec: str, sample_format: str = "s16", rate: int = RATE) -> bytes:
    """The same in another container and codec."""
    sink = io.BytesIO()
    with av.open(sink, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout="mono")
        assert isinstance(stream, AudioStream)
        stream.format = sample_format
        resampler = av.AudioResampler(format=sample_format, layout="mono", rate=rate, frame_size=1024)
        frames = [shaped for frame in (frame_of(pcm, RATE, 0), None) for shaped in resampler.resample(frame)]
        for frame in (*frames, None):
            output.mux(stream.encode(frame))
    return sink.getvalue()


def lying_wav(pcm: bytes) -> bytes:
    """Says that it is 4 GB."""
    honest = wav(pcm)
    return honest[:4] + struct.pack("<I", 0xFFFFFFFF) + honest[8:40] + struct.pack("<I", 0xFFFFFFF0) + honest[44:]


def film() -> bytes:
    """A Matroska file with pictures, subtitles of sorts and, last, sound."""
    sink = io.BytesIO()
    with av.open(sink, "w", format="matroska") as output:
        pictures = output.add_stream("mpeg4", rate=5)
        pictures.width = pictures.height = 64
        pictures.pix_fmt = "yuv420p"
        sound = output.add_stream("flac", rate=RATE, layout="mono")
        assert isinstance(sound, AudioStream)
        sound.format = "s16"
        for _ in range(10):
            output.mux(pictures.encode(av.VideoFrame(64, 64, "yuv420p")))
        output.mux(pictures.encode(None))
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE, frame_size=4096)
        for frame in (frame_of(speech(), RATE, 0), None):
            for shaped in resampler.resample(frame):
                output.mux(sound.encode(shaped))
        output.mux(sound.encode(None))
    return sink.getvalue()


def crowd(streams: int) -> bytes:
    """A Matroska file with many audio streams."""
    sink = io.BytesIO()
    with av.open(sink, "w", format="matroska") as output:
        tracks = [output.add_stream("pcm_s16le", rate=RATE, layout="mono") for _ in range(streams)]
        for track in tracks:
            assert isinstance(track, AudioStream)
            output.mux(track.encode(frame_of(speech(0.1), RATE, 0)))
    return sink.getvalue()
