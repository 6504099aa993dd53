"""What is measured: this working copy's router before a real tts-node, both processes on a core of their own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import shipped
from bench.aloud.model import MODEL, Writer
from bench.servers import Cores, tts_node
from router.drill.ports import free_port


@dataclass(frozen=True, slots=True)
class House:
    """A router that runs, and the language model behind it."""

    port: int
    router_pid: int
    writer: Writer


@asynccontextmanager
async def house(folder: Path, simulate: str) -> AsyncIterator[House]:
    """All of it, its logs in `folder`; the node speaks as `simulate` says (`tts-node serve --simulate`).

    Raises CannotMeasure.
    """
    cores, writer, writer_port = Cores.of_this_machine(), Writer(), free_port()

    def start(stack: ExitStack) -> House:
        node = stack.enter_context(tts_node(cores.load, folder / "node.log", "--simulate", simulate))
        settings = {
            "providers": {
                "writer": {"kind": "openai", "url": f"http://127.0.0.1:{writer_port}/v1"},
                "node": {"kind": "tts-node", "url": f"http://127.0.0.1:{node.port}"},
            },
            "cache": {"enabled": False},
        }
        asked = f"/v1/models/{MODEL}", "/ready"
        router = stack.enter_context(shipped.router(folder / "router", cores.gateway, settings, *asked))
        return House(router.port, router.pid, writer)

    async with writer.listening(writer_port):
        with ExitStack() as stack:
            yield await asyncio.to_thread(start, stack)  # a thread, because the router asks the writer meanwhile
