"""Runs a command that cannot outlive its parent: `python bound.py COMMAND …` becomes COMMAND, same process.

The kernel sends SIGKILL when the parent ends, however it ends (prctl(2), PR_SET_PDEATHSIG; it survives execve).
A launcher rather than a `preexec_fn`, which runs between fork and exec in a process with threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    os.execv(sys.argv[1], sys.argv[1:])
