"""PCM to PCM, incrementally, with PyAV: another sample rate, another tempo. Used in the child process,
and in the node's encoder threads.
"""

from collections.abc import Iterable, Iterator
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


class Shaper:
    """From the node's samples to what a codec wants: rate, sample format, one channel or two alike.

    Two channels are copies: ffmpeg's own mixing of one into two would take 3 dB away. Eight bits are reached
    through floating point, which is rounded; ffmpeg cuts 16 bits off to 8, and that costs 6 dB of noise.
    """

    def __init__(self, sample_format: str, rate: int, channels: int) -> None:
        self._position = 0
        self._graph: Graph | None = None
        self._resampler: av.AudioResampler | None = None
        if channels == 1 and sample_format != "u8":
            self._resampler = av.AudioResampler(format=sample_format, layout="mono", rate=rate)
        else:
            copies = [("pan", "stereo|c0=c0|c1=c0")] if channels == 2 else []
            self._graph = graph_of(
                SAMPLE_RATE,
                ("aformat", "sample_fmts=flt"),
                ("aresample", str(rate)),
                *copies,
                ("aformat", f"sample_fmts={sample_format}"),
            )

    def feed(self, pcm: bytes) -> list[AudioFrame]:
        """What can be said now about these samples."""
        if not pcm:
            return []
        frame = frame_of(pcm, SAMPLE_RATE, self._position)
        self._position += frame.samples
        return self._passed(frame)

    def flush(self) -> list[AudioFrame]:
        """What was kept back."""
        return self._passed(None) if self._position else []

    def _passed(self, frame: AudioFrame | None) -> list[AudioFrame]:
        if self._resampler:
            return self._resampler.resample(frame)
        assert self._graph
        self._graph.push(frame)
        return list(pulled(self._graph))


def graph_of(rate: int, *filters: tuple[str, str], sample_format: str = "s16") -> Graph:
    """A chain of ffmpeg's filters for mono of that rate, each with its settings; push and pull it."""
    graph = Graph()
    last = graph.add_abuffer(sample_rate=rate, format=sample_format, layout="mono", time_base=Fraction(1, rate))
    for name, settings in (*filters, ("abuffersink", None)):
        following = graph.add(name, settings)
        last.link_to(following)
        last = following
    graph.configure()
    return graph


def pulled(graph: Graph) -> Iterator[AudioFrame]:
    """Everything the chain has ready."""
    while True:
        try:
            frame = graph.pull()
        except (BlockingIOError, EOFError):  # needs more input; has no more
            return
        assert isinstance(frame, AudioFrame)
        yield frame


def passed(graph: Graph, frames: Iterable[AudioFrame]) -> Iterator[AudioFrame]:
    """All of a sound through the chain, to its end."""
    for frame in (*frames, None):
        graph.push(frame)
        yield from pulled(graph)


class Tempo:
    """Faster or slower at the same pitch (ffmpeg's atempo, 0.5 and up)."""

    def __init__(self, rate: int, tempo: float) -> None:
        self._rate = rate
        self._position = 0
        shape = ("aformat", "sample_fmts=s16:channel_layouts=mono")
        self._graph = graph_of(rate, ("atempo", f"{tempo:.4f}"), shape)

    def feed(self, pcm: bytes) -> bytes:
        """What can be said now about these samples."""
        if not pcm:
            return b""
        frame = frame_of(pcm, self._rate, self._position)
        self._position += frame.samples
        self._graph.push(frame)
        return pcm_of(pulled(self._graph))

    def flush(self) -> bytes:
        """What was kept back."""
        self._graph.push(None)
        return pcm_of(pulled(self._graph))
