"""PCM to PCM, incrementally, with PyAV: another sample rate, another tempo. Used in the child process."""

from collections.abc import Iterable
from fractions import Fraction

import av
from av.audio.frame import AudioFrame
from av.filter import Graph

from tts_node.domain import BYTES_PER_SAMPLE, SAMPLE_RATE


def frame_of(pcm: bytes, rate: int, position: int) -> AudioFrame:
    """An s16 mono frame of these bytes, `position` samples after the start."""
    frame = AudioFrame(format="s16", layout="mono", samples=len(pcm) // BYTES_PER_SAMPLE)
    frame.planes[0].update(pcm)
    frame.sample_rate = rate
    frame.time_base = Fraction(1, rate)
    frame.pts = position
    return frame


def pcm_of(frames: Iterable[AudioFrame]) -> bytes:
    """The bytes of s16 mono frames, without the planes' padding."""
    return b"".join(bytes(frame.planes[0])[: frame.samples * BYTES_PER_SAMPLE] for frame in frames)


class Resampler:
    """From an engine's rate to the node's."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._position = 0
        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)

    def feed(self, pcm: bytes) -> bytes:
        """What can be said now about these samples; the filter keeps some back."""
        if not pcm:
            return b""
        frame = frame_of(pcm, self._rate, self._position)
        self._position += frame.samples
        return pcm_of(self._resampler.resample(frame))

    def flush(self) -> bytes:
        """What was kept back."""
        return pcm_of(self._resampler.resample(None)) if self._position else b""


class Tempo:
    """Faster or slower at the same pitch (ffmpeg's atempo, 0.5 and up)."""

    def __init__(self, rate: int, tempo: float) -> None:
        self._rate = rate
        self._position = 0
        self._graph = Graph()
        source = self._graph.add_abuffer(
            sample_rate=rate, format="s16", layout="mono", time_base=Fraction(1, rate)
        )
        stretch = self._graph.add("atempo", f"{tempo:.4f}")
        shape = self._graph.add("aformat", "sample_fmts=s16:channel_layouts=mono")
        sink = self._graph.add("abuffersink")
        source.link_to(stretch)
        stretch.link_to(shape)
        shape.link_to(sink)
        self._graph.configure()

    def feed(self, pcm: bytes) -> bytes:
        """What can be said now about these samples."""
        if not pcm:
            return b""
        frame = frame_of(pcm, self._rate, self._position)
        self._position += frame.samples
        self._graph.push(frame)
        return pcm_of(self._pull())

    def flush(self) -> bytes:
        """What was kept back."""
        self._graph.push(None)
        return pcm_of(self._pull())

    def _pull(self) -> Iterable[AudioFrame]:
        while True:
            try:
                frame = self._graph.pull()
            except (BlockingIOError, EOFError):  # needs more input; has no more
                return
            assert isinstance(frame, AudioFrame)
            yield frame
