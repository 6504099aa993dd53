"""The router's end on a signal: streams finish, nobody new is let in, and an idle one is gone at once."""

import signal
import socket
import time
from pathlib import Path
from typing import Final

import httpx
import pytest
from crowd import Answer, opened, read
from figures import BUSY_S, note
from processes import DEMO, start_router, start_upstream, wait_until

pytest_plugins = ["process_logs"]

CHAT: Final = "/v1/chat/completions"
IDLE_EXIT_S: Final = 2.0


def is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False


def test_sigterm_lets_a_stream_finish(tmp_path: Path) -> None:
    """A stream in flight runs to its end, nobody new is let in, and the exit status is 0."""
    with start_upstream(tmp_path, "m") as upstream:
        config = f"providers:\n  llm: {{kind: openai, url: '{upstream.base_url}'}}\n"
        with start_router(config, tmp_path) as router:
            document = {"model": "m", "messages": [], "stream": True, "x_events": 20, "x_pace_s": 0.05}
            answer = Answer("stream")
            with opened(router.port, CHAT, document) as connection:
                while len(answer.events) < 3:
                    assert read(connection, answer)
                router.signal(signal.SIGTERM)
                wait_until("nobody new is let in", lambda: is_refused(router.port))
                assert not answer.reader.is_complete
                while read(connection, answer):
                    pass
            status = router.exit_status()
    assert answer.is_whole, str(answer)
    assert len(answer.events) == 21
    assert answer.events[-1] == b"data: [DONE]"
    assert status == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_idle_router_exits_at_once(tmp_path: Path, number: signal.Signals) -> None:
    """With a kept-alive connection open but nothing in flight the router is gone within 2 s, with status 0."""
    with start_router(DEMO, tmp_path) as router, httpx.Client(trust_env=False) as client:
        assert client.get(f"{router.base_url}/health").status_code == 200
        asked_s = time.monotonic()
        router.signal(number)
        status = router.exit_status()
        took_s = time.monotonic() - asked_s
        assert "Traceback" not in router.output
    note(f"idle exit after {number.name}: {took_s:.2f} s")
    assert status == 0
    assert took_s < IDLE_EXIT_S + BUSY_S
