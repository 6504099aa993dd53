"""A tts-node under kills and under load: the scenarios of `tests/tts_node/support`, at full count."""

import json
import subprocess
from typing import Any, Final

from figures import note
from processes import ROOT

pytest_plugins = ["process_logs"]

PYTHON: Final = ROOT / "tts-node" / ".venv" / "bin" / "python"
SUPPORT: Final = ROOT / "tests" / "tts_node" / "support"
KILLS: Final = 50
MEASURED_S: Final = 20
DEADLINE_S: Final = 20.0  # of one request
HEALTH_P99_MS: Final = 10.0


def report_of(script: str, argument: int) -> Any:
    """What a scenario printed, run by the node's own interpreter."""
    answer = subprocess.run([PYTHON, SUPPORT / script, str(argument)], capture_output=True, text=True, timeout=600)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def test_fifty_killed_children_cost_nothing_but_requests() -> None:
    """No restart of the node, no stuck request, every answer whole, visibly cut or a clean retryable error."""
    report = report_of("kills.py", KILLS)
    note(f"{KILLS} kills of a node's children: {report['outcomes']}, slowest answer {report['slowest_s']:.1f} s")
    assert report["faults"] == []
    assert (report["kills"], report["node_restarts"], report["children_left"]) == (KILLS, 0, 0)
    assert report["slowest_s"] < DEADLINE_S


def test_health_answers_while_a_child_burns_every_core() -> None:
    """The child makes way: p99 of /health stays within ten milliseconds, beside idle in the same run."""
    figures = report_of("latency.py", MEASURED_S)
    note(
        f"/health of a node: idle p50 {figures['idle_p50_ms']} p99 {figures['idle_p99_ms']} ms; "
        f"with every core burning p50 {figures['busy_p50_ms']} p99 {figures['busy_p99_ms']} ms"
    )
    assert figures["busy_p99_ms"] <= HEALTH_P99_MS
