"""What there is to say of a contender: before it is started, and when it runs."""

import http.client
import json
import secrets
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).parents[2]


class CouldNotStart(RuntimeError):
    """A contender is missing or does not answer as it should.

    The message is the reason, fit for a page; `log` is the end of what it printed, with this machine's paths.
    """

    def __init__(self, reason: str, log: str = "") -> None:
        super().__init__(reason)
        self.log = log


@dataclass(frozen=True, slots=True)
class Contender:
    """A server to measure.

    `pid`: the gateway's, None where there is none. `skips`: cases (names) that it cannot carry, each with a
    reason of one line. `extra_headers`: what each request to it needs besides. `is_slow`: to be measured in the
    main cases alone, with less load. `setup`: version and configuration in one line. `start_s`: from exec to the
    first chat answered well. `has_few_cases`: in the main cases alone, with the whole load.
    """

    name: str
    port: int
    pid: int | None = None
    skips: Mapping[str, str] = field(default_factory=dict, hash=False)
    extra_headers: Mapping[str, str] = field(default_factory=dict, hash=False)
    is_slow: bool = False
    setup: str = ""
    start_s: float | None = None
    has_few_cases: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a contender is to run.

    `directory`: its own, for configuration and log. `python`: the interpreter of the router and the plain proxies,
    by its path in an environment that has their packages.
    """

    directory: Path
    port: int
    upstream_port: int
    key: str
    python: str = sys.executable


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a contender is started.

    `files`: texts by name, to be written into its directory. `cwd`: where it runs, None for its directory.
    `start_within_s`: what it may take until its first answer. The rest is the contender's, see there.
    """

    name: str
    command: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    skips: Mapping[str, str] = field(default_factory=dict)
    extra_headers: Mapping[str, str] = field(default_factory=dict)
    is_slow: bool = False
    setup: str = ""
    cwd: Path | None = None
    start_within_s: float = 30.0
    has_few_cases: bool = False


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


def new_key() -> str:
    """A client's key, as `local-ai-router keys new` makes them."""
    return "lar-" + secrets.token_urlsafe(32)


def free_port() -> int:
    """A port of loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
