"""A cable that can be pulled: a network namespace and a veth pair, where this process may make them.

The *far* end is set down, as a cable pulled out of the other machine: packets vanish, connections stay and fall
silent, dials time out. The near end down would answer ENETUNREACH at once, which no unplugged machine does. The
namespace has no name and belongs to the machine's proxy: with that process it goes, and the pair with it.
"""

import asyncio
import contextlib
import os
import shlex
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_BOUND: Final = Path(__file__).with_name("bound.py")
COMMAND_WITHIN_S: Final = 10.0
KILLED_WITHIN_S: Final = 2.0


class NoCable(Exception):
    """Namespaces cannot be made here; the message says why."""


@dataclass(frozen=True, slots=True)
class Cable:
    """`address` is the machine's, at the far end; `holder` the pid of a process in its namespace."""

    address: str
    far_end: str
    holder: int

    async def set(self, state: str) -> float:
        """`down` or `up`; when (monotonic)."""
        await _within(self.holder, "ip", "link", "set", self.far_end, state)
        return time.monotonic()


def is_possible() -> bool:
    """Whether it is worth a try: Linux, root, and the command."""
    return sys.platform == "linux" and os.geteuid() == 0 and shutil.which("ip") is not None


async def lay(holder: int, number: int) -> Cable:
    """A pair from here to the namespace of process `holder`. `number` tells several machines of one drill apart.

    Raises NoCable. Addresses are of the range for such tests (RFC 2544, 198.18.0.0/15), four each.
    """
    place = (os.getpid() * 2 + number) % 32_000
    near, far = f"lard{place}n", f"lard{place}f"
    near_address, far_address = (
        f"198.{18 + (place * 4 + n) // 65_536}.{(place * 4 + n) // 256 % 256}.{(place * 4 + n) % 256}"
        for n in (1, 2)
    )
    await _said("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", str(holder))
    await _said("ip", "address", "add", f"{near_address}/30", "dev", near)
    await _said("ip", "link", "set", near, "up")
    await _within(holder, "ip", "address", "add", f"{far_address}/30", "dev", far)
    await _within(holder, "ip", "link", "set", far, "up")
    await _within(holder, "ip", "link", "set", "lo", "up")
    return Cable(far_address, far, holder)


async def _within(holder: int, *command: str) -> None:
    await _said(sys.executable, "-I", "-S", str(_BOUND), str(holder), "--", *command)


async def _said(*command: str) -> None:
    """Run it to its end, which it does not outlive. Raises NoCable with what it said, or why it did not."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=None, stderr=asyncio.subprocess.PIPE
        )
    except OSError as exc:
        raise NoCable(f"{command[0]}: {exc.strerror or exc}") from exc
    try:
        async with asyncio.timeout(COMMAND_WITHIN_S):
            _, said = await process.communicate()
    except TimeoutError as exc:
        raise NoCable(f"{shlex.join(command)} did not end within {COMMAND_WITHIN_S:g} s") from exc
    finally:
        await _ended(process)
    if process.returncode:
        why = said.decode(errors="replace").strip()
        raise NoCable(why or f"{shlex.join(command)} ended with status {process.returncode}")


async def _ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, TimeoutError):
            process.kill()
            async with asyncio.timeout(KILLED_WITHIN_S):  # what the kernel holds, no signal ends
                await process.wait()
