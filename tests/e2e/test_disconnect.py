"""A client that leaves frees what worked for it: the upstream's connection is closed within 100 ms, always.

An upstream that is not told goes on generating for nobody, and on a home's one GPU everybody else waits.
"""

import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from crowd import opened
from figures import note
from llm.tap import running_tap
from processes import Process, start_node, start_router, start_upstream, wait_until

pytest_plugins = ["process_logs"]

SPEECH, CHAT, COMPLETIONS = "/v1/audio/speech", "/v1/chat/completions", "/v1/completions"
TIMES: Final = 30
CLOSED_WITHIN_S: Final = 0.1
# Other work on the machine can only add to the figure, so the best of a few rounds is the router's.
ROUNDS: Final = 3
NEVER_S: Final = 600
RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER: close() sends RST and not FIN


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """The scripted LLM server."""
    with start_upstream(tmp_path_factory.mktemp("upstream"), "m") as running:
        yield running


@pytest.fixture(scope="module")
def router(upstream: Process, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A router with that one server."""
    config = f"providers:\n  llm: {{kind: openai, url: '{upstream.base_url}'}}\n"
    with start_router(config, tmp_path_factory.mktemp("router")) as running:
        yield running


def leave(client: socket.socket, *, by_reset: bool) -> float:
    """Close it, as a browser or as a crash would; when (monotonic)."""
    if by_reset:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    at = time.monotonic()
    client.close()
    return at


def worst_of_rounds(kind: str, leave_once: Callable[[int], float]) -> None:
    """The longest of 30 leaves is within the contract, in one round at least."""
    worst = []
    for _ in range(ROUNDS):
        took_s = sorted(leave_once(index) for index in range(TIMES))
        worst.append(took_s[-1])
        if worst[-1] <= CLOSED_WITHIN_S:
            break
    note(
        f"client gone, {kind}: upstream closed after at most {min(worst) * 1000:.1f} ms of {TIMES} "
        f"(median {took_s[TIMES // 2] * 1000:.1f} ms, {len(worst)} round{'s' * (len(worst) > 1)})"
    )
    assert min(worst) <= CLOSED_WITHIN_S


KINDS: Final[dict[str, tuple[str, dict[str, Any], bool]]] = {
    "chat, whole": (CHAT, {"x_first_s": NEVER_S}, False),
    "chat, streamed, before the first token": (CHAT, {"stream": True, "x_first_s": NEVER_S}, False),
    "chat, streamed, headers only": (CHAT, {"stream": True, "x_pace_s": NEVER_S}, False),
    "chat, streamed, in the middle": (CHAT, {"stream": True, "x_events": 10**6, "x_pace_s": 0.01}, True),
    "chat, streamed, faster than it is read": (CHAT, {"stream": True, "x_events": 10**6, "x_big": 50_000}, True),
    "completions, whole": (COMPLETIONS, {"x_first_s": NEVER_S}, False),
}


@pytest.mark.parametrize("kind", KINDS)
def test_chat_upstream_is_closed(router: Process, upstream: Process, kind: str) -> None:
    """Whatever the upstream is doing when the client leaves, it is told within 100 ms; nothing stays in flight."""
    path, script, has_begun = KINDS[kind]

    def exchanges(mark: str) -> list[dict[str, Any]]:
        return [one for one in upstream.get("/_exchanges").json() if mark in one["body"]]

    def leave_once(index: int) -> float:
        mark = f"leave {index} {time.monotonic()}"
        client = opened(router.port, path, {"model": "m", "messages": [], "prompt": mark, **script})
        wait_until("the upstream works", lambda: exchanges(mark))
        if has_begun:
            assert client.recv(1)
        left_s = leave(client, by_reset=index % 2 == 1)
        lost_s: float = wait_until("the upstream is told", lambda: exchanges(mark)[0]["lost_s"])
        return lost_s - left_s

    worst_of_rounds(kind, leave_once)
    wait_until("nothing is in flight", lambda: in_flight(router) == {"llm": 0})


def in_flight(router: Process) -> dict[str, int]:
    providers = router.get("/admin/providers").json()["providers"]
    return {provider["id"]: provider["in_flight"] for provider in providers}


@pytest.mark.parametrize("stream_format", ["audio", "sse"])
def test_speech_upstream_is_closed(tmp_path_factory: pytest.TempPathFactory, stream_format: str) -> None:
    """The node's connection is closed within 100 ms, and its one turn is free for the next."""
    folder = tmp_path_factory.mktemp("speech")
    with (
        start_node(folder, "--simulate", f"first={NEVER_S}", "--watchdog-s", f"{2 * NEVER_S}") as node,
        running_tap("127.0.0.1", node.port) as tap,
    ):
        config = f"providers:\n  node: {{kind: tts-node, url: '{tap.base_url}', first_byte_s: {NEVER_S}}}\n"
        with start_router(config, folder) as router:

            def leave_once(index: int) -> float:
                before = len(tap.on(SPEECH))
                client = opened(router.port, SPEECH, {"input": "Hello.", "stream_format": stream_format})
                wait_until("the node works", lambda: len(tap.on(SPEECH)) > before and is_busy(node))
                left_s = leave(client, by_reset=index % 2 == 1)
                lost_s: float = wait_until("the node is told", lambda: tap.last(SPEECH).left_s or 0.0)
                wait_until("the node's turn is free", lambda: not is_busy(node))
                return lost_s - left_s

            worst_of_rounds(f"speech, {stream_format}", leave_once)
            wait_until("nothing is in flight", lambda: in_flight(router) == {"node": 0})


def is_busy(node: Process) -> bool:
    return bool(node.get("/health").json()["queue"]["busy"])
