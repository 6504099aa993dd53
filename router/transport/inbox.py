"""A sink that a task reads from: the meeting place of upstream bytes and the coroutine that wants them."""

import asyncio
from collections.abc import Callable
from typing import Final

from router.deadlines import deadlines
from router.errors import DialTimeout, Malformed, Silent, UpstreamFault
from router.ports import Exchange, ResponseHead, Transport, UpstreamRequest

HIGH_WATER_BYTES: Final = 256 * 1024  # the upstream is paused while this much waits for a slow client


class Inbox:
    """Implements `ports.Sink`. One reader; bounded, by pausing the upstream."""

    __slots__ = (
        "_chunks",
        "_exchange",
        "_fault",
        "_head",
        "_heard_at",
        "_is_ended",
        "_is_paused",
        "_loop",
        "_push",
        "_size",
        "_waiter",
    )

    def __init__(self) -> None:
        self._head: ResponseHead | None = None
        self._chunks: list[bytes] = []
        self._size = 0
        self._fault: UpstreamFault | None = None
        self._is_ended = False
        self._is_paused = False
        self._exchange: Exchange | None = None
        self._waiter: asyncio.Future[bool] | None = None
        self._push: Callable[[bytes], bool] | None = None  # while it is poured
        self._loop: asyncio.AbstractEventLoop | None = None  # likewise
        self._heard_at = 0.0  # likewise: when something came last

    def attach(self, exchange: Exchange) -> None:
        """The exchange to pause when the reader falls behind."""
        self._exchange = exchange
        self._maybe_pause()

    def close(self) -> None:
        """Abort the exchange if it still runs. Let go of it, which holds this, and of the fault, whose traceback
        does. Idempotent; nothing is read afterwards."""
        exchange, self._exchange, self._fault = self._exchange, None, None
        if exchange is not None and not self._is_ended:
            exchange.abort()

    async def read_head(self, deadline_s: float) -> ResponseHead:
        """The answer's head. Raises UpstreamFault; Silent after `deadline_s` seconds."""
        while self._head is None:
            if self._fault is not None:
                raise self._fault
            await self._wait(deadline_s)
        return self._head

    async def read(self, deadline_s: float) -> bytes:
        """What has arrived since the last read, waiting for something if need be; empty at the end.

        Raises UpstreamFault once everything that came before it was read; Silent after `deadline_s` seconds.
        """
        while not self._chunks:
            if self._fault is not None:
                raise self._fault
            if self._is_ended:
                return b""
            await self._wait(deadline_s)
        return self._take()

    async def pour(self, push: Callable[[bytes], bool], stall_s: float) -> None:
        """Hand `push` what comes, read by read, without waking the task that waits here: until the end, or until
        `push` says that it takes no more for now. What it did not take is read as ever.

        Raises UpstreamFault; Silent when nothing came for `stall_s` seconds.
        """
        if self._chunks:
            return
        self._push, loop = push, deadlines().loop
        self._loop, self._heard_at, wait_s = loop, loop.time(), stall_s
        try:
            while not (self._chunks or self._is_ended):
                if self._fault is not None:
                    raise self._fault
                try:
                    await self._wait(wait_s)
                except Silent:
                    wait_s = stall_s - (loop.time() - self._heard_at)
                    if wait_s <= 0:
                        raise
        finally:
            self._push = self._loop = None

    def _pour_out(self) -> None:
        """All of one read. At the end of the answer the task does the rest."""
        push, loop = self._push, self._loop
        if push is None or loop is None or self._is_ended or self._fault is not None or not self._chunks:
            return
        self._heard_at = loop.time()
        if push(self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)):
            self._take()
        else:
            self._push = None
            self._wake()

    def _take(self) -> bytes:
        chunks = self._chunks
        self._chunks = []
        self._size = 0
        if self._is_paused:
            self._maybe_resume()
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def read_all(self, deadline_s: float, limit_bytes: int) -> bytes:
        """The rest of the body. Raises UpstreamFault; Malformed when it is longer than `limit_bytes`."""
        if self._is_ended and self._size <= limit_bytes:
            return self._take()
        parts: list[bytes] = []
        size = 0
        while chunk := await self.read(deadline_s):
            parts.append(chunk)
            size += len(chunk)
            if size > limit_bytes:
                raise Malformed(f"the answer is longer than {limit_bytes} bytes")
        return b"".join(parts)

    @property
    def is_drained(self) -> bool:
        """The answer has ended and all of it was read."""
        return self._is_ended and not self._chunks

    @property
    def has_failed(self) -> bool:
        """A fault was told: reading on raises it."""
        return self._fault is not None

    # ports.Sink

    def head(self, head: ResponseHead) -> None:
        self._head = head
        self._wake()

    def data(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size > HIGH_WATER_BYTES:
            self._maybe_pause()
        if self._loop is None or self._push is None:
            self._wake()
        elif len(self._chunks) == 1:
            self._loop.call_soon(self._pour_out)

    def end(self) -> None:
        self._is_ended = True
        self._wake()

    def error(self, fault: UpstreamFault) -> None:
        self._fault = fault
        self._wake()

    def lose(self, fault: UpstreamFault) -> None:
        """Give the upstream up, unless its whole answer is here already."""
        if not (self._is_ended or self._fault):
            self.close()
            self.error(fault)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(False)

    async def _wait(self, deadline_s: float) -> None:
        """Until something arrives."""
        of_loop = deadlines()
        waiter = self._waiter = of_loop.loop.create_future()
        slot = of_loop.after(deadline_s, self)
        try:
            if await waiter:
                raise Silent(f"no byte within {deadline_s:g} s")
        finally:
            slot.discard(self)
            self._waiter = None

    def expire(self) -> None:
        """See `Expiring`."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(True)

    def _maybe_pause(self) -> None:
        if self._size > HIGH_WATER_BYTES and not self._is_paused and self._exchange is not None:
            self._is_paused = True
            self._exchange.pause()

    def _maybe_resume(self) -> None:
        if self._is_paused and self._exchange is not None and not self._is_ended:
            self._is_paused = False
            self._exchange.resume()


async def fetch(
    transport: Transport, request: UpstreamRequest, *, deadline_s: float, limit_bytes: int = 4 * 1024 * 1024
) -> tuple[ResponseHead, bytes]:
    """A small answer, whole. Raises UpstreamFault: Silent when all of it took longer than `deadline_s`,
    DialTimeout when already the dial did."""
    inbox, is_sent = Inbox(), False
    try:
        async with asyncio.timeout(deadline_s):
            inbox.attach(await transport.send(request, inbox))
            is_sent = True
            head = await inbox.read_head(deadline_s)
            return head, await inbox.read_all(deadline_s, limit_bytes)
    except TimeoutError as exc:
        if not is_sent:  # not even the dial was answered
            raise DialTimeout(f"did not answer within {deadline_s:g} s; is the machine awake?") from exc
        raise Silent(f"no answer within {deadline_s:g} s") from exc
    finally:
        inbox.close()
