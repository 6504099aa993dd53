"""What is measured: this working copy's router as shipped, on a core of its own; all else is on the other."""

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import shipped
from bench.servers import Cores, got, server
from bench.voices.node import CHAT_MODEL
from router.api.admission import new_key
from router.drill.ports import free_port


@dataclass(frozen=True, slots=True)
class House:
    """A router that runs."""

    port: int
    router_pid: int
    key: str
    harness_core: int
    folder: Path

    def exposition(self) -> str:
        """The router's metrics."""
        return got(self.port, "/metrics").decode()


@contextlib.contextmanager
def house(folder: Path) -> Iterator[House]:
    """All of it, its logs in `folder`. Keys, metrics, log, heartbeat and cache are on, as shipped.

    Raises CannotMeasure.
    """
    cores, key, port = Cores.of_this_machine(), new_key()[0], free_port()
    settings = {
        "providers": {
            "node": {"kind": "tts-node", "url": f"http://127.0.0.1:{port}/node"},
            "writer": {"kind": "openai", "url": f"http://127.0.0.1:{port}/v1"},
        },
        "clients": {"bench": shipped.client(key)},
    }
    behind = [sys.executable, "-m", "bench.voices.node", str(port)]
    asked = f"/v1/models/{CHAT_MODEL}", "/ready"
    with (
        server(behind, port, cores.load, folder / "node.log"),
        shipped.router(folder / "router", cores.gateway, settings, *asked, key=key) as router,
    ):
        yield House(router.port, router.pid, key, cores.load, folder)
