"""What is measured: this working copy's router, with everything on that ships on, before servers of our own."""

import contextlib
import hashlib
import json
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.contenders import REPOSITORY, new_key
from bench.processes import cpu_s, running
from router.drill.ports import free_port

HOSTS: Final = 200
KEYS: Final = 1000
_UP_WITHIN_S: Final = 60.0
_POLL_S: Final = 0.002


class CannotMeasure(Exception):
    """Something that is measured does not come up; its message is for people."""


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


@dataclass(frozen=True, slots=True)
class Router:
    """One that runs. `started_s`, `started_cpu_s`: what it took until it accepted connections."""

    port: int
    pid: int
    started_s: float
    started_cpu_s: float
    log: Path

    def complaints(self) -> str:
        """What its log says of requests that did not end well, the last of them."""
        lines = self.log.read_text().splitlines()
        return "\n".join([line for line in lines if '"outcome":"ok"' not in line][-20:])


@contextlib.contextmanager
def site(folder: Path, router_core: int, upstream_core: int) -> Iterator[Site]:
    """The servers behind the routers, running. Raises CannotMeasure."""
    port = free_port()
    command = [sys.executable, "-m", "bench.growth.upstream", str(port), str(HOSTS)]
    log = folder / "upstream.log"
    with log.open("wb") as file, running(command, upstream_core, file, REPOSITORY) as pid:
        _wait_for(pid, port, log)
        yield Site(folder, router_core, port, tuple(new_key() for _ in range(KEYS)))


@contextlib.contextmanager
def router(it: Site, name: str, settings: Mapping[str, Any], keys: int = 2) -> Iterator[Router]:
    """A router of its own, its files and its log in the folder `name`. Raises CannotMeasure."""
    folder, port = it.folder / name, free_port()
    folder.mkdir(exist_ok=True)
    clients = {f"client-{n}": {"key_sha256": _sha256(key)} for n, key in enumerate(it.keys[:keys])}
    speech = {"voices_dir": str(folder / "voices"), **settings.get("speech", {})}
    cache = {"dir": str(folder / "cache"), **settings.get("cache", {})}
    providers = {**settings["providers"], "demo": {"kind": "demo"}}
    document = {
        "server": {"port": port},
        "providers": providers,
        "clients": clients,
        "speech": speech,
        "cache": cache,
    }
    config, log = folder / "providers.yaml", folder / "log"
    config.write_text(json.dumps(document, indent=1))  # which is YAML as well
    command = [sys.executable, "-m", "router", "serve", "--config", str(config)]
    began_s = time.monotonic()
    with log.open("wb") as file, running(command, it.router_core, file, REPOSITORY) as pid:
        _wait_for(pid, port, log)
        yield Router(port, pid, time.monotonic() - began_s, cpu_s(pid), log)


def _sha256(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _wait_for(pid: int, port: int, log: Path) -> None:
    """Until connections are accepted: a router has looked at all its providers by then."""
    ends_s = time.monotonic() + _UP_WITHIN_S
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if _has_ended(pid) or time.monotonic() > ends_s:
            raise CannotMeasure(f"Nothing listens on port {port}. The log:\n{log.read_text()[-2000:]}")
        time.sleep(_POLL_S)


def _has_ended(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"  # proc(5): nobody waited yet
