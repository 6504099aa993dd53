"""`tts-node serve`: the node until somebody ends it."""

import argparse
import asyncio
import contextlib
import errno
import importlib.util
import math
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

import uvicorn

from tts_node import __version__
from tts_node.app import App
from tts_node.install.offer import NotOffered
from tts_node.logs import set_up_logs
from tts_node.settings import Settings, SettingsError, add_flags, read_settings

_KEEP_ALIVE_S = 75  # longer than routers keep idle connections, so that they close first and never race us
_BACKLOG = 512


class PortTaken(Exception):
    """Somebody else listens there, or the address is not ours. The message is one line."""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`serve` and every setting."""
    parser = commands.add_parser("serve", help="serve speech over HTTP", description=__doc__)
    add_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 after a graceful end, 1 when it cannot start."""
    try:
        settings = read_settings(vars(args), os.environ)
        listener = bind(settings.host, settings.port)
    except SettingsError as exc:
        for fault in exc.faults:
            print(f"tts-node: {fault}", file=sys.stderr)
        return 1
    except PortTaken as exc:
        print(f"tts-node: {exc}", file=sys.stderr)
        return 1
    set_up_logs(settings.log_format, settings.log_level)
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(serve(settings, listener))
    except NotOffered as exc:
        print(f"tts-node: --engine {settings.engine}: {exc}", file=sys.stderr)
        return 1
    return 0


async def serve(settings: Settings, listener: socket.socket) -> None:
    """Serves until a signal; every child is gone afterwards, also after a fault."""
    async with App(settings) as app:
        await Server(app).serve(sockets=[listener])


class Server(uvicorn.Server):
    """uvicorn with our way to leave: goodbye first, then what is in flight, then the children."""

    def __init__(self, app: App) -> None:
        config = uvicorn.Config(
            app.asgi,
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=math.ceil(app.settings.grace_s),
        )
        super().__init__(config)
        self._app = app

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Says where it listens, in one line, once it does."""
        await super().startup(sockets)
        assert sockets
        if self._app.settings.exit_with_stdin:
            loop = asyncio.get_running_loop()
            threading.Thread(target=self._leave_with_stdin, args=(loop,), name="stdin", daemon=True).start()
        engine = self._app.node.default_model
        print(f"tts-node {__version__} listens on {url_of(sockets[0])} ({engine})", flush=True)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM end gracefully with status 0; the second of them ends at once."""
        loop = asyncio.get_running_loop()

        def on_signal(_signal: int, _frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self._leave)

        kinds = [signal.SIGINT, signal.SIGTERM]
        if sys.platform == "win32":
            kinds.append(signal.SIGBREAK)
        before = {kind: signal.signal(kind, on_signal) for kind in kinds}
        try:
            yield
        finally:
            for kind, handler in before.items():
                signal.signal(kind, handler)

    def _leave_with_stdin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Waits, in a thread of its own, for the parent that holds the other end to go, however it goes."""
        while os.read(0, 4096):
            pass
        with contextlib.suppress(RuntimeError):  # the loop may be closed by now
            loop.call_soon_threadsafe(self._leave)

    def _leave(self) -> None:
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True
        self._app.leave("shutdown")


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where there is one."""
    if importlib.util.find_spec("uvloop") is None:
        return None
    uvloop = importlib.import_module("uvloop")
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def bind(host: str, port: int) -> socket.socket:
    """A listening socket, or PortTaken with what to do about it."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as exc:
        raise PortTaken(f"{host!r} is no address of this machine ({exc.strerror}).") from exc
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":  # there SO_REUSEADDR would let two nodes share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as exc:
        listener.close()
        if exc.errno == errno.EADDRINUSE:
            message = f"port {port} on {host} is taken: end what listens there, or choose another with --port."
            raise PortTaken(message) from exc
        raise PortTaken(f"{host} port {port} cannot be bound: {exc.strerror}.") from exc
    listener.setblocking(False)
    return listener


def url_of(listener: socket.socket) -> str:
    """What a client on this machine types."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  compared, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
