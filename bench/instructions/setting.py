"""What is counted on: the interpreter, the kind of machine, and the packages in the way of a request."""

import os
import platform
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Final

from bench.instructions.callgrind import CannotCount
from bench.instructions.record import Setting

_PACKAGES: Final = ("uvicorn", "uvloop", "httptools", "msgspec", "prometheus_client")
_YARDSTICK: Final = Path(__file__).with_name("yardstick.py")
_COLLECTED: Final = re.compile(r"Collected : (\d+)")


def this_setting() -> Setting:
    """This interpreter on this machine. Raises CannotCount."""
    return Setting(
        python=platform.python_version(),
        compiler=platform.python_compiler(),
        yardstick=_yardstick(),
        machine=platform.machine(),
        libc=" ".join(platform.libc_ver()),
        valgrind=_said("valgrind", "--version").removeprefix("valgrind-"),
        packages={name: version(name) for name in _PACKAGES},
    )


def _yardstick() -> int:
    """Instructions of `yardstick.py`, which differ between any two builds of Python and never between two runs."""
    said = _said(
        "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", sys.executable, "-S", str(_YARDSTICK)
    )
    collected = _COLLECTED.search(said)
    if collected is None:
        raise CannotCount(f"callgrind told no count of {_YARDSTICK.name}: {said}")
    return int(collected[1])


def _said(*command: str) -> str:
    """What a command prints, to both streams."""
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    answer = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)  # noqa: S603  ours
    return (answer.stdout + answer.stderr).strip()
