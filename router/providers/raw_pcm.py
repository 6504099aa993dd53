"""Answers that are bare samples: nothing in them says what they are, so what else may come is told apart here."""

from typing import Final

from router.domain import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ
from router.errors import Malformed
from router.ports import ResponseHead
from router.providers.asking import MAX_SPEECH_BYTES, Read
from router.speech.checking import longest_s
from router.transport import Inbox

_NO_SOUND: Final = (b"application/json", b"application/problem", b"text/")
_FILES: Final = (b"RIFF", b"ID3", b"OggS")  # four bytes of one are samples once in 10^9 segments
_ODD: Final = 2.0  # times the longest that is plausible are taken, and judged by comparison


def samples_of(text: str, speed: float, stall_s: float) -> Read:
    """Reads 24 kHz s16le mono of `text` at `speed`, whole. Raises Malformed for what is not that: half a sample, a
    file, a text with status 200, far too much."""
    most_bytes = min(MAX_SPEECH_BYTES, int(_ODD * longest_s(text, speed) * SAMPLE_RATE_HZ) * BYTES_PER_SAMPLE)

    async def read(head: ResponseHead, inbox: Inbox) -> bytes:
        if head.content_type.startswith(_NO_SOUND):
            told = head.content_type.decode("latin-1")[:60]
            raise Malformed(f"answered with {told} where sound was to be")
        pcm = await inbox.read_all(stall_s, most_bytes)
        if len(pcm) % BYTES_PER_SAMPLE:
            raise Malformed("sent half a sample of PCM")
        if pcm.startswith(_FILES):
            raise Malformed("sent a file where bare samples were to be")
        return pcm

    return read
