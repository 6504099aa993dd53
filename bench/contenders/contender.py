"""What there is to say of a contender: before it is started, and when it runs."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


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
