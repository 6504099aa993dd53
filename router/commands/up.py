"""`local-ai-router up`: the router and, beside it, a supervised local tts-node."""

import contextlib
import functools
import os
import socket
import sys
from argparse import Namespace
from collections.abc import Callable

from router import server
from router.app import open_house
from router.commands.first_key import make_first_key
from router.commands.greeting import greeting
from router.commands.loading import config_file, load_settings, report
from router.commands.serve import run_loop
from router.config import ConfigError, Settings, is_loopback
from router.logs import logging_to_stderr
from router.node_process import NodeProcess, node_command

_NO_NODE = (
    "No tts-node found: neither tts-node/.venv beside the router nor `tts-node` on the PATH. "
    "Run `make run`, or `local-ai-router serve` for the router alone."
)
_NODE_PORT_HINT = "--tts-port {0}, TTS_NODE_PORT={0}, or make run TTS_PORT={0}"


def run(arguments: Namespace) -> int:
    """Serve until told to stop; the node ends with the router."""
    if arguments.tts_port is not None:
        os.environ["TTS_NODE_PORT"] = str(arguments.tts_port)  # the shipped file's local-tts follows it
    if arguments.lan:
        arguments.host = arguments.host or "0.0.0.0"  # noqa: S104  what the flag asks for; keys are needed
    load = functools.partial(load_settings, arguments, is_serving=True)
    with contextlib.ExitStack() as sockets:
        try:
            settings = load_settings(arguments)
            listener = server.bind(settings.server.host, settings.server.port)
            sockets.callback(listener.close)
            node_port = int(os.environ.get("TTS_NODE_PORT") or 8006)
            server.bind("127.0.0.1", node_port, _NODE_PORT_HINT).close()
            command = node_command()
            if command is None:
                print(_NO_NODE, file=sys.stderr)
                return 1
            # Last of what can fail, because a key that was made is shown once.
            is_first = arguments.lan and not settings.clients and not is_loopback(settings.server.host)
            key = make_first_key(config_file(arguments)) if is_first else None
            settings = load()
        except ConfigError as error:
            return report(error)
        except (server.CannotListen, ValueError) as error:
            print(error, file=sys.stderr)
            return 1
        with logging_to_stderr(settings.server.log_format, settings.server.log_level):
            run_loop(_up(settings, load, listener, NodeProcess(command, node_port), key))
    return 0


async def _up(
    settings: Settings, load: Callable[[], Settings], listener: socket.socket, node: NodeProcess, key: str | None
) -> None:
    async with node.running(), open_house(settings, load) as house:
        await server.serve(house, listener, lambda: print(greeting(house, key), flush=True))
