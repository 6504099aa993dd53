"""The tests' own promise: whatever ends them, nothing that they started stays behind."""

import signal
import subprocess
import sys
from pathlib import Path

from processes import children_of, environment, is_running, wait_until

HERE = Path(__file__).parent
SCRIPT = """
import pathlib, sys
from processes import start_upstream
with start_upstream(pathlib.Path(sys.argv[1]), "m"):
    print("up", flush=True)
    sys.stdin.read()
"""


def test_nothing_outlives_a_killed_run(tmp_path: Path) -> None:
    """A test run that is killed with -9 takes the processes under test with it."""
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment({"PYTHONPATH": str(HERE)}),
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"up\n"
        (server,) = children_of(run.pid)
        run.send_signal(signal.SIGKILL)
        wait_until("the server is gone", lambda: not is_running(server), 5)
