"""The fault proxy, a process before the servers of one machine: `python -m router.drill.proxy DOORS`.

DOORS is JSON: a list of {name, listen, target}. Orders come on stdin, a JSON line each: {door, mode, after, rate};
each is answered on stdout with when it was obeyed, and when inferences met the order before it. {door}
alone is answered with when inferences came to that door since it was last asked so. Times are monotonic seconds.
When stdin ends, so does the proxy.
"""

import asyncio
import contextlib
import json
import random
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

READ_BYTES: Final = 65_536
SLICE_S: Final = 0.02  # how finely bytes are slowed down
_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST
_STORM: Final = (
    b'{"error":{"message":"The drill has this server answer so.","type":"server_error","param":null,"code":null}}'
)


class Mode(StrEnum):
    """What a door does to inferences; probes pass, except where the machine or the server is gone."""

    PASS = "pass"  # noqa: S105  no password
    BLACK_HOLE = "black_hole"  # as if the cable were out: dials unanswered, connections silent
    REFUSE = "refuse"  # as if the process were gone
    STALL = "stall"  # an answer begins, then nothing more
    CUT = "cut"  # an answer begins, then a reset
    STORM = "storm"  # 503 at once
    SLOW = "slow"  # a few bytes at a time


@dataclass(frozen=True, slots=True)
class Order:
    """`after` bytes of an inference's answer (at random between two bounds) a fault strikes; `rate` in bytes/s."""

    mode: Mode
    after: tuple[int, int] = (1, 1)
    rate: float = 1e9


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


class Passage:
    """One connection through a door."""

    def __init__(self, door: Door, client: socket.socket) -> None:
        self._door = door
        self._client = client
        self._is_inference = False
        self._is_struck = False
        self._passed = 0
        self._limit = 0

    async def run(self) -> None:
        try:
            server = await self._door.dial()
        except OSError:
            _hang_up(self._client)
            return
        both = [asyncio.ensure_future(self._requests(server)), asyncio.ensure_future(self._answers(server))]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            try:
                results = await asyncio.gather(*both, return_exceptions=True)
                if any(isinstance(result, OSError) for result in results):
                    _hang_up(self._client)
            finally:
                server.close()
                self._client.close()

    async def _requests(self, server: socket.socket) -> None:
        """Request by request, each whole: the router sends one at a time and always says how long it is."""
        loop, buffer = asyncio.get_running_loop(), b""
        while True:
            while (size := _request_bytes(buffer)) is None or len(buffer) < size:
                data = await loop.sock_recv(self._client, READ_BYTES)
                if not data:
                    return
                buffer += data
            request, buffer = buffer[:size], buffer[size:]
            await self._door.until_plugged()
            self._is_inference = request.startswith((b"POST /v1/audio/speech ", b"POST /v1/chat/"))
            self._is_struck = False
            if self._is_inference:
                self._door.asked_s.append(time.monotonic())
            if self._is_inference and self._door.order.mode is Mode.STORM:
                self._strike()
                await loop.sock_sendall(self._client, _storm_answer())
                continue
            self._passed, self._limit = 0, self._door.strikes_after()
            await loop.sock_sendall(server, request)

    def _strike(self) -> None:
        """This inference meets the fault."""
        if not self._is_struck:
            self._is_struck = True
            self._door.struck_s.append(time.monotonic())

    async def _answers(self, server: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            data = await loop.sock_recv(server, READ_BYTES)
            await self._door.until_plugged()
            if not data:
                return
            while data:
                data = await self._passed_on(data)

    async def _passed_on(self, data: bytes) -> bytes:
        """Some of it to the client, as the order of the moment says; what is left."""
        loop, order, changed = asyncio.get_running_loop(), self._door.order, self._door.changed
        size = len(data)
        if self._is_inference and order.mode in {Mode.STALL, Mode.CUT}:
            size = min(size, max(0, self._limit - self._passed))
            if size == 0:
                self._strike()
                if order.mode is Mode.CUT:
                    raise ConnectionResetError("cut by the drill")
                await changed.wait()
                return data
        elif self._is_inference and order.mode is Mode.SLOW:
            self._strike()
            size = min(size, max(1, int(order.rate * SLICE_S)))
            await asyncio.sleep(SLICE_S)
        elif order.mode is Mode.BLACK_HOLE:
            await self._door.until_plugged()
            return data
        await loop.sock_sendall(self._client, data[:size])
        self._passed += size
        return data[size:]


def _request_bytes(buffer: bytes) -> int | None:
    """How long the request at the start of the buffer is; None until its head is there."""
    head, end, _ = buffer.partition(b"\r\n\r\n")
    if not end:
        return None
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return len(head) + len(end) + length


def _storm_answer() -> bytes:
    head = f"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {len(_STORM)}"
    return head.encode() + b"\r\n\r\n" + _STORM


def _socket() -> socket.socket:
    made = socket.socket()
    made.setblocking(False)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def _hang_up(client: socket.socket) -> None:
    with contextlib.suppress(OSError):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    client.close()


async def _main(rows: list[dict[str, Any]], seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311  so that a drill can be held again
    doors = {row["name"]: Door(tuple(row["listen"]), tuple(row["target"]), rng) for row in rows}
    for door in doors.values():
        door.open()
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    _say({"at": time.monotonic()})
    while line := await orders.readline():
        said = json.loads(line)
        door = doors[said["door"]]
        if "mode" not in said:
            _say({"asked": list(door.asked_s)})
            door.asked_s.clear()
            continue
        order = Order(Mode(said["mode"]), tuple(said.get("after", (1, 1))), said.get("rate", 1e9))
        struck_s = door.struck_s
        _say({"at": await door.obey(order), "struck": struck_s})


def _say(document: object) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_main(json.loads(sys.argv[1]), int(sys.argv[2])))
