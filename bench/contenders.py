"""What is compared: no gateway, nginx, and this router with everything on that ships on."""

import contextlib
import hashlib
import http.client
import json
import secrets
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.cases import CASES, request_headers
from bench.processes import running

REPOSITORY: Final = Path(__file__).parents[1]
_START_WITHIN_S: Final = 30.0

# What favours nginx: one worker, kept connections in both directions, no log, large buffers that stay in memory.
# The upstream's streams ask for no buffering themselves (X-Accel-Buffering). It knows no models, keys or health.
_NGINX: Final = """\
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/nginx.log warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  keepalive_requests 10000000;
  upstream mock {{
    server 127.0.0.1:{upstream_port};
    keepalive 128;
    keepalive_requests 10000000;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location / {{
      proxy_pass http://mock;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffers 16 32k;
      proxy_max_temp_file_size 0;
    }}
  }}
}}
"""

# Keys, metrics, probes and the log are on, as shipped; a second machine stands by, as in the house it is made for.
_ROUTER: Final = """\
server:
  port: {port}
providers:
  gaming-pc:
    kind: openai
    url: http://127.0.0.1:{upstream_port}/v1
    tier: 1
  fallback:
    kind: openai
    url: http://127.0.0.1:{upstream_port}/v1
    tier: 2
  demo:
    kind: demo
clients:
  bench:
    key_sha256: "{key_sha256}"
  somebody-else:
    key_sha256: "{other_sha256}"
    role: admin
"""


@dataclass(frozen=True, slots=True)
class Contender:
    """A server to measure. `pid`: the gateway's, None where there is none."""

    name: str
    port: int
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class Upstream:
    """The mock upstream's process."""

    port: int
    pid: int

    def counts(self) -> dict[str, int]:
        """See `bench.upstream.Tally`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/counts")
            counts: dict[str, int] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return counts


@contextlib.contextmanager
def upstream(directory: Path, core: int) -> Iterator[Upstream]:
    """The mock upstream, running."""
    port = _free_port()
    command = [sys.executable, "-m", "bench.upstream", str(port)]
    with (directory / "upstream.log").open("wb") as log, running(command, core, log, REPOSITORY) as pid:
        it = Upstream(port, pid)
        _wait_for(it.counts, "the mock upstream", directory / "upstream.log")
        yield it


@contextlib.contextmanager
def nginx(directory: Path, core: int, upstream_port: int, key: str) -> Iterator[Contender]:
    """nginx before the upstream, running."""
    port = _free_port()
    config = directory / "nginx.conf"
    config.write_text(_NGINX.format(directory=directory, port=port, upstream_port=upstream_port))
    command = ["nginx", "-c", str(config), "-p", str(directory), "-e", str(directory / "nginx.log")]
    with (directory / "nginx.out").open("wb") as log, running(command, core, log) as pid:
        _wait_for(lambda: _ask(port, key), "nginx", directory / "nginx.log")
        yield Contender("nginx", port, pid)


@contextlib.contextmanager
def router(directory: Path, core: int, upstream_port: int, key: str) -> Iterator[Contender]:
    """This working copy's router before the upstream, running, with its log in a file."""
    port = _free_port()
    config = directory / "providers.yaml"
    config.write_text(
        _ROUTER.format(
            port=port,
            upstream_port=upstream_port,
            key_sha256=_sha256(key),
            other_sha256=_sha256(new_key()),
        )
    )
    command = [sys.executable, "-m", "router", "serve", "--config", str(config)]
    log_file = directory / "router.log"
    with log_file.open("wb") as log, running(command, core, log, REPOSITORY) as pid:
        _wait_for(lambda: _ask(port, key), "the router", log_file)
        yield Contender("router", port, pid)


def complaints(directory: Path) -> str:
    """What the router's log says of requests that did not end well, the last of them."""
    lines = (directory / "router.log").read_text().splitlines()
    bad = [line for line in lines if line.startswith("{") and '"outcome":"ok"' not in line]
    return "\n".join(bad[-20:])


def new_key() -> str:
    """A client's key, as `local-ai-router keys new` makes them."""
    return "lar-" + secrets.token_urlsafe(32)


def _sha256(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _ask(port: int, key: str) -> None:
    """One chat. Raises OSError unless it is answered well."""
    case = CASES[0]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("POST", case.path, case.body, request_headers(key))
        answer = connection.getresponse()
        said = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise OSError(f"status {answer.status}: {said[:300]!r}")


def _wait_for(ask: Callable[[], object], who: str, log: Path) -> None:
    deadline = time.monotonic() + _START_WITHIN_S
    while True:
        try:
            ask()
        except (OSError, http.client.HTTPException) as exc:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{who} does not answer ({exc}); its log: {log.read_text()[-2000:]}") from exc
            time.sleep(0.1)
        else:
            return
