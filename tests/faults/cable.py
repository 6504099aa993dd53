"""A machine on a cable that can be pulled: a network namespace and a veth pair, or, unprivileged, a stand-in.

The *far* end of the pair is set down, as a cable pulled out of the other machine: packets vanish, connections stay
and fall silent, and dials time out. The near end down would answer ENETUNREACH at once, which no unplugged machine
does. Where namespaces cannot be made, the machine's full backlog drops SYNs and it stops reading and writing.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from machines import Machine, start_machine

COMMAND_TIMEOUT_S: Final = 10.0


@dataclass(slots=True)
class Cable:
    """The machine, and how it is unplugged; `way` says which kind of cable it is."""

    machine: Machine
    way: str
    namespace: str = ""
    far_end: str = ""

    def unplug(self) -> float:
        """When (monotonic)."""
        return self._set("down") if self.namespace else self.machine.fault("black_hole")

    def plug(self) -> float:
        """When (monotonic)."""
        return self._set("up") if self.namespace else self.machine.fault("none")

    def _set(self, state: str) -> float:
        ip("-n", self.namespace, "link", "set", self.far_end, state)
        return time.monotonic()


@contextmanager
def start_on_cable(folder: Path, name: str, stand_in_address: str) -> Iterator[Cable]:
    """A machine on a real cable where this process may make one, else on the stand-in."""
    number = os.getpid() % 16_000  # of the range for such tests, RFC 2544: 198.18.0.0/15, four addresses each
    namespace, near, far = f"lar-{number}", f"larn{number}", f"larf{number}"
    base = number * 4
    near_address, far_address = (f"198.18.{(base + n) // 256}.{(base + n) % 256}" for n in (1, 2))
    try:
        problem = laid(namespace, (near, near_address), (far, far_address))
        if not problem:
            before = (shutil.which("ip") or "ip", "netns", "exec", namespace)
            with start_machine(folder, name, far_address, before=before) as machine:
                yield Cable(machine, f"a veth pair into the namespace {namespace}", namespace, far)
            return
    finally:
        taken_up(namespace, near)
    with start_machine(folder, name, stand_in_address) as machine:
        yield Cable(machine, f"a full backlog on loopback ({problem})")


def laid(namespace: str, near: tuple[str, str], far: tuple[str, str]) -> str:
    """Make the namespace and the pair; why not, or nothing."""
    try:
        ip("netns", "add", namespace)
        ip("link", "add", near[0], "type", "veth", "peer", "name", far[0], "netns", namespace)
        ip("address", "add", f"{near[1]}/30", "dev", near[0])
        ip("link", "set", near[0], "up")
        ip("-n", namespace, "address", "add", f"{far[1]}/30", "dev", far[0])
        ip("-n", namespace, "link", "set", far[0], "up")
        ip("-n", namespace, "link", "set", "lo", "up")
    except (OSError, subprocess.SubprocessError) as exc:
        said = exc.stderr.decode().strip() if isinstance(exc, subprocess.CalledProcessError) else ""
        return said or str(exc)
    return ""


def taken_up(namespace: str, near: str) -> None:
    """Remove both, whatever of them is there: a pair goes with either of its ends."""
    for command in (("link", "delete", near), ("netns", "delete", namespace)):
        try:
            ip(*command)
        except (OSError, subprocess.SubprocessError):
            continue  # it was not made


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=COMMAND_TIMEOUT_S)
