"""One event and its bytes.

A line of JSON, then `data_length` bytes of JSON, then `payload_length` bytes as they are:

    {"type":"audio-chunk","version":"1.10.2","data_length":42,"payload_length":2048}\\n{"rate":24000,…}<samples>

The protocol has no document; this is what the library `wyoming` 1.10.2 writes (`event.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

VERSION: Final = "1.10.2"  # of the library whose wire this is; nobody reads it


@dataclass(frozen=True, slots=True)
class Event:
    """`data` is an object of JSON, `payload` samples."""

    type: str
    data: Mapping[str, Any] = field(default_factory=dict)
    payload: bytes = b""


def encode(event: Event) -> bytes:
    """The event as it goes over the wire, in one piece: what two tasks write never gets mixed."""
    data = msgspec.json.encode(event.data) if event.data else b""
    head: dict[str, object] = {"type": event.type, "version": VERSION}
    if data:
        head["data_length"] = len(data)
    if event.payload:
        head["payload_length"] = len(event.payload)
    return b"%b\n%b%b" % (msgspec.json.encode(head), data, event.payload)
