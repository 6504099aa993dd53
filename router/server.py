"""The HTTP server around a house: uvicorn, one process, one event loop."""

import asyncio
import contextlib
import errno
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator

import uvicorn

from router import runtime
from router.app import House
from router.http_protocol import BoundedProtocol


class CannotListen(Exception):
    """The address cannot be bound; the message says what to do."""


def bind(host: str, port: int, hint: str = "--port {0}, ROUTER_PORT={0}, or make run PORT={0}") -> socket.socket:
    """A listening socket. Raises CannotListen; `hint` says how another port is chosen."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, proto)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            raise CannotListen(
                f"Port {port} on {host} is taken, perhaps by a router that runs already. "
                f"Choose another one: {hint.format(port + 1)}."
            ) from exc
        raise CannotListen(f"Cannot listen on {host}:{port}: {exc.strerror or exc}") from exc
    listener.set_inheritable(False)
    return listener


class _Server(uvicorn.Server):
    """uvicorn without its signal handling, which ends the process before its owners could clean up."""

    def __init__(self, config: uvicorn.Config, house: House, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._house = house
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        runtime.settle()
        self._on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def ask_to_stop(self) -> None:
        """Drain and stop; asked again, stop at once."""
        self._house.drain()
        self.force_exit = self.should_exit
        self.should_exit = True


async def serve(house: House, listener: socket.socket, on_ready: Callable[[], None] = lambda: None) -> None:
    """Serve until SIGINT or SIGTERM, then let what is in flight finish for `server.shutdown_grace_s`.

    `on_ready` is called once connections are accepted.
    """
    config = uvicorn.Config(
        house.entry,
        http=BoundedProtocol,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        lifespan="off",
        timeout_keep_alive=60,
        timeout_graceful_shutdown=int(house.settings.server.shutdown_grace_s),
        backlog=2048,
        ws="none",
        proxy_headers=False,
    )
    server = _Server(config, house, on_ready)
    with _stop_signals(server.ask_to_stop):
        async with _reload_signal(house):
            await server.serve(sockets=[listener])


@contextlib.asynccontextmanager
async def _reload_signal(house: House) -> AsyncIterator[None]:
    """SIGHUP reloads the configuration, where there is such a signal; the reloads are owned here."""
    if not hasattr(signal, "SIGHUP"):
        yield
        return
    loop = asyncio.get_running_loop()
    reloads: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = loop.create_task(house.reload_or_log(), name="reload")
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, reload)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        for task in tuple(reloads):
            task.cancel()
        await asyncio.gather(*reloads, return_exceptions=True)


@contextlib.contextmanager
def _stop_signals(stop: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    numbers = [signal.SIGINT, signal.SIGTERM]
    try:
        for number in numbers:
            loop.add_signal_handler(number, stop)
    except NotImplementedError:  # Windows
        before = [signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop)) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)
        return
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
