"""`python -m bench.aloud --quick`: the benchmark measures what it says, on real processes."""

import re
import subprocess
import sys
from typing import Final

from processes import BOUND, ROOT, environment

WITHIN_S: Final = 100.0  # guards against what would hang


def test_the_benchmark_measures() -> None:
    """Five replies alone and five at once, in both ways, none of which fails."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", BOUND, sys.executable, "-m", "bench.aloud", "--quick"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    assert "failed" not in done.stderr
    assert "| replies | 5 | 5 |" in done.stdout
    aloud, in_turns = (
        float(re.findall(rf"^\| {way} \| ([\d.]+) s", done.stdout, re.MULTILINE)[0])
        for way in ("aloud", "in turns")
    )
    assert 0 < aloud < in_turns
