"""A router of the drill's own with the person's configuration: on loopback, in this process, nobody else in it."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator

from router import server
from router.app import House, open_house
from router.config import Settings
from router.transport.unplugged import Cable


def _private(settings: Settings, port: int) -> Settings:
    """The same for this drill alone: loopback, no keys, nothing kept."""
    own = settings.server.model_copy(update={"host": "127.0.0.1", "port": port, "shutdown_grace_s": 1.0})
    cache = settings.cache.model_copy(update={"enabled": False})
    return settings.model_copy(update={"server": own, "clients": {}, "cache": cache})


@contextlib.asynccontextmanager
async def own_house(settings: Settings, port: int, cable: Cable) -> AsyncIterator[House]:
    """A router on that port, until the block ends."""
    listener: socket.socket = server.bind("127.0.0.1", port)
    quiet = logging.NullHandler()  # the timeline tells it
    logging.getLogger().addHandler(quiet)
    try:
        async with (
            open_house(_private(settings, port), transports=cable.transport_to) as house,
            _served(house, listener),
        ):
            yield house
    finally:
        logging.getLogger().removeHandler(quiet)
        listener.close()


@contextlib.asynccontextmanager
async def _served(house: House, listener: socket.socket) -> AsyncIterator[None]:
    """Ctrl-C and SIGTERM reach the server, which then ends; so does the drill."""
    is_ready = asyncio.Event()
    drill = asyncio.current_task()
    assert drill is not None, "this runs in a task"
    serving = asyncio.create_task(server.serve(house, listener, is_ready.set))
    serving.add_done_callback(lambda _: drill.cancel() if not is_over else None)
    is_over = False
    try:
        await is_ready.wait()
        yield
    finally:
        is_over = True
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
