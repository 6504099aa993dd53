"""`local-ai-router serve`: the router alone."""

import asyncio
import functools
import socket
import sys
from argparse import Namespace
from collections.abc import Callable, Coroutine

from router import server
from router.app import open_house
from router.commands.greeting import greeting
from router.commands.loading import load_settings, report
from router.config import ConfigError, Settings
from router.logs import logging_to_stderr


def run(arguments: Namespace) -> int:
    """Serve until told to stop."""
    load = functools.partial(load_settings, arguments, is_serving=True)
    try:
        settings = load()
        listener = server.bind(settings.server.host, settings.server.port)
    except ConfigError as error:
        return report(error)
    except server.CannotListen as error:
        print(error, file=sys.stderr)
        return 1
    with logging_to_stderr(settings.server.log_format, settings.server.log_level):
        run_loop(_serve(settings, load, listener))
    return 0


def run_loop(main: Coroutine[object, object, None]) -> None:
    """Run on uvloop where there is one."""
    if sys.platform == "win32":
        asyncio.run(main)
        return
    import uvloop

    uvloop.run(main)


async def _serve(settings: Settings, load: Callable[[], Settings], listener: socket.socket) -> None:
    async with open_house(settings, load) as house:
        await server.serve(house, listener, lambda: print(greeting(house), flush=True))
