"""What `tts-node setup` really installed: complete and healthy. Other traps are staged in test_doctor.py."""

import os
import re
import subprocess
import sys
from pathlib import Path


def doctor(*paths: Path) -> dict[str, tuple[bool, str]]:
    """Each line by its name: whether it is no fault, and the text. Weights are another matter."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    command = [sys.executable, "-m", "tts_node", "doctor", "--engine", "espeak", "--device", "cpu", "--port", "0"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=300, env=env)
    lines = re.findall(r"^(ok   |FAULT) (\w+): (.+)$", answer.stdout, re.MULTILINE)
    return {name: (mark != "FAULT", text) for mark, name, text in lines if name != "weights"}


def test_what_setup_installs_is_healthy() -> None:
    """Chatterbox imports, its watermarker is there, and the torchaudio of pip's own index does no harm."""
    told = doctor()
    assert [] == [(name, text) for name, (is_ok, text) in told.items() if not is_ok]
    assert {"chatterbox", "torch", "torchaudio", "numpy", "watermark", "gpu"} <= told.keys()


def test_a_setuptools_without_pkg_resources(tmp_path: Path) -> None:
    """The real perth swallows the ImportError; the doctor says what to install."""
    (tmp_path / "pkg_resources.py").write_text("raise ImportError('gone since 82')")
    (tmp_path / "setuptools-82.0.1.dist-info").mkdir()
    metadata = "Metadata-Version: 2.1\nName: setuptools\nVersion: 82.0.1\n"
    (tmp_path / "setuptools-82.0.1.dist-info" / "METADATA").write_text(metadata)
    is_ok, text = doctor(tmp_path)["watermark"]
    assert (False, True) == (is_ok, '"setuptools>=77.0.3,<81"' in text)


def setup(*args: str) -> "subprocess.CompletedProcess[str]":
    """Runs it to its end."""
    command = [sys.executable, "-m", "tts_node", "setup", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_what_is_installed_is_not_installed_again() -> None:
    """Every pin of the lock is met, whichever torch was chosen: one line, status 0, no pip."""
    answer = setup("cpu", "--torch", "torch")
    assert (0, "") == (answer.returncode, answer.stderr)
    expected = r"Chatterbox is installed already: chatterbox-tts 0\.1\.7, torch \S+, torchaudio \S+\n"
    assert re.fullmatch(expected, answer.stdout)


def test_a_torch_for_cpus_is_removed_for_cuda() -> None:
    """pip would take it for good enough when the version fits."""
    first, *rest = setup("cuda", "--dry-run").stdout.splitlines()
    assert (True, 3) == (first.endswith(" uninstall --yes torch torchaudio"), len(rest))
