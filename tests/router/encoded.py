"""A complete file of some PCM, as answers are made."""

import asyncio

from router.domain import AudioFormat, Rendition
from router.speech.encoders import Encoders


def encode_whole(pcm: bytes, wanted: AudioFormat | Rendition) -> bytes:
    """For tests that block. A format alone means its usual rendition."""
    rendition = wanted if isinstance(wanted, Rendition) else Rendition(wanted)
    return asyncio.run(Encoders().encoded(pcm, rendition))
