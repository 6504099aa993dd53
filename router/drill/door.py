"""A door of the fault proxy: where the router knocks, before one server. It does as it was told last."""

import asyncio
import random
import socket
import time
from collections import deque
from collections.abc import Coroutine
from typing import Any

from router.drill.orders import Mode, Order
from router.drill.passage import Passage


class Door:
    """One server's. `listen` is where the router knocks, `target` where the server is."""

    def __init__(self, listen: tuple[str, int], target: tuple[str, int], rng: random.Random) -> None:
        self.order = Order(Mode.PASS)
        self.changed = asyncio.Event()  # set and replaced at each change of the order
        self.struck_s: list[float] = []  # when each inference met the order (monotonic)
        self.asked_s: deque[float] = deque(maxlen=10_000)  # when inferences came
        self.listen = listen
        self._target = target
        self._rng = rng
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._fillers: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._clients: deque[socket.socket] = deque(maxlen=10_000)

    def open(self) -> None:
        """Let connections in."""
        if self._listener is None:
            self._listener = socket.socket()
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listener.setblocking(False)
            self._listener.bind(self.listen)
        self._listener.listen(1024)
        if self._accepting is None:
            self._accepting = self._keep(self._accept(self._listener))

    async def obey(self, order: Order) -> float:
        """From one mode to another; when."""
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()
        self.order, self.struck_s = order, []
        if order.mode is Mode.REFUSE:
            await self._stop_accepting()
            if self._listener is not None:
                self._listener.close()
                self._listener = None
        elif order.mode is Mode.BLACK_HOLE:
            self.open()
            await self._stop_accepting()
            self._fill()
        else:
            self.open()
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()
        return time.monotonic()

    async def close(self) -> None:
        """Nobody comes in any more, and whoever is inside is cut."""
        for filler in self._fillers:
            filler.close()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for held in (*self._clients, *([self._listener] if self._listener else [])):
            held.close()

    async def until_plugged(self) -> None:
        """While the cable is out, nothing passes."""
        while self.order.mode is Mode.BLACK_HOLE:
            await self.changed.wait()

    def strikes_after(self) -> int:
        """How many bytes of an answer that begins now pass before a stall or a cut."""
        return self._rng.randint(*self.order.after)

    async def dial(self) -> socket.socket:
        server = _socket()
        try:
            await asyncio.get_running_loop().sock_connect(server, self._target)
        except BaseException:
            server.close()
            raise
        return server

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(listener)
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._clients.append(client)
            self._keep(Passage(self, client).run())

    async def _stop_accepting(self) -> None:
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.gather(self._accepting, return_exceptions=True)
            self._accepting = None

    def _fill(self) -> None:
        """A full backlog drops further SYNs (listen(2)), which is what silence looks like to who dials."""
        assert self._listener is not None
        self._listener.listen(0)
        for _ in range(4):
            filler = _socket()
            filler.connect_ex(self.listen)
            self._fillers.append(filler)

    def _keep(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _socket() -> socket.socket:
    made = socket.socket()
    made.setblocking(False)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made
