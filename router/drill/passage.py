"""One connection through a door: requests to the server, answers back, unless the door's order says otherwise."""

import asyncio
import contextlib
import socket
import struct
import time
from collections import deque
from typing import Final, Protocol

from router.drill.orders import Mode, Order

READ_BYTES: Final = 65_536
SLICE_S: Final = 0.02  # how finely bytes are slowed down
_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST
_STORM: Final = (
    b'{"error":{"message":"The drill has this server answer so.","type":"server_error","param":null,"code":null}}'
)


class Doorway(Protocol):
    """What a connection asks of its door."""

    order: Order
    changed: asyncio.Event
    asked_s: deque[float]
    struck_s: list[float]

    async def dial(self) -> socket.socket: ...
    async def until_plugged(self) -> None: ...
    def strikes_after(self) -> int: ...


class Passage:
    """One connection through a door."""

    def __init__(self, door: Doorway, client: socket.socket) -> None:
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


def _hang_up(client: socket.socket) -> None:
    with contextlib.suppress(OSError):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    client.close()
