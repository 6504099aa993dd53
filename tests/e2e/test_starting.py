"""What keeps the commands from starting is told in full: configurations, taken ports, an address without keys."""

import hashlib
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from processes import DEMO, free_port, run_command, start_router, written

pytest_plugins = ["process_logs"]


BROKEN: Final = """\
server:
  port: 70000
  colour: red
providers:
  a: {kind: openai}
  b: {kind: nonsense, url: "http://127.0.0.1:1"}
  c: {kind: tts-node, url: "${NO_SUCH_VARIABLE}"}
models:
  m:
    routes:
      - provider: nobody
clients:
  x: {key_sha256: abc}
"""
FAULTY_LINES: Final = {2, 3, 5, 6, 7, 11, 13}


def faulty_lines(text: str, config: Path) -> set[int]:
    """The lines of the file that a report names."""
    return {int(line) for line in re.findall(rf"^{re.escape(str(config))}:(\d+): ", text, re.MULTILINE)}


@pytest.mark.parametrize("command", ["serve", "check", "up", "explain"])
def test_broken_configuration_is_told_in_full(tmp_path: Path, command: str) -> None:
    """Every command exits 2 and names file, line and key of every fault at once."""
    config = written(BROKEN, tmp_path)
    done = run_command(command, "--config", config)
    assert done.returncode == 2
    assert faulty_lines(done.stderr, config) == FAULTY_LINES, done.stderr
    assert "Traceback" not in done.stderr
    assert "NO_SUCH_VARIABLE" in done.stderr
    assert "server.colour" in done.stderr


def test_missing_configuration_is_told(tmp_path: Path) -> None:
    """A file that is not there is a fault like any other."""
    done = run_command("serve", "--config", tmp_path / "none.yaml")
    assert done.returncode == 2
    assert "none.yaml" in done.stderr
    assert "Traceback" not in done.stderr


def test_shipped_configuration_is_fine() -> None:
    """`check` without a word takes the shipped file, finds it good and says what is in it."""
    done = run_command("check")
    assert (done.returncode, done.stderr) == (0, "")
    assert "local-tts" in done.stdout


@contextmanager
def taken_port() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


def test_taken_port_is_told(tmp_path: Path) -> None:
    """`serve` exits 1 with one line that names the port and a way out."""
    with taken_port() as port:
        done = run_command("serve", "--config", written(DEMO, tmp_path), "--port", str(port))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"Port {port} on 127.0.0.1 is taken" in done.stderr
    assert "--port" in done.stderr


def test_taken_port_of_the_node_is_told(tmp_path: Path) -> None:
    """`up` exits 1 when the node's port is taken, names the flag for that port, and leaves nothing behind."""
    with taken_port() as port:
        done = run_command(
            *("up", "--config", written(DEMO, tmp_path), "--port", str(free_port()), "--tts-port", str(port))
        )
    assert done.returncode == 1
    assert f"Port {port}" in done.stderr
    assert "--tts-port" in done.stderr


def test_other_address_needs_keys(tmp_path: Path) -> None:
    """Without client keys the router refuses every address that others can reach; with one it binds."""
    config = written(DEMO, tmp_path)
    for address in ("0.0.0.0", "::", "192.0.2.1"):
        done = run_command("serve", "--config", config, "--port", str(free_port()), "--host", address)
        assert done.returncode == 2
        assert "server.host" in done.stderr
        assert "keys new" in done.stderr
    clients = f"clients:\n  a: {{key_sha256: {hashlib.sha256(b'k').hexdigest()}}}\n"
    with start_router(DEMO + clients, tmp_path / "keyed", "--host", "0.0.0.0") as router:
        assert router.get("/health").status_code == 200
        assert router.get("/v1/models").status_code == 401
