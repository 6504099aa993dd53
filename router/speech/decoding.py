"""Whatever audio a provider sends, as the house's PCM (24 kHz, s16le, mono), by PyAV."""

import io
import struct
from typing import Final

import av
from av.error import FFmpegError

from router.domain import BYTES_PER_S, BYTES_PER_SAMPLE, SAMPLE_RATE_HZ
from router.errors import Malformed

# What servers of speech send. Among the others are lists of files, which would be read from this machine.
_CONTAINERS: Final = "wav,w64,mp3,ogg,flac,aac,aiff,au,caf,mov,mp4,m4a,matroska,webm"


def to_pcm(audio: bytes, longest_s: float) -> bytes:
    """Decode, mix down and resample. Runs for milliseconds: call it in a thread. Raises Malformed; also as soon as
    more than `longest_s` seconds come out, for a few bytes can mean hours: silence compresses to next to nothing,
    and a sample at 1 Hz is a second."""
    _check_riff(audio)
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE_HZ)
    out = bytearray()
    read_s = 0.0
    try:
        with av.open(io.BytesIO(audio), mode="r", options={"format_whitelist": _CONTAINERS}) as container:
            for frame in container.decode(audio=0):
                read_s += frame.samples / frame.sample_rate
                if read_s > longest_s:  # before it is resampled, which may make it 24 000 times as large
                    raise Malformed(f"sent more than {longest_s:.0f} s of audio: too long to be right")
                frame.pts = None  # some servers' timestamps jump; the samples are in order
                for resampled in resampler.resample(frame):
                    out += _samples(resampled)
        for resampled in resampler.resample(None):
            out += _samples(resampled)
    except (FFmpegError, IndexError, ValueError, ZeroDivisionError) as exc:
        raise Malformed(f"sent {len(audio)} bytes that are no audio: {exc}") from exc
    return bytes(out)


def samples_to_pcm(samples: bytes, rate_hz: int, width_bytes: int, channels: int, longest_s: float) -> bytes:
    """The same of headerless PCM, little-endian and interleaved: unsigned where a sample is one byte, else signed.
    Raises Malformed, also for a part of a sample."""
    frame_bytes = width_bytes * channels
    if len(samples) % frame_bytes:
        raise Malformed(f"sent {len(samples)} bytes of PCM, which end in the middle of a sample")
    if (rate_hz, width_bytes, channels) == (SAMPLE_RATE_HZ, BYTES_PER_SAMPLE, 1):
        if len(samples) > longest_s * BYTES_PER_S:
            raise Malformed(f"sent more than {longest_s:.0f} s of audio: too long to be right")
        return samples
    shape = struct.pack("<HHIIHH", 1, channels, rate_hz, rate_hz * frame_bytes, frame_bytes, 8 * width_bytes)
    header = struct.pack("<4sI4s4sI", b"RIFF", 36 + len(samples), b"WAVE", b"fmt ", len(shape))
    return to_pcm(header + shape + struct.pack("<4sI", b"data", len(samples)) + samples, longest_s)


def _check_riff(audio: bytes) -> None:
    """Raise Malformed when a WAV says that it is longer than it is. A stream's 0 or 0xFFFFFFFF says nothing."""
    if audio[:4] != b"RIFF" or len(audio) < 12:
        return
    said = int.from_bytes(audio[4:8], "little") + 8
    if len(audio) < said < 0xFFFF_FFFF:
        raise Malformed(f"sent {len(audio)} bytes of a WAV file of {said}")


def _samples(frame: av.AudioFrame) -> bytes:
    return bytes(frame.planes[0])[: frame.samples * 2]  # a plane is padded to its alignment
