"""Our HTTP/1.1 connection without a socket: given bytes in given reads, what its sink hears."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from fakes import RecordingSink

from router.errors import ConnectionLost, Malformed, UpstreamFault
from router.mailbag import Mailbag
from router.ports import Header, ResponseHead
from router.transport.connection import Connection


class End(StrEnum):
    WHOLE = "whole"
    LOST = "lost"
    MALFORMED = "malformed"


class Closing(StrEnum):
    """How the upstream's bytes end."""

    ORDERLY = "orderly"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an answer. Names of headers in lower case, and the values of Transfer-Encoding."""

    end: End
    status: int | None
    headers: tuple[Header, ...]
    body: bytes
    is_kept: bool  # the connection would serve the next request
    ended_early: bool  # before the connection did
    why: str = field(compare=False)  # the fault's message
    surplus: bytes = field(default=b"", compare=False)  # what came after the end


class Wire(asyncio.Transport):
    """What a connection writes, and whether it hung up. Delivers nothing after that, as a socket would not."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_aborted = False
        self.is_paused = False

    def write(self, data: Any) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.is_aborted

    def get_write_buffer_size(self) -> int:
        return 0

    def abort(self) -> None:
        self.is_aborted = True

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False


def _bag() -> Mailbag:
    """Delivers at once."""
    return Mailbag(lambda deliver: deliver())


class Upstream:
    """One connection, played by hand."""

    def __init__(self) -> None:
        self.idle: list[Connection] = []
        self.closed: list[Connection] = []
        self.wire = Wire()
        self.connection = Connection("upstream", self.idle.append, self.closed.append, _bag())
        self.connection.connection_made(self.wire)

    @property
    def is_kept(self) -> bool:
        """In the pool and fit to be taken from it."""
        return self.idle != [] and self.connection.is_open

    def answer(
        self, reads: Iterable[bytes], closing: Closing | None = Closing.ORDERLY, sink: RecordingSink | None = None
    ) -> RecordingSink:
        """Send a request, deliver `reads` while the connection is open, then end it as `closing` says."""
        sink = sink or RecordingSink()
        self.idle.clear()
        self.connection.start(b"GET / HTTP/1.1\r\n\r\n", sink)
        for read in reads:
            if self.wire.is_aborted:
                break
            self.connection.data_received(read)
        self.was_kept, self.ended_early = self.is_kept, sink.over.is_set()
        if closing is not None:
            self.wire.is_aborted = True
            self.connection.connection_lost(ConnectionResetError() if closing is Closing.RESET else None)
        return sink


class AbortingSink(RecordingSink):
    """Leaves at its `at`-th event, as a client does."""

    def __init__(self, upstream: Upstream, at: int) -> None:
        super().__init__()
        self._upstream, self._left = upstream, at

    def _maybe_abort(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._upstream.connection.close()
            self.is_aborted = True

    def head(self, head: ResponseHead) -> None:
        super().head(head)
        self._maybe_abort()

    def data(self, chunk: bytes) -> None:
        super().data(chunk)
        self._maybe_abort()


def verdict_of(sink: RecordingSink, upstream: Upstream) -> Verdict:
    """Checks what holds for every input: one head at most, one end exactly, and faults of our tree only."""
    assert sink.forbidden == []
    assert sink.is_ended is not isinstance(sink.fault, UpstreamFault)
    assert type(sink.fault) in {type(None), ConnectionLost, Malformed}
    end = End.LOST if isinstance(sink.fault, ConnectionLost) else End.MALFORMED
    head = sink.heads[0] if sink.heads else None
    return Verdict(
        end=End.WHOLE if sink.is_ended else end,
        status=head.status if head else None,
        headers=tuple(map(_lowered, head.headers)) if head else (),
        body=sink.body,
        is_kept=upstream.was_kept,
        ended_early=upstream.ended_early,
        why=sink.fault.message if sink.fault else "",
    )


def _lowered(header: Header) -> Header:
    name, value = header[0].lower(), header[1]
    return name, value.lower() if name == b"transfer-encoding" else value


def ours(reads: Sequence[bytes], closing: Closing = Closing.ORDERLY) -> Verdict:
    """Our verdict on an answer that arrives in `reads`."""
    upstream = Upstream()
    return verdict_of(upstream.answer(reads, closing), upstream)


def cut(stream: bytes, at: Iterable[int]) -> list[bytes]:
    """`stream` in reads that end at the offsets `at`; nothing is read twice and no read is empty."""
    ends = sorted({min(offset, len(stream)) for offset in at} | {len(stream)})
    return [part for start, end in zip([0, *ends], ends, strict=False) if (part := stream[start:end])]


def bytewise(stream: bytes) -> list[bytes]:
    return cut(stream, range(len(stream)))
