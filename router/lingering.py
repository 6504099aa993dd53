"""The end of a connection whose client is told something before all of its request has come.

Closing a socket with unread input makes TCP send a reset, and a reset may overtake the answer: the client sees a
broken connection instead of the status (RFC 9112 §9.6). So the answer is sent, our half closed, and what still
comes is read and thrown away, until the client closes too. Bounded in bytes, time and number, because the other
side may be one that never stops.
"""

import asyncio
import contextlib
from typing import ClassVar, Final

LINGER_S: Final = 2.0
LINGER_BYTES: Final = 64 * 2**20  # on a fast network time alone would bound nothing; twice the shipped max_body_mb
MAX_LINGERING: Final = 64  # one more, and the oldest is cut


class Lingering(asyncio.Protocol):
    """Takes a connection over from `before`, which is told its end. The answer must have been written."""

    _all: ClassVar[dict["Lingering", None]] = {}  # in the order in which they began

    def __init__(self, transport: asyncio.Transport, before: asyncio.Protocol) -> None:
        self._transport = transport
        self._before = before
        self._left = LINGER_BYTES
        if len(self._all) >= MAX_LINGERING:
            next(iter(self._all)).cut()
        self._all[self] = None
        self._timer = asyncio.get_running_loop().call_later(LINGER_S, self.cut)
        transport.set_protocol(self)
        with contextlib.suppress(OSError):  # the client has reset it already; the loop will say so
            transport.write_eof()

    def data_received(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            self.cut()

    def pause_writing(self) -> None:
        self._before.pause_writing()

    def resume_writing(self) -> None:
        self._before.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        self._before.connection_lost(exc)

    def cut(self) -> None:
        """End it now."""
        self._end()
        self._transport.abort()

    def _end(self) -> None:
        self._timer.cancel()
        self._all.pop(self, None)
