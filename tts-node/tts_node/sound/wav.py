"""RIFF/WAVE: the header that tells what raw samples are. Pure.

Sources: Microsoft's "Multimedia Programming Interface" 1.0, and its "New Multimedia Data Types" for formats
other than PCM, which need `cbSize` and a `fact` chunk. Depths above 16 bits are written as plain PCM, without
WAVE_FORMAT_EXTENSIBLE: every reader takes that, and simple ones take nothing else.
"""

import struct

from tts_node.domain import PLAIN, Codec, Layout

_UNKNOWN_SIZE = 0xFFFFFFFF
_TAGS = {Codec.PCM_ALAW: 6, Codec.PCM_MULAW: 7}


def wav_header(data_bytes: int | None, layout: Layout = PLAIN) -> bytes:
    """What stands before so many bytes of samples; None when it is not known yet how many. 44 bytes for PCM."""
    width = layout.codec.bits // 8 * layout.channels
    tag = _TAGS.get(layout.codec, 1)
    rate, bits = layout.sample_rate, layout.codec.bits
    shape = struct.pack("<HHIIHH", tag, layout.channels, rate, rate * width, width, bits)
    chunks = _chunk(b"fmt ", shape)
    if tag != 1:
        samples = _UNKNOWN_SIZE if data_bytes is None else data_bytes // width
        chunks = _chunk(b"fmt ", shape + b"\0\0") + _chunk(b"fact", struct.pack("<I", samples))
    data = _UNKNOWN_SIZE if data_bytes is None else data_bytes
    riff = _UNKNOWN_SIZE if data_bytes is None else 4 + len(chunks) + 8 + data_bytes + data_bytes % 2
    return b"RIFF" + struct.pack("<I", riff) + b"WAVE" + chunks + b"data" + struct.pack("<I", data)


def wav_file(data: bytes, layout: Layout = PLAIN) -> bytes:
    """A whole file; chunks have an even length."""
    return wav_header(len(data), layout) + data + b"\0" * (len(data) % 2)


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content
