"""router/runtime.py, each in a process of its own: what it sets is the process's."""

import subprocess
import sys
from typing import Final

_PIECES: Final = """
import resource
from router import runtime
{settle}
for _ in range(100):
    pieces = [b'x' * 200_000 for _ in range(10)]
    del pieces
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100):
    pieces = [b'x' * 200_000 for _ in range(10)]
    del pieces
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
_SET: Final = """
import gc, sys
from router import runtime
runtime.settle()
print(sys.getswitchinterval(), gc.get_threshold()[0], gc.get_freeze_count() > 0)
"""


def _said(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout


def test_large_pieces_use_the_memory_of_those_before_them() -> None:
    """A hundred rounds of ten pieces, 2 MB, ask the kernel for next to no page; else for all of them each time."""
    kept, given_back = (int(_said(_PIECES.format(settle=settle))) for settle in ("runtime.settle()", ""))
    assert kept < 1000 < given_back


def test_the_interpreter_is_set_for_a_server() -> None:
    """Threads give way soon, and the collector seldom looks and never at what was there from the beginning."""
    assert _said(_SET).split() == ["0.0005", "10000", "True"]
