"""Who may enter a real node, and what keeps one from starting."""

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from nodes import RunningNode

KEY = "a-key-of-this-test"


@pytest.fixture(scope="module")
def locked() -> Iterator[RunningNode]:
    """A node with a key."""
    with RunningNode(TTS_NODE_API_KEY=KEY) as running:
        yield running


def serve(*flags: str, **env: str) -> "subprocess.CompletedProcess[str]":
    """A node that cannot start."""
    return subprocess.run(
        [sys.executable, "-m", "tts_node", "serve", *flags], env=env, capture_output=True, text=True, timeout=100
    )


def test_a_locked_node_opens_to_its_key(locked: RunningNode) -> None:
    """401 without it, and with a wrong one; probes stay open."""
    assert [200, 200] == [locked.client.get(path).status_code for path in ("/health", "/metrics")]
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        refused = locked.client.get("/v1/models", headers=headers)
        assert (401, "Bearer", "invalid_api_key") == (
            refused.status_code,
            refused.headers["WWW-Authenticate"],
            refused.json()["error"]["code"],
        )
    assert 401 == locked.client.get("/events").status_code
    assert 401 == locked.speak().status_code
    opened = locked.client.get("/v1/models", headers={"Authorization": f"Bearer {KEY}", "Host": "gaming-pc.lan"})
    assert 200 == opened.status_code
    assert 4 == locked.metric('tts_node_requests_total{outcome="caller_denied"}')
    assert KEY not in locked.log


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Host": "localhost:8006", "Origin": "http://localhost:3000"}, 200),
    ],
)
def test_an_open_node_is_not_rebound(node: RunningNode, headers: dict[str, str], status: int) -> None:
    """A foreign page cannot reach it; a local one can."""
    assert status == node.client.get("/v1/models", headers=headers).status_code
    assert 200 == node.client.get("/health", headers=headers).status_code


def test_another_address_needs_a_key() -> None:
    """One line that says both ways out; status 1."""
    answer = serve("--host", "0.0.0.0", "--port", "0")
    assert (1, "") == (answer.returncode, answer.stdout)
    assert "TTS_NODE_API_KEY" in answer.stderr
    assert 1 == len(answer.stderr.splitlines())


def test_a_taken_port_is_one_clear_line() -> None:
    """Says which, and what to do; status 1."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = serve("--port", str(port))
    assert 1 == answer.returncode
    assert [
        f"tts-node: port {port} on 127.0.0.1 is taken: end what listens there, or choose another with --port."
    ] == (answer.stderr.splitlines())


def test_a_foreign_address_is_one_clear_line() -> None:
    """An address that this machine does not have."""
    answer = serve("--host", "192.0.2.1", "--allow-anonymous")
    assert 1 == answer.returncode
    assert "192.0.2.1 port 8006 cannot be bound" in answer.stderr


def test_all_bad_settings_are_told() -> None:
    """One line each, flags and variables alike."""
    answer = serve("--port", "x", TTS_NODE_DEVICE="gpu")
    assert 1 == answer.returncode
    assert ["tts-node: --port", "tts-node: TTS_NODE_DEVICE"] == [
        line.rpartition(": '")[0] for line in answer.stderr.splitlines()
    ]


def test_the_start_prints_one_url(node: RunningNode) -> None:
    """The first and only line on stdout."""
    assert f"tts-node 0.1.0 listens on {node.url} (espeak)\n" == node.first_line


def test_listeners_are_bounded() -> None:
    """The one too many is told so, and nothing else is hindered."""
    with RunningNode("--listener-limit", "1") as node, node.events() as events:
        next(events)
        refused = node.client.get("/events")
        assert (503, "too_many_listeners") == (refused.status_code, refused.json()["error"]["code"])
