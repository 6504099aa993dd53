"""`up` with a configuration, and nothing left of it afterwards."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from processes import Process, descendants_of, free_port, is_running, start_up


@contextmanager
def running_up(config: Path, folder: Path, *flags: str) -> Iterator[Process]:
    """`up` on free ports; its descendants are ended with it, should it have left any."""
    with start_up(config, folder, free_port(), free_port(), *flags) as process:
        below = set(descendants_of(process.pid))
        try:
            yield process
        finally:
            below |= set(descendants_of(process.pid))
            process.signal(signal.SIGTERM)
            process.exit_status()
            for pid in below:
                if is_running(pid):
                    os.kill(pid, signal.SIGKILL)
