"""Whatever audio a provider sends, as the house's PCM (24 kHz, s16le, mono), by PyAV."""

import io

import av
from av.error import FFmpegError

from router.domain import SAMPLE_RATE_HZ
from router.errors import Malformed


def to_pcm(audio: bytes) -> bytes:
    """Decode, mix down and resample. Runs for milliseconds: call it in a thread. Raises Malformed."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE_HZ)
    out = bytearray()
    try:
        with av.open(io.BytesIO(audio), mode="r") as container:
            for frame in container.decode(audio=0):
                frame.pts = None  # some servers' timestamps jump; the samples are in order
                for resampled in resampler.resample(frame):
                    out += _samples(resampled)
        for resampled in resampler.resample(None):
            out += _samples(resampled)
    except (FFmpegError, IndexError, ValueError) as exc:
        raise Malformed(f"sent {len(audio)} bytes that are no audio: {exc}") from exc
    return bytes(out)


def _samples(frame: av.AudioFrame) -> bytes:
    return bytes(frame.planes[0])[: frame.samples * 2]  # a plane is padded to its alignment
