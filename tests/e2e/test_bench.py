"""The benchmarks of speech with `--quick`: they measure what they say, on real processes."""

import re
import subprocess
import sys
from typing import Final

from processes import BOUND, ROOT, environment

WITHIN_S: Final = 100.0  # guards against what would hang


def _quick(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-S", BOUND, sys.executable, "-m", program, "--quick"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )


def test_what_speech_costs_is_measured() -> None:
    """Every kind of answer once, and chats without and with a few who listen."""
    done = _quick("bench.voices")
    assert 0 == done.returncode, done.stderr
    costs = [float(cost.replace(",", "")) for cost in re.findall(r"\| ([\d,]+) µs \|", done.stdout)]
    assert 13 == len(costs)
    assert all(cost > 0 for cost in costs)
    assert "while 4 listen" in done.stdout
    encoded_s = re.findall(r"^\| sound encoded in a second \| 0 s \| (\d+) s", done.stdout, re.MULTILINE)
    assert encoded_s
    assert int(encoded_s[0]) > 0


def test_how_soon_a_chat_is_heard_is_measured() -> None:
    """Five replies alone and five at once, in both ways, none of which fails."""
    done = _quick("bench.aloud")
    assert 0 == done.returncode, done.stderr
    assert "failed" not in done.stderr
    assert "| replies | 5 | 5 |" in done.stdout
    aloud, in_turns = (
        float(re.findall(rf"^\| {way} \| ([\d.]+) s", done.stdout, re.MULTILINE)[0])
        for way in ("aloud", "in turns")
    )
    assert 0 < aloud < in_turns


def test_what_is_said_again_is_measured() -> None:
    """Against a file, and by a crowd. (The exit status is of the figures, which are too few here.)"""
    done = _quick("bench.speech")
    assert "| static file | " in done.stdout, done.stderr
    assert "20 answers of 200" in done.stdout
    assert "spoken by the node 1 time(s)." in done.stdout
