"""What the router's log says."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from router.drill.router_log import RouterLog


def test_states_and_failovers_are_read_with_their_time(tmp_path: Path) -> None:
    """Other lines, and one that is still being written, are passed over."""
    now = time.monotonic()
    stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    lines = [
        {"time": stamp, "logger": "router.health", "event": "provider", "provider": "gpu-tts", "state": "down"},
        {"time": stamp, "logger": "router.health", "event": "host", "host": "gpu", "state": "unreachable"},
        {"time": stamp, "logger": "router.access", "event": "failover", "from": "gpu-tts", "reason": "lost"},
        {"time": stamp, "logger": "router.access", "event": "request", "provider": "gpu-tts"},
        {"time": stamp, "logger": "router.health", "event": "event loop", "lag_s": 0.3},
    ]
    file = tmp_path / "router.log"
    file.write_text("Local AI Router is up\n" + "\n".join(map(json.dumps, lines)) + '\n{"logger":"router.health"')
    log = RouterLog(file)
    notices = log.notices()
    assert [(n.who, n.what) for n in notices] == [
        ("gpu-tts", "down"),
        ("gpu", "unreachable"),
        ("gpu-tts", "failover"),
    ]
    assert [n.at_s for n in notices] == [pytest.approx(now, abs=0.5)] * 3
    assert not log.has_traceback()
