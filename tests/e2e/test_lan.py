"""`up --lan` as a person runs it: reachable by others, by key only, and the key is shown once."""

import re
import socket
import stat
from contextlib import AbstractContextManager
from pathlib import Path

import yaml
from curls import command_lines
from processes import Process, descendants_of, free_port, http, run_command, start_router, start_up, written
from running_up import running_up

pytest_plugins = ["process_logs"]

CONFIG = """\
providers:
  demo: {kind: demo}
  node: {kind: tts-node, url: "http://127.0.0.1:${TTS_NODE_PORT}"}
"""
# Any address of 127/8 is this machine, and a router on 127.0.0.1 alone does not listen there.
ANOTHER_ADDRESS = "127.0.0.2"


def up_here(folder: Path, *flags: str) -> AbstractContextManager[Process]:
    """`up` with the configuration of these tests."""
    return running_up(written(CONFIG, folder, "up"), folder, *flags)


def status(process: Process, path: str, key: str | None = None, address: str = ANOTHER_ADDRESS) -> int:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return http.get(f"http://{address}:{process.port}{path}", headers=headers).status_code


def keys_in(text: str) -> list[str]:
    return re.findall(r"lar-[\w-]{43}", text)


def is_listening(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True


def test_first_start_makes_a_key_and_the_next_ones_keep_it(tmp_path: Path) -> None:
    """All addresses, 401 without the key, the key shown once and stored nowhere; later starts make no other."""
    with up_here(tmp_path, "--lan") as up:
        (key,) = keys_in(up.output)
        assert status(up, "/v1/models") == 401
        assert status(up, "/v1/models", "lar-" + "x" * 43) == 401
        assert status(up, "/v1/models", key) == 200
        assert status(up, "/admin/providers", key) == 200, "the first client is its owner"
        assert status(up, "/v1/models", address="127.0.0.1") == 401, "on this machine too"
        node_port = int(re.findall(r"--port (\d+)", command_line_of_node(up))[0])
        assert not is_listening(ANOTHER_ADDRESS, node_port), "the node stays on this machine"
        speech, _ = command_lines(up.output)
        body = speech[speech.index("-d") + 1]
        said = http.post(
            f"{up.base_url}/v1/audio/speech", content=body, headers={"Authorization": f"Bearer {key}"}
        )
        assert said.status_code == 200, said.text
    kept = tmp_path / "data" / "clients.yaml"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert keys_in(kept.read_text()) == []
    hashes = [client["key_sha256"] for client in yaml.safe_load(kept.read_text())["clients"].values()]

    with up_here(tmp_path, "--lan") as up:
        assert keys_in(up.output) == []
        assert "Clients need their key" in up.output
        assert status(up, "/v1/models") == 401
        assert status(up, "/v1/models", key) == 200
    assert hashes == [client["key_sha256"] for client in yaml.safe_load(kept.read_text())["clients"].values()]


def command_line_of_node(up: Process) -> str:
    """How `up` started its node (proc(5))."""
    lines = [
        Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode() for pid in descendants_of(up.pid)
    ]
    return next(line for line in lines if "tts-node" in line and " serve" in line)


def test_on_this_machine_alone_no_key_is_made(tmp_path: Path) -> None:
    """--lan taken back by --host."""
    with up_here(tmp_path, "--lan", "--host", "127.0.0.1") as up:
        assert keys_in(up.output) == []
        assert status(up, "/v1/models", address="127.0.0.1") == 200
        assert not is_listening(ANOTHER_ADDRESS, up.port)
    assert not (tmp_path / "data").exists()


def test_configured_clients_need_no_first_key(tmp_path: Path) -> None:
    """Whoever has keys already is given none."""
    done = run_command("keys", "new", "desk")
    (key,) = keys_in(done.stdout)
    entry = done.stdout.split("\n\n")[-1]
    config = written(f"{CONFIG}clients:\n{entry}", tmp_path, "up")
    with start_up(config, tmp_path, free_port(), free_port(), "--lan") as up:
        assert keys_in(up.output) == []
        assert (status(up, "/v1/models"), status(up, "/v1/models", key)) == (401, 200)


def test_serve_takes_the_key_that_up_made(tmp_path: Path) -> None:
    """One configuration, one set of keys, whatever command serves it."""
    with up_here(tmp_path, "--lan") as up:
        (key,) = keys_in(up.output)
    config = "providers: {demo: {kind: demo}}\n"
    with start_router(config, tmp_path, "--host", "0.0.0.0") as router:
        assert (status(router, "/v1/models"), status(router, "/v1/models", key)) == (401, 200)
