"""Another speed for what was spoken: slower or faster at the same pitch, by FFmpeg's `atempo`.

For providers that know no speed, or not all of 0.25 to 4: they are asked at the nearest they know, and the rest is
done here.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from router.domain import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ
from router.errors import Malformed

EVEN: Final = 0.01  # so little nobody hears
_ONE_STEP: Final = (
    0.5,
    2.0,
)  # beyond, atempo leaves samples out; several in a row do not (FFmpeg's documentation)
_AS_IT_CAME: Final = f"sample_fmts=s16:channel_layouts=mono:sample_rates={SAMPLE_RATE_HZ}"


class Speed(NamedTuple):
    """A speed in two parts: what a provider is `asked` for, and the factor that is `left` to be done here."""

    asked: float
    left: float

    @classmethod
    def of(cls, wanted: float, lowest: float = 1.0, highest: float = 1.0) -> "Speed":
        """`wanted` at a provider that knows `lowest` to `highest`; one that knows none: 1."""
        asked = min(max(wanted, lowest), highest)
        return cls(asked, wanted / asked)


async def at_speed(pcm: bytes, factor: float) -> bytes:
    """PCM (24 kHz s16le mono) spoken `factor` times as fast. Raises Malformed."""
    if abs(factor - 1) < EVEN or not pcm:
        return pcm
    return await asyncio.to_thread(stretched, pcm, factor)


def stretched(pcm: bytes, factor: float) -> bytes:
    """The same, for a thread: about 3 ms a second of speech. Raises Malformed for half a sample."""
    return filtered(pcm, list(tempo_filters(factor)))


def filtered(pcm: bytes, filters: Sequence[tuple[str, str]]) -> bytes:
    """PCM (24 kHz s16le mono) through FFmpeg's filters, each with its arguments. For a thread. Raises Malformed
    for half a sample."""
    import av  # 17 MB: not where nobody speaks

    if len(pcm) % BYTES_PER_SAMPLE:
        raise Malformed("sent half a sample of PCM")
    graph = av.filter.Graph()
    source = graph.add("abuffer", f"sample_rate={SAMPLE_RATE_HZ}:sample_fmt=s16:channel_layout=mono")
    last = source
    for name, arguments in (*filters, ("aformat", _AS_IT_CAME)):
        following = graph.add(name, arguments)
        last.link_to(following)
        last = following
    sink = graph.add("abuffersink")
    last.link_to(sink)
    graph.configure()
    frame = av.AudioFrame(format="s16", layout="mono", samples=len(pcm) // BYTES_PER_SAMPLE)
    frame.planes[0].update(pcm + bytes(frame.planes[0].buffer_size - len(pcm)))  # a plane is padded
    frame.sample_rate = SAMPLE_RATE_HZ
    source.push(frame)
    source.push(None)
    out = bytearray()
    while True:
        try:
            piece = sink.pull()
        except (av.error.EOFError, av.error.BlockingIOError):
            return bytes(out)
        assert isinstance(piece, av.AudioFrame), "only sound goes in"
        out += bytes(piece.planes[0])[: piece.samples * BYTES_PER_SAMPLE]


def tempo_filters(factor: float) -> Iterator[tuple[str, str]]:
    """What makes it `factor` times as fast."""
    for step in _steps(factor):
        yield "atempo", f"{step:.6f}"


def _steps(factor: float) -> list[float]:
    """Factors that one filter can do, whose product is `factor`."""
    slowest, fastest = _ONE_STEP
    steps = []
    while not slowest <= factor <= fastest:
        step = fastest if factor > fastest else slowest
        steps.append(step)
        factor /= step
    return [*steps, factor]
