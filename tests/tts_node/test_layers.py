"""Who may import whom: what only the child loads, and what only one module knows."""

import subprocess
import sys
from pathlib import Path

import tts_node

PACKAGE = Path(tts_node.__file__).parent


def test_the_node_never_imports_the_library() -> None:
    """GPL code and native crashes stay in the child."""
    code = (
        "import sys, tts_node.__main__\n"
        "print([name for name in sys.modules if name in ('tts_node.engines.espeak', 'espeakng_loader')])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert "[]" == answer.stdout.strip()


def importers_of(name: str) -> list[str]:
    """The files that mention a module."""
    return sorted(path.name for path in PACKAGE.rglob("*.py") if name in path.read_text())


def test_only_metrics_know_prometheus() -> None:
    """The core speaks to the `Observer` port."""
    assert ["metrics.py"] == importers_of("from prometheus_client")


def test_only_engines_make_native_calls() -> None:
    """ctypes stays in the children, but for asking Windows how much memory it has."""
    assert ["device.py", "espeak.py", "machine.py"] == importers_of("import ctypes")


def test_files_are_rooms() -> None:
    """At 400 lines two ideas have moved in together (data tables aside)."""
    assert [] == [path.name for path in PACKAGE.rglob("*.py") if len(path.read_text().splitlines()) > 400]
