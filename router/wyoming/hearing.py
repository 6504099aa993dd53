"""What a voice service answers to `synthesize`: audio-start, audio-chunk*, audio-stop; or error, and it hangs up.

Nothing but audio-stop is an end: a connection that closes before it has cut the speech (Piper at commit fd78db7).
"""

from collections.abc import Iterable
from typing import Final

from router.errors import Malformed, Rejected
from router.wyoming import messages
from router.wyoming.event import Event

MAX_OTHER_EVENTS: Final = 1000  # that say nothing of the audio; more is noise


class Hearing:
    """Told the events until it is whole. Holds at most `most_s` seconds of audio, as the service samples it,
    and never more than `max_bytes`."""

    def __init__(self, most_s: float, max_bytes: int) -> None:
        self._most_s = most_s
        self._max_bytes = max_bytes
        self._format: messages.AudioFormat | None = None
        self._audio = bytearray()
        self._others = 0

    @property
    def audio(self) -> bytes:
        return bytes(self._audio)

    @property
    def format(self) -> messages.AudioFormat:
        """Raises Malformed when nothing was said."""
        if self._format is None or not self._audio:
            raise Malformed("said nothing at all")
        return self._format

    def is_whole_with(self, events: Iterable[Event]) -> bool:
        """Whether the end is among what comes next; nothing is heard after it. Raises Malformed; Rejected for an
        `error`."""
        for event in events:
            if event.type == messages.AUDIO_STOP:
                return True
            self._take(event)
        return False

    def _take(self, event: Event) -> None:
        match event.type:
            case messages.AUDIO_START:
                self._hear_format(messages.read(event, messages.AudioFormat))
                self._count_other()
            case messages.AUDIO_CHUNK:
                self._hear_format(messages.read(event, messages.AudioFormat))
                self._hear(event.payload)
            case messages.ERROR:
                said = messages.read(event, messages.Alarm)
                words = " ".join(f"{said.code or ''} {said.text}".split())[:200]
                raise Rejected(f"failed while it spoke{': ' + words if words else ''}", upstream_status=500)
            case _:
                self._count_other()

    def _hear_format(self, told: messages.AudioFormat) -> None:
        """The first that tells it; the others say the same again."""
        if self._format is None:
            told.check()
            self._format = told
        elif (told.rate, told.width, told.channels) != (
            self._format.rate,
            self._format.width,
            self._format.channels,
        ):
            raise Malformed("changed the format of its audio in the middle")

    def _hear(self, samples: bytes) -> None:
        if not samples:
            self._count_other()
        assert self._format is not None
        self._audio += samples
        most_bytes = min(self._max_bytes, self._most_s * self._format.bytes_per_s)
        if len(self._audio) > most_bytes:
            raise Malformed(f"sent more than {self._most_s:.0f} s of audio: too long to be right")

    def _count_other(self) -> None:
        self._others += 1
        if self._others > MAX_OTHER_EVENTS:
            raise Malformed(f"sent more than {MAX_OTHER_EVENTS} events without audio")
