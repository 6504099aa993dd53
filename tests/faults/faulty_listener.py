"""A faulty upstream's listener, which the faults that take machine, process or TLS away act on."""

import asyncio
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from faulty_connections import Connections, Wire
from faulty_scene import ENDING, Fault, Scene


@dataclass(slots=True)
class Listener:
    """Who lets connections in, with TLS where there is a certificate, and switches from fault to fault."""

    address: str
    port: int
    scene: Scene
    connections: Connections
    tls: ssl.SSLContext | None = None
    listener: socket.socket | None = None
    fillers: list[socket.socket] = field(default_factory=list)
    mute: list[socket.socket] = field(default_factory=list)
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    def listen(self) -> None:
        if self.listener is None:
            self.listener = socket.socket()
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.setblocking(False)
            self.listener.bind((self.address, self.port))
        self.listener.listen(1024)
        asyncio.get_running_loop().add_reader(self.listener, self.accept)

    def accept(self) -> None:
        loop = asyncio.get_running_loop()
        assert self.listener is not None
        while True:
            try:
                accepted, _ = self.listener.accept()
            except OSError:
                return
            accepted.setblocking(False)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.keep(loop.create_task(self.connect(accepted)))

    async def connect(self, accepted: socket.socket) -> None:
        if self.scene.fault.name == "hang_tls":
            self.mute.append(accepted)
            return
        tls = None if self.scene.fault.name == "plain_tls" else self.tls
        with suppress(OSError):  # the other side may go, or may not like what it hears
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: Wire(self.connections), accepted, ssl=tls
            )

    def keep(self, task: "asyncio.Task[Any]") -> None:
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def refuse(self) -> None:
        """Nobody listens any more."""
        if self.listener is not None:
            asyncio.get_running_loop().remove_reader(self.listener)
            self.listener.close()
            self.listener = None

    def swallow(self) -> None:
        """As if the cable were out: SYNs are dropped (a full backlog), connections that are there fall silent."""
        assert self.listener is not None
        self.scene.thawed.clear()
        asyncio.get_running_loop().remove_reader(self.listener)
        self.listener.listen(0)
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((self.address, self.port))
            self.fillers.append(filler)

    def switch(self, fault: Fault) -> float:
        """From one fault to another; when."""
        self.scene.fault = fault
        for held in (*self.fillers, *self.mute):
            held.close()
        self.fillers.clear()
        self.mute.clear()
        self.scene.thawed.set()
        match fault.name:
            case "refuse" | "gone":
                self.refuse()
            case "black_hole":
                self.listen()
                self.swallow()
            case _:
                self.listen()
        if fault.name in ENDING:
            self.connections.hang_up()
        return time.monotonic()


def certified(certificate: str, key: str) -> ssl.SSLContext:
    """A server's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
