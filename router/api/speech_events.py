"""OpenAI's speech events: `speech.audio.delta` with base64 audio, then `speech.audio.done` with usage.

The done event also carries what the headers X-Audio-Duration and X-Generation-Time say, because a streamed
answer cannot send a late header (HTTP/1.1 trailers are not to be had from the server), and who spoke what.
"""

import base64
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from router.api.spoken import segments_of
from router.spoken import Part

CHUNK_BYTES: Final = 24 * 1024
_DELTA: Final = b'data: {"type":"speech.audio.delta","audio":"%b"}\n\n'  # base64 has nothing that JSON escapes
_WRITTEN_BYTES: Final = 8 * CHUNK_BYTES
_CHARS_PER_TOKEN: Final = 4  # usage is counted in tokens; local engines have none, so by OpenAI's rule of thumb
_TOKENS_PER_S: Final = 25  # Chatterbox's speech tokens


def deltas(audio: bytes) -> Iterator[bytes]:
    """Encoded audio as events, some at a time: as many as are written at once."""
    for at in range(0, len(audio), _WRITTEN_BYTES):
        chunks = range(at, min(at + _WRITTEN_BYTES, len(audio)), CHUNK_BYTES)
        yield b"".join([_DELTA % base64.b64encode(audio[start : start + CHUNK_BYTES]) for start in chunks])


def done(
    text: str, duration_s: float, generation_s: float, substitution: str | None, parts: Sequence[Part]
) -> bytes:
    """The last event of an answer."""
    tokens_in = -(-len(text) // _CHARS_PER_TOKEN)
    tokens_out = round(duration_s * _TOKENS_PER_S)
    usage = {"input_tokens": tokens_in, "output_tokens": tokens_out, "total_tokens": tokens_in + tokens_out}
    return _event(
        {
            "type": "speech.audio.done",
            "usage": usage,
            "audio_duration": round(duration_s, 3),
            "generation_time": round(generation_s, 3),
            "substitution": substitution,
            "segments": segments_of(parts),
        }
    )


def _event(document: dict[str, object]) -> bytes:
    return b"data: " + msgspec.json.encode(document) + b"\n\n"
