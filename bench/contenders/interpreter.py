"""Which Python runs a contender, and how it was built: one without profile-guided optimisation costs more."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from bench.contenders.contender import CouldNotStart

_WITHIN_S: Final = 20.0
# sysconfig holds what `configure` was told: who builds by other means (Debian) may have optimised without a word
# of it there.
_ASKED: Final = """\
import importlib.metadata, json, sys, sysconfig
def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
print(json.dumps({
    "build": sys.implementation.name + " " + sys.version.splitlines()[0],
    "options": sysconfig.get_config_var("CONFIG_ARGS") or "",
    "versions": {name: version(name) for name in ("litestar", "httpx")},
}))
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """`build`: name, version, date and compiler; `options`: what its `configure` was told; `versions`: of packages
    by name, empty where one is missing."""

    build: str
    options: str
    versions: Mapping[str, str]

    def __str__(self) -> str:
        """For the page."""
        return f"{self.build}, {how_built(self.options)}"


def how_built(options: str) -> str:
    """What the options tell of the two optimisations."""
    named = {"PGO": "--enable-optimizations", "LTO": "--with-lto"}
    done = [name for name, option in named.items() if option in options and f"{option}=no" not in options]
    left = [name for name in named if name not in done]
    parts = [f"built with {' and '.join(done)}"] if done else []
    return ", ".join([*parts, *([f"no {' or '.join(left)} among its build options"] if left else [])])


@cache
def interpreter(python: str) -> Interpreter:
    """Asked of the command `python`. Raises CouldNotStart."""
    try:
        answer = subprocess.run(  # noqa: S603  ours
            (python, "-c", _ASKED), capture_output=True, text=True, timeout=_WITHIN_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise CouldNotStart("its Python cannot be run") from error
    return Interpreter(**json.loads(answer.stdout))
