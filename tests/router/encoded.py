"""A complete file of some PCM, as answers are made."""

import asyncio

from router.domain import AudioFormat
from router.speech.encoders import Encoders


def encode_whole(pcm: bytes, audio_format: AudioFormat) -> bytes:
    """For tests that block."""
    return asyncio.run(Encoders().encoded(pcm, audio_format))
