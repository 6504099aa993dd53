"""`tts-node setup` as a process: what it would run, and what it says when it cannot."""

import os
import socket
import subprocess
import sys
import venv
from pathlib import Path

import pytest

import tts_node
from tts_node.install.installation import LOCK


def setup(*args: str, python: str = sys.executable, **env: str) -> "subprocess.CompletedProcess[str]":
    """Runs it to its end."""
    command = [python, "-m", "tts_node", "setup", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, env={**os.environ, **env})


@pytest.mark.parametrize("target", ["cpu", "cuda"])
def test_a_dry_run_prints_every_command(target: str) -> None:
    """One line each, for this very Python; nothing is installed."""
    answer = setup(target, "--dry-run")
    assert (0, "") == (answer.returncode, answer.stderr)
    packages, torch, audio = answer.stdout.splitlines()
    assert packages.startswith(f"{sys.executable} -m pip ")
    assert str(LOCK) in packages
    index = {"cpu": "/whl/cpu torch", "cuda": "/whl/cu124 torch"}[target]
    assert [True, True] == [index in line for line in (torch, audio)]


def test_another_torch_can_be_asked_for() -> None:
    """Its torchaudio follows; an empty index is pip's own."""
    answer = setup("cuda", "--dry-run", "--torch", "torch==2.8.0", "--torch-index", "", "--no-compile")
    _, torch, audio = answer.stdout.splitlines()
    assert (True, True) == (torch.endswith(" torch==2.8.0"), audio.endswith(" torchaudio==2.8.0"))
    assert "--index-url" not in answer.stdout
    assert 3 == answer.stdout.count("--no-compile")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty environment that borrows this node: what is installed here must not be touched."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True, symlinks=True)
    site = subprocess.run(
        [folder / "bin" / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    borrowed = (Path(tts_node.__file__).parent.parent, Path(pytest.__file__).parent.parent)
    Path(site, "borrowed.pth").write_text("\n".join(map(str, borrowed)))
    return folder


def test_no_network_is_told_in_one_line(environment: Path) -> None:
    """Status 1, what to do, and none of pip's own lines."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        index = f"http://127.0.0.1:{closed.getsockname()[1]}/simple"
        dead = {"PIP_INDEX_URL": index, "PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": "", "PIP_RETRIES": "1"}
        python = str(environment / "bin" / "python")
        answer = setup("cpu", python=python, PIP_CONFIG_FILE=os.devnull, PIP_NO_CACHE_DIR="1", **dead)
    assert 1 == answer.returncode
    assert [True] == ["The package index cannot be reached" in line for line in answer.stderr.splitlines()]
    assert "==> 1/3 Chatterbox and what it needs\n" == answer.stdout


def test_an_environment_without_pip_is_refused(tmp_path: Path) -> None:
    """It says how pip comes."""
    venv.create(tmp_path / "bare", with_pip=False, symlinks=True)
    (blind,) = (tmp_path / "bare" / "lib").glob("python*/site-packages")
    (blind / "node.pth").write_text(f"{Path(tts_node.__file__).parent.parent}\n")
    borrowed = Path(pytest.__file__).parent.parent
    code = (
        f"import sys; sys.path.append({str(borrowed)!r}); sys.modules['pip'] = None\n"
        "from tts_node.__main__ import main; sys.exit(main(['setup', 'cpu']))"
    )
    python = tmp_path / "bare" / "bin" / "python"
    answer = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60)
    assert 1 == answer.returncode
    assert "ensurepip" in answer.stderr


def test_the_systems_python_is_left_alone() -> None:
    """Unless one says so; the way out is told."""
    base = getattr(sys, "_base_executable", sys.executable)
    folders = [Path(module.__file__ or "").parent.parent for module in (tts_node, pytest)]
    borrowed = os.pathsep.join(map(str, folders))
    refused = setup("cpu", "--dry-run", python=base, PYTHONPATH=borrowed)
    assert (1, "") == (refused.returncode, refused.stdout)
    assert "--system" in refused.stderr
    allowed = setup("cpu", "--dry-run", "--system", python=base, PYTHONPATH=borrowed)
    assert 0 == allowed.returncode


def test_the_target_must_be_named() -> None:
    """Usage errors have status 2."""
    assert 2 == setup().returncode
    assert 2 == setup("rocm").returncode
