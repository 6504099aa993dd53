"""Speech that comes as OpenAI's server-sent events: many a `speech.audio.delta`, then `speech.audio.done`."""

import binascii
import io
from collections.abc import Callable
from typing import Final

import msgspec

from router.answers import error_message
from router.errors import Malformed, Rejected
from router.events import EventReader
from router.ports import ResponseHead

MAX_EVENT_BYTES: Final = 8 * 1024 * 1024  # some servers send all of a segment in one
MAX_SILENT_EVENTS: Final = 10_000  # signs of life and what others tell besides; more is noise
_DELTA: Final = "speech.audio.delta"
_DONE: Final = "speech.audio.done"


class _Event(msgspec.Struct):
    type: str = ""
    audio: str = ""
    error: object = None


def is_events(head: ResponseHead) -> bool:
    """Whether the answer is a stream of events, whatever was asked for."""
    return (head.get(b"content-type") or b"").lower().startswith(b"text/event-stream")


class SpokenEvents:
    """Reads the events as they come: `feed` what has come, then take the `audio`. Holds one event and the audio,
    both bounded. `feed` takes up to some milliseconds: call it in a thread."""

    def __init__(self, redact: Callable[[str], str], max_bytes: int) -> None:
        self._redact = redact
        self._max_bytes = max_bytes
        self._audio = io.BytesIO()
        self._events = EventReader(MAX_EVENT_BYTES)
        self._silent = 0
        self._is_done = False

    def feed(self, chunk: bytes) -> None:
        """Raises Malformed for what is no event or too much of it, Rejected for an event that says that it failed.
        What comes after the end is not read."""
        if self._is_done or not chunk:
            return
        for data in self._events.feed(chunk):
            if not self._is_done:
                self._take(data)

    @property
    def audio(self) -> bytes:
        """All of it. Raises Malformed when the events ended before they were done."""
        if not self._is_done:
            raise Malformed("its stream of audio ended before it was done")
        return self._audio.getvalue()

    def _take(self, data: bytes) -> None:
        before = self._audio.tell()
        if data and data != b"[DONE]":
            self._hear(data)
        if self._audio.tell() == before:
            self._silent += 1
        if self._silent > MAX_SILENT_EVENTS:
            raise Malformed(f"sent more than {MAX_SILENT_EVENTS} events without audio")

    def _hear(self, data: bytes) -> None:
        try:
            event = msgspec.json.decode(data, type=_Event)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            raise Malformed(f"sent an event that is none: {exc}") from exc
        if event.error is not None or event.type == "error":
            said = self._redact(error_message(data))
            raise Rejected(f"failed while it spoke{': ' + said if said else ''}", upstream_status=500)
        if event.type == _DELTA:
            try:
                self._audio.write(binascii.a2b_base64(event.audio, strict_mode=True))
            except ValueError as exc:
                raise Malformed(f"sent audio that is no base64: {exc}") from exc
            if self._audio.tell() > self._max_bytes:
                raise Malformed(f"sent more than {self._max_bytes} bytes of audio")
        elif event.type == _DONE:
            self._is_done = True
