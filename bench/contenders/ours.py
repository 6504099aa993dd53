"""This working copy's router, as it ships: keys, metrics, probes and the log are on."""

import contextlib
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.contenders.contender import REPOSITORY, Contender, Place, Recipe, free_port, new_key
from bench.contenders.interpreter import interpreter
from bench.contenders.start import LOG, started

NAME: Final = "router"
# A second machine stands by, as in the house it is made for.
_PROVIDERS: Final = """\
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
"""
_REST: Final = """\
server:
  port: {port}
clients:
  bench:
    key_sha256: "{key_sha256}"
  somebody-else:
    key_sha256: "{other_sha256}"
    role: admin
"""


def recipe(place: Place, providers: str | None = None, name: str = NAME) -> Recipe:
    """`providers`: the configuration's YAML but for `server` and `clients`; None: one machine, and one more.

    Raises CouldNotStart without its interpreter.
    """
    rest = _REST.format(port=place.port, key_sha256=_sha256(place.key), other_sha256=_sha256(new_key()))
    which = _PROVIDERS.format(upstream_port=place.upstream_port) if providers is None else providers
    return Recipe(
        name,
        (place.python, "-m", "router", "serve", "--config", str(place.directory / "providers.yaml")),
        files={"providers.yaml": f"{which.rstrip()}\n{rest}"},
        setup=f"this working copy: keys, metrics, probes, one log line per request; {interpreter(place.python)}",
        cwd=REPOSITORY,
    )


@contextlib.contextmanager
def router(
    directory: Path,
    core: int,
    upstream_port: int,
    key: str,
    providers: str | None = None,
    name: str = NAME,
    python: str = sys.executable,
) -> Iterator[Contender]:
    """The router alone, running on `core`, in a folder of its `name` in `directory`. `providers`: see `recipe`;
    `python`: see `Place`.

    Raises CouldNotStart.
    """
    place = Place(directory / name, free_port(), upstream_port, key, python)
    with started(recipe(place, providers, name), place, core) as contender:
        yield contender


def complaints(directory: Path, name: str = NAME) -> str:
    """What the router's log says of requests that did not end well, the last of them; nothing without a log."""
    log_file = directory / name / LOG
    lines = log_file.read_text(errors="replace").splitlines() if log_file.exists() else []
    bad = [line for line in lines if '"outcome":"' in line and '"outcome":"ok"' not in line]
    return "\n".join(bad[-20:])


def _sha256(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
