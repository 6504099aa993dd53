"""What is measured: this working copy's router, with everything on that ships on, before servers of our own."""

import contextlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench import shipped
from bench.servers import Cores, Server, server
from router.api.admission import new_key
from router.drill.ports import free_port

HOSTS: Final = 200
KEYS: Final = 1000
_UP_WITHIN_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Site:
    """What all routers have in common. `keys`: of clients; the first is everybody's."""

    folder: Path
    router_core: int
    upstream_port: int
    keys: tuple[str, ...]

    @property
    def key(self) -> str:
        return self.keys[0]

    def model_url(self, host: int, owner: str, count: int) -> str:
        """Of a language model on a machine of its own; see `upstream.py`."""
        return f"http://127.0.0.{host % HOSTS + 1}:{self.upstream_port}/{owner}/{count}/v1"

    @property
    def node_url(self) -> str:
        return f"http://127.0.0.1:{self.upstream_port}/node"


@contextlib.contextmanager
def site(folder: Path, cores: Cores) -> Iterator[Site]:
    """The servers behind the routers, running. Raises CannotMeasure."""
    port = free_port()
    command = [sys.executable, "-m", "bench.growth.upstream", str(port), str(HOSTS)]
    with server(command, port, cores.load, folder / "upstream.log"):
        yield Site(folder, cores.gateway, port, tuple(new_key()[0] for _ in range(KEYS)))


def router(it: Site, name: str, settings: Mapping[str, Any], keys: int = 2) -> AbstractContextManager[Server]:
    """A router of its own, its files and its log in the folder `name`. One that accepts connections has looked at
    all its providers. Raises CannotMeasure."""
    document = {
        **settings,
        "providers": {**settings["providers"], "demo": {"kind": "demo"}},
        "clients": {f"client-{n}": shipped.client(key) for n, key in enumerate(it.keys[:keys])},
    }
    return shipped.router(it.folder / name, it.router_core, document, within_s=_UP_WITHIN_S)
