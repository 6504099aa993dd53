"""HAProxy: the other limit. It knows no models or keys either."""

from typing import Final

from bench.contenders.contender import Place, Recipe
from bench.contenders.installed import said, tool

# One thread, connections kept and shared between clients, no log. `http-no-delay` is what its manual gives for
# streams: without it events may wait for each other (configuration.txt, "option http-no-delay").
_CONFIG: Final = """\
global
  nbthread 1
  maxconn 8192
defaults
  mode http
  option http-keep-alive
  option http-no-delay
  http-reuse always
  timeout connect 5s
  timeout client 10m
  timeout server 10m
frontend clients
  bind 127.0.0.1:{port} backlog 1024
  default_backend mock
backend mock
  server mock 127.0.0.1:{upstream_port} pool-purge-delay 10m
"""


def recipe(place: Place) -> Recipe:
    """Raises CouldNotStart when it is missing."""
    haproxy = tool("haproxy")
    version = said(haproxy, "-v").removeprefix("HAProxy version ").partition(" ")[0]
    return Recipe(
        "haproxy",
        (haproxy, "-db", "-f", str(place.directory / "haproxy.cfg")),
        files={"haproxy.cfg": _CONFIG.format(port=place.port, upstream_port=place.upstream_port)},
        setup=f"{version}: one thread, kept connections, `http-no-delay`, no log",
    )
