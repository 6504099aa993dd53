"""An exchange whose answer a task pumps into the sink: pausing holds the pump before its next chunk."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from router.errors import ConnectionLost
from router.ports import ResponseHead, Sink


class PumpedExchange:
    """Implements `ports.Exchange`. `pump` runs in a task that the owner of the exchange keeps."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._may_run = asyncio.Event()
        self._may_run.set()
        self._is_aborted = False
        self._task: asyncio.Task[None] | None = None

    def start(self, pump: Callable[[], Awaitable[None]], owner: set[asyncio.Task[None]]) -> None:
        """Run `pump` in a task that `owner` holds until it ends."""

        async def run() -> None:
            try:
                await pump()
            except asyncio.CancelledError:
                if not self._is_aborted:  # the transport closes under a sink that still waits
                    self._sink.error(ConnectionLost("the connections were closed", had_bytes=True))
                raise

        self._task = asyncio.get_running_loop().create_task(run())
        owner.add(self._task)
        self._task.add_done_callback(owner.discard)
        self._task.add_done_callback(self._ended)

    def _ended(self, _: asyncio.Task[None]) -> None:
        self._task = None  # a cancelled one holds this by its traceback

    async def pour(self, head: ResponseHead, chunks: AsyncIterator[bytes]) -> None:
        """The whole answer into the sink, at the pace at which it is taken."""
        self._sink.head(head)
        async for chunk in chunks:
            await self._may_run.wait()
            self._sink.data(chunk)
        self._sink.end()

    def pause(self) -> None:
        self._may_run.clear()

    def resume(self) -> None:
        self._may_run.set()

    def abort(self) -> None:
        self._is_aborted = True
        if self._task is not None:
            self._task.cancel()
