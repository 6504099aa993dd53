"""Faulty upstreams as processes, each on a loopback address of its own: so each is a machine to the router."""

import json
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from processes import ROOT, Process, free_port, started

FAULTY: Final = Path(__file__).with_name("faulty.py")
CONTROL_TIMEOUT_S: Final = 10.0
# Made for tests once, for 127.0.0.1 to 127.0.0.9, valid for a century, trusted by nobody else.
CERTIFICATE: Final = ROOT / "tests" / "router" / "transport" / "loopback.crt"
TRUSTING: Final = {"SSL_CERT_FILE": str(CERTIFICATE)}  # the environment of a router that trusts it


@dataclass(slots=True)
class Machine:
    """A process of `faulty.py`, and the way to its control port."""

    name: str
    address: str
    process: Process
    control_port: int
    scheme: str = "http"

    @property
    def port(self) -> int:
        return self.process.port

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.address}:{self.port}"

    def fault(self, name: str, **more: float) -> float:
        """Switch to a fault, `none` for the end of it; when that was (monotonic)."""
        return float(self.ask({"do": "fault", "name": name, **more})["at"])

    def report(self) -> dict[str, Any]:
        """Every inference it got since `forget`, and every connection."""
        return self.ask({"do": "report"})

    def seen(self) -> list[dict[str, Any]]:
        """The inferences alone."""
        inferences: list[dict[str, Any]] = self.report()["seen"]
        return inferences

    def forget(self) -> None:
        self.ask({"do": "forget"})

    def hang_up(self) -> None:
        """Close idle connections, as a server's keep-alive timer would."""
        self.ask({"do": "hang_up"})

    def ask(self, order: dict[str, Any]) -> dict[str, Any]:
        with socket.create_connection(("127.0.0.1", self.control_port), timeout=CONTROL_TIMEOUT_S) as line:
            line.sendall(json.dumps(order).encode() + b"\n")
            with line.makefile("rb") as answers:
                answer: dict[str, Any] = json.loads(answers.readline())
        return answer


@contextmanager
def start_machine(
    folder: Path, name: str, address: str, *, before: Sequence[str] = (), has_tls: bool = False
) -> Iterator[Machine]:
    """A machine of that name, once it accepts connections. `before` goes before the command: `ip netns exec …`,
    where its control port cannot be reached."""
    port, control = free_port(), free_port()
    command = [*before, sys.executable, "-S", str(FAULTY), address, str(port), str(control), name]
    if has_tls:
        command += [str(CERTIFICATE), str(CERTIFICATE.with_suffix(".key"))]
    door = (address, port) if before else ("127.0.0.1", control)

    def is_ready(_: Process) -> bool:
        try:
            socket.create_connection(door, timeout=1.0).close()
        except OSError:
            return False
        return True

    with started(name, command, port, folder, is_ready=is_ready) as process:
        yield Machine(name, address, process, control, "https" if has_tls else "http")


def configuration(providers: Sequence[str], more: str = "", server: str = "") -> str:
    """YAML of a router with these lines under `providers`. Without a cache: it is about who answers now."""
    rows = "\n".join(f"  {line}" for line in providers)
    return f"server: {{log_level: debug{server}}}\ncache: {{enabled: false}}\nproviders:\n{rows}\n{more}"


def provider(
    name: str, machine: Machine, tier: int, kind: str = "openai", more: str = "", *, patience_s: float = 1
) -> str:
    """One provider's line: deadlines of a second, so that a hung inference ends within the test."""
    path = "/v1" if kind == "openai" else ""
    serves = ", serves: [chat, speech]" if kind == "openai" else ", concurrency: 64"  # so that no queue is tested
    return (
        f'{name}: {{kind: {kind}, url: "{machine.url}{path}", tier: {tier}, '
        f"first_byte_s: {patience_s}, stall_s: {patience_s}{serves}{more}}}"
    )
