"""Runs a command that cannot outlive its parent, on Linux also in a network of its own.

`python bound.py [WHERE] -- COMMAND …` becomes COMMAND, same process.

The kernel sends SIGKILL when the parent ends, however it ends (prctl(2), PR_SET_PDEATHSIG; it survives execve).
WHERE is `new` for a new network namespace or the pid of a process whose namespace to join (unshare(2), setns(2)).
Such a namespace has no name: it goes with its last process, so that not even a drill that is killed leaves one.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
CLONE_NEWNET = 0x40000000


def _enter(where: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if where == "new":
        failed = libc.unshare(CLONE_NEWNET)
    else:
        of_process = os.open(f"/proc/{int(where)}/ns/net", os.O_RDONLY)
        failed = libc.setns(of_process, CLONE_NEWNET)
        os.close(of_process)
    if failed:
        sys.exit(f"no network of its own: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    before, command = sys.argv[1 : sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1 :]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
        for where in before:
            _enter(where)
    os.execvp(command[0], command)  # noqa: S606  the drill's own command lines
