"""Server-sent events as they come, in pieces of any size (HTML, § 9.2.6 "Interpreting an event stream"). Pure.

Only `data` is read: names and ids of events are for browsers.
"""

from typing import Final

from router.errors import Malformed

MAX_LINES: Final = 1000


class EventReader:
    """Holds what has come of one event. `max_bytes`: of an event; what is longer is noise."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._coming = bytearray()
        self._is_after_cr = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of every event that is whole now, b"" of one that says nothing, such as a comment that keeps
        the connection alive. Raises Malformed for one that is too long."""
        if not chunk:
            return []
        looked = max(0, len(self._coming) - 1)
        self._coming += self._with_plain_ends(chunk)
        found, begin = list[bytes](), 0
        while (end := self._coming.find(b"\n\n", looked)) >= 0:
            found.append(_data(bytes(self._coming[begin:end])))
            begin = looked = end + 2
        del self._coming[:begin]
        if len(self._coming) > self._max_bytes:
            raise Malformed(f"sent an event of more than {self._max_bytes} bytes")
        return found

    def _with_plain_ends(self, chunk: bytes) -> bytes:
        """Lines end in three ways, of which one may be cut in the middle."""
        if self._is_after_cr:
            chunk = chunk.removeprefix(b"\n")
        self._is_after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _data(event: bytes) -> bytes:
    if event.count(b"\n") > MAX_LINES:
        raise Malformed(f"sent an event of more than {MAX_LINES} lines")
    lines = [line for line in event.split(b"\n") if line.startswith(b"data:")]
    return b"\n".join(line[len(b"data:") :].removeprefix(b" ") for line in lines)
