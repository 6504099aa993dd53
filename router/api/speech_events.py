"""OpenAI's speech events: `speech.audio.delta` with base64 audio, then `speech.audio.done` with usage.

The done event also carries what the headers X-Audio-Duration and X-Generation-Time say, because a streamed
answer cannot send a late header (HTTP/1.1 trailers are not to be had from the server).
"""

import base64
from collections.abc import Iterator
from typing import Final

import msgspec

from router.speak import SpokenAnswer

CHUNK_BYTES: Final = 24 * 1024
_CHARS_PER_TOKEN: Final = 4  # usage is counted in tokens; local engines have none, so by OpenAI's rule of thumb
_TOKENS_PER_S: Final = 25  # Chatterbox's speech tokens


def of(answer: SpokenAnswer, text: str) -> Iterator[bytes]:
    """The events of a complete answer."""
    for at in range(0, len(answer.audio), CHUNK_BYTES):
        audio = base64.b64encode(answer.audio[at : at + CHUNK_BYTES]).decode()
        yield _event({"type": "speech.audio.delta", "audio": audio})
    tokens_in = -(-len(text) // _CHARS_PER_TOKEN)
    tokens_out = round(answer.duration_s * _TOKENS_PER_S)
    usage = {"input_tokens": tokens_in, "output_tokens": tokens_out, "total_tokens": tokens_in + tokens_out}
    yield _event(
        {
            "type": "speech.audio.done",
            "usage": usage,
            "audio_duration": round(answer.duration_s, 3),
            "generation_time": round(answer.generation_s, 3),
        }
    )


def _event(document: dict[str, object]) -> bytes:
    return b"data: " + msgspec.json.encode(document) + b"\n\n"
