"""One utterance on its way to a client: audio-start, then chunks of the same format, then audio-stop.

Home Assistant writes one WAV header for all of a streamed answer, from its first audio-start: so there is one.
"""

import asyncio
from typing import Final, Protocol

from router.domain import BYTES_PER_S, BYTES_PER_SAMPLE, SAMPLE_RATE_HZ
from router.ports import Monotonic, Record
from router.speech.playback import Playback
from router.wyoming import Event, messages

CHUNK_SAMPLES: Final = 4096  # Piper's have 1024; so large a one costs less than half
LEAST_SAMPLES: Final = 1024  # of the last one, which takes what is less with it
_CHUNK_BYTES: Final = CHUNK_SAMPLES * BYTES_PER_SAMPLE
_LEAST_BYTES: Final = LEAST_SAMPLES * BYTES_PER_SAMPLE
_FORMAT: Final = messages.AudioFormat(SAMPLE_RATE_HZ, BYTES_PER_SAMPLE, 1)


class Listener(Protocol):
    """A client."""

    async def send(self, event: Event) -> None:
        """Have it take the event. Raises ClientGone."""
        ...


class Sound:
    """`record` learns when the first of it left."""

    def __init__(self, listener: Listener, record: Record, clock: Monotonic) -> None:
        self._listener = listener
        self._record = record
        self._clock = clock

    async def send(self, pcm: bytes, playback: Playback | None = None) -> None:
        """So much more (24 kHz s16le mono). Raises ClientGone."""
        if pcm and self._record.first_byte is None:
            await self._listener.send(messages.written(messages.AUDIO_START, _FORMAT))
        at = 0
        while at < len(pcm):
            end = at + _CHUNK_BYTES
            end = end if len(pcm) - end >= _LEAST_BYTES else len(pcm)
            await self._listener.send(messages.written(messages.AUDIO_CHUNK, _FORMAT, pcm[at:end]))
            if self._record.first_byte is None:
                self._record.first_byte, self._record.status = self._clock(), 200
            if playback is not None:
                playback.handed_over((end - at) / BYTES_PER_S, self._clock())
            at = end
            await asyncio.sleep(0)  # others have their turn: a client that takes all there is keeps nobody waiting

    async def end(self) -> None:
        """That was all. Raises ClientGone."""
        await self._listener.send(Event(messages.AUDIO_STOP, {"timestamp": None}))
