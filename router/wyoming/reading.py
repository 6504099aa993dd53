"""Bytes as events, with a bound on each part. The library `wyoming` 1.10.2 reads as much as an event claims."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from router.errors import Malformed
from router.wyoming.event import Event

MAX_LINE_BYTES: Final = 64 * 1024
MAX_DATA_BYTES: Final = 4 * 1024 * 1024  # a description of hundreds of voices
MAX_PAYLOAD_BYTES: Final = 1024 * 1024  # Piper sends 2 KiB


class _Head(msgspec.Struct):
    type: str
    data: dict[str, Any] | None = None
    data_length: int | None = None
    payload_length: int | None = None

    @property
    def data_bytes(self) -> int:
        return max(0, self.data_length or 0)

    @property
    def payload_bytes(self) -> int:
        return max(0, self.payload_length or 0)


class EventReader:
    """`feed` it what has come, take the events that are whole. After Malformed it is of no more use."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0  # so many bytes of the buffer hold no end of a line
        self._head: _Head | None = None

    @property
    def is_between(self) -> bool:
        """Whether no event has been begun: the other side may leave now."""
        return not self._buffer and self._head is None

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that are whole now, in order. Raises Malformed; those before it have been handed out."""
        self._buffer += chunk
        while (event := self._maybe_event()) is not None:
            yield event

    def _maybe_event(self) -> Event | None:
        if self._head is None:
            self._head = self._maybe_head()
        head = self._head
        if head is None or len(self._buffer) < head.data_bytes + head.payload_bytes:
            return None
        self._head = None
        data = self._taken(head.data_bytes)
        payload = self._taken(head.payload_bytes)
        return Event(head.type, {**(head.data or {}), **_object(data)} if data else head.data or {}, payload)

    def _maybe_head(self) -> _Head | None:
        end = self._buffer.find(b"\n", self._searched)
        if end > MAX_LINE_BYTES or (end < 0 and len(self._buffer) > MAX_LINE_BYTES):
            raise Malformed(f"sent an event whose first line is longer than {MAX_LINE_BYTES} bytes")
        if end < 0:
            self._searched = len(self._buffer)
            return None
        self._searched = 0
        line = self._taken(end + 1)
        try:
            head = msgspec.json.decode(line, type=_Head)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            raise Malformed(f"sent what is no event of Wyoming's: {exc}") from exc
        _check(head)
        return head

    def _taken(self, count: int) -> bytes:
        if not count:
            return b""
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken


def _check(head: _Head) -> None:
    """Raise Malformed for lengths that nobody has a use for."""
    if head.data_bytes > MAX_DATA_BYTES:
        raise Malformed(f"announces {head.data_bytes} bytes of data; at most {MAX_DATA_BYTES} are read")
    if head.payload_bytes > MAX_PAYLOAD_BYTES:
        raise Malformed(f"announces {head.payload_bytes} bytes of payload; at most {MAX_PAYLOAD_BYTES} are read")


def _object(data: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise Malformed(f"sent an event whose data is no JSON object: {exc}") from exc
