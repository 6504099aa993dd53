"""`python -m bench.voices --quick`: the benchmark measures what it says, on real processes."""

import re
import subprocess
import sys
from typing import Final

from processes import BOUND, ROOT, environment

WITHIN_S: Final = 100.0  # guards against what would hang


def test_the_benchmark_measures() -> None:
    """Every kind of answer once, and chats without and with a few who listen."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", BOUND, sys.executable, "-m", "bench.voices", "--quick"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    costs = [float(cost.replace(",", "")) for cost in re.findall(r"\| ([\d,]+) µs \|", done.stdout)]
    assert 13 == len(costs)
    assert all(cost > 0 for cost in costs)
    assert "while 4 listen" in done.stdout
    encoded_s = re.findall(r"^\| sound encoded in a second \| 0 s \| (\d+) s", done.stdout, re.MULTILINE)
    assert encoded_s
    assert int(encoded_s[0]) > 0
