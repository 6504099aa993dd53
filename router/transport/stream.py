"""Plain TCP to one upstream, for protocols that are not HTTP: a request's body goes out as it is, on a connection
of its own, and whatever comes back is data, until one side hangs up.

Method, target and headers mean nothing here. There is no head on the wire: the sink hears of one (status 200) with
the first bytes, so that whoever waits for a head waits for the first sign of life.
"""

import asyncio
from typing import Final, cast

from router.errors import ConnectionLost, NotSent
from router.ports import Exchange, ResponseHead, Sink, UpstreamRequest
from router.transport.dialling import dial

MAX_CONNECTIONS: Final = 1024
_HEAD: Final = ResponseHead(200, [])


class StreamTransport:
    """Implements `ports.Transport` for `tcp://host:port`."""

    def __init__(self, host: str, port: int, *, connect_s: float) -> None:
        self._host = host
        self._port = port
        self._connect_s = connect_s
        self._name = f"{host}:{port}"
        self._all: set[_Line] = set()
        self._is_closed = False

    def __repr__(self) -> str:
        return f"<StreamTransport {self._name} open={len(self._all)}>"

    async def send(self, request: UpstreamRequest, sink: Sink) -> Exchange:
        """See `ports.Transport.send`. The body is in memory, and small: what the upstream does not take at once
        the kernel keeps, and its silence is the reader's to notice."""
        assert isinstance(request.body, bytes), "nothing is uploaded this way"
        line = await self._dial()
        line.start(request.body, sink)
        return line

    async def touch(self) -> None:
        """See `ports.Transport.touch`."""
        (await self._dial()).abort()

    async def aclose(self) -> None:
        """Close every connection; exchanges under way end with ConnectionLost."""
        self._is_closed = True
        for line in tuple(self._all):
            line.fail()

    async def _dial(self) -> "_Line":
        """A fresh connection. Raises NotSent."""
        self._check_open(None)
        if len(self._all) >= MAX_CONNECTIONS:
            raise NotSent(f"{MAX_CONNECTIONS} connections to {self._name} are open already")
        line = await dial(self._new_line, self._host, self._port, self._connect_s)
        self._check_open(line)
        return line

    def _check_open(self, dialled: "_Line | None") -> None:
        """Raise NotSent, and hang up what was just dialled, when this transport has been closed."""
        if self._is_closed:
            if dialled is not None:
                dialled.abort()
            raise NotSent(f"the connections to {self._name} are closed")

    def _new_line(self) -> "_Line":
        return _Line(self._name, self._all)


class _Line(asyncio.Protocol):
    """One connection, and the exchange on it. Puts itself into `owner`, and takes itself out at its end."""

    def __init__(self, name: str, owner: "set[_Line]") -> None:
        self._name = name
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self._sink: Sink | None = None
        self._has_head = False

    def start(self, body: bytes, sink: Sink) -> None:
        """Send `body`; what comes goes to `sink`."""
        self._sink = sink
        if self._transport is None or self._transport.is_closing():
            self._end(ConnectionLost(f"{self._name} closed the connection before answering"))
        else:
            self._transport.write(body)

    def fail(self) -> None:
        """Close, and tell the sink."""
        self._end(ConnectionLost(f"the connections to {self._name} were closed", had_bytes=self._has_head))

    # ports.Exchange

    def pause(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def abort(self) -> None:
        self._sink = None
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._owner.add(self)

    def data_received(self, data: bytes) -> None:
        if self._sink is None:  # nobody asked yet: a greeting, which no protocol spoken here has
            self.abort()
            return
        if not self._has_head:
            self._has_head = True
            self._sink.head(_HEAD)
        self._hand_on(data)

    def _hand_on(self, data: bytes) -> None:
        if self._sink is not None:  # who hears the head may hang up
            self._sink.data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._owner.discard(self)
        if exc is None and self._has_head:
            sink, self._sink = self._sink, None
            if sink is not None:
                sink.end()
            return
        how = "reset" if exc is not None else "closed"
        when = "in the middle of its answer" if self._has_head else "before answering"
        self._end(ConnectionLost(f"{self._name} {how} the connection {when}", had_bytes=self._has_head))

    def _end(self, fault: ConnectionLost) -> None:
        sink = self._sink
        self.abort()
        if sink is not None:
            sink.error(fault)
