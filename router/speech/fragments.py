"""The house's PCM (24 kHz, s16le, mono) as fragmented MP4 with AAC, for HLS (RFC 8216 §3.3) and Media Source
Extensions: an initialization section, and fragments that follow one another without a seam.

By PyAV's muxer, which cuts by itself; it has no way to be told when. CPU-bound, 3 ms for a second of audio: call
it in a thread. Whoever imports this loads PyAV.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import av

from router.domain import SAMPLE_RATE_HZ
from router.speech.compressing import Sink
from router.speech.frames import Framer

FRAME: Final = 1024  # samples of an AAC frame
FRAGMENT_FRAMES: Final = 9
FRAGMENT_S: Final = FRAGMENT_FRAMES * FRAME / SAMPLE_RATE_HZ
BIT_RATE: Final = 64_000
# A fragment is closed by the packet that makes it longer than this: a millisecond less, for the rounding.
_CUT_US: Final = round(FRAGMENT_S * 1e6) - 1000


class Fragment(NamedTuple):
    """A `moof` and its `mdat`."""

    data: bytes
    duration_s: float


class Fragmenter:
    """One text's. `feed` PCM, take what is whole, `close` for the rest. Not thread-safe."""

    def __init__(self) -> None:
        self._sink = Sink()
        self._container = av.open(
            self._sink,
            "w",
            format="mp4",
            options={
                "movflags": "+empty_moov+default_base_moof+skip_trailer",
                "frag_duration": str(_CUT_US),
                "flush_packets": "1",
                "fflags": "+bitexact",
            },
        )
        stream = self._container.add_stream("aac", rate=SAMPLE_RATE_HZ, options={"aac_coder": "fast"})
        assert isinstance(stream, av.AudioStream)
        self._stream = stream
        stream.layout, stream.format, stream.bit_rate = "mono", "fltp", BIT_RATE
        self._container.start_encoding()
        self._framer = Framer(1)
        self._frames = 0  # in the fragment that is being filled
        self.head = self._sink.take()

    def feed(self, pcm: bytes) -> list[Fragment]:
        """The fragments that are whole after it."""
        frame = self._framer.frame(pcm)
        return list(self._muxed(self._stream.encode(frame))) if frame is not None else []

    def close(self) -> list[Fragment]:
        """The last ones."""
        found = list(self._muxed(self._stream.encode(None)))
        self._container.close()
        rest = self._sink.take()
        return [*found, self._cut(rest)] if rest else found

    def _muxed(self, packets: "Iterable[av.Packet[av.AudioStream]]") -> Iterator[Fragment]:
        for packet in packets:
            self._container.mux_one(packet)
            if data := self._sink.take():
                yield self._cut(data)
            self._frames += 1  # it opens the next fragment

    def _cut(self, data: bytes) -> Fragment:
        frames, self._frames = self._frames, 0
        return Fragment(data, frames * FRAME / SAMPLE_RATE_HZ)
