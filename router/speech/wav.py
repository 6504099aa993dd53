"""The head of a WAV file. Pure.

Microsoft's "Multimedia Programming Interface" 1.0, and "New Multimedia Data Types" for what is not PCM: that has
`cbSize` and a `fact` chunk. More than 16 bits are written as plain PCM, without WAVE_FORMAT_EXTENSIBLE: every
reader takes that, and simple ones take nothing else. PCM has the canonical 44 bytes.
"""

import struct
from collections.abc import Iterator
from typing import Final

from router.domain import Codec, Rendition

UNKNOWN: Final = 0xFFFF_FFFF  # a size that nobody knows yet
_TAGS: Final = {Codec.ALAW: 6, Codec.MULAW: 7}
_PCM_TAG: Final = 1
_RIFF_SIZE_AT: Final = 4


def open_header(rendition: Rendition) -> bytes:
    """What stands before samples of which nobody knows how many will come."""
    width, tag = _width_bytes(rendition), _TAGS.get(rendition.codec, _PCM_TAG)
    rate, bits = rendition.rate_hz, rendition.codec.bits
    shape = struct.pack("<HHIIHH", tag, rendition.channels, rate, rate * width, width, bits)
    chunks = _chunk(b"fmt ", shape)
    if tag != _PCM_TAG:
        chunks = _chunk(b"fmt ", shape + b"\0\0") + _chunk(b"fact", struct.pack("<I", UNKNOWN))
    return struct.pack("<4sI4s", b"RIFF", UNKNOWN, b"WAVE") + chunks + struct.pack("<4sI", b"data", UNKNOWN)


def sizes(rendition: Rendition, file_bytes: int) -> Iterator[tuple[int, int]]:
    """Where a file of so many bytes has to say how long it is, and what; no padding counted in."""
    header = len(open_header(rendition))
    data = file_bytes - header
    yield _RIFF_SIZE_AT, header - 8 + data + data % 2
    if rendition.codec in _TAGS:
        yield header - 12, data // _width_bytes(rendition)
    yield header - 4, data


def _width_bytes(rendition: Rendition) -> int:
    return rendition.codec.bits // 8 * rendition.channels


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack("<4sI", name, len(content)) + content
