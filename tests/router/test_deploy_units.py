"""The systemd units: they start commands that exist, as nobody in particular, and wait long enough for the end."""

import os
import subprocess
import tomllib
from pathlib import Path

import pytest
from deploy_files import DEPLOY
from deployed import ROOT, services

from router.config import load


def unit(name: str) -> dict[str, list[str]]:
    """The settings of a unit, in order."""
    found: dict[str, list[str]] = {}
    for line in (DEPLOY / "systemd" / f"{name}.service").read_text().splitlines():
        key, separator, value = line.partition("=")
        if separator and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize(("name", "project"), [("local-ai-router", "."), ("tts-node", "tts-node")])
def test_unit_starts_a_command_that_exists(name: str, project: str) -> None:
    """A unit starts the project's command from the environment that `make` makes, as nobody in particular."""
    scripts = tomllib.loads((ROOT / project / "pyproject.toml").read_text())["project"]["scripts"]
    (started,) = unit(name)["ExecStart"]
    assert scripts.keys() == {name}
    assert started.split()[:2] == [os.path.normpath(f"/opt/local-ai-router/{project}/.venv/bin/{name}"), "serve"]
    assert unit(name)["DynamicUser"] == ["yes"]
    assert unit(name)["ProtectSystem"] == ["strict"]
    assert unit(name)["Restart"] == ["always"]


def test_stop_takes_no_longer_than_compose_and_systemd_wait() -> None:
    """Both give the router more time to end than it gives its streams."""
    grace_s = load(ROOT / "config" / "providers.yaml", {}).server.shutdown_grace_s
    assert int(services()["router"]["stop_grace_period"].removesuffix("s")) > grace_s
    assert int(unit("local-ai-router")["TimeoutStopSec"][0]) > grace_s


@pytest.mark.parametrize(("when", "route"), [("pre", "yield"), ("post", "resume"), ("later", None)])
@pytest.mark.parametrize("key", ["TTS_NODE_API_KEY=k1", "#TTS_NODE_API_KEY=k1"])
def test_a_machine_that_goes_to_sleep_says_so(when: str, route: str | None, key: str, tmp_path: Path) -> None:
    """systemd runs the hook with `pre` and `post`. The key is on no command line, and a node that does not answer
    holds up nobody's sleep."""
    (tmp_path / "environment").write_text(f"# the key\n{key}\n")
    curl = tmp_path / "curl"
    curl.write_text(f'#!/bin/sh\necho "$@" > "{tmp_path}/asked"\ncat > "{tmp_path}/config"\nexit 28\n')
    curl.chmod(0o755)
    hook = DEPLOY / "systemd" / "tts-node-sleep"
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TTS_NODE_ENVIRONMENT": str(tmp_path / "environment")}
    done = subprocess.run([hook, when, "suspend"], env=env, timeout=10, check=False)
    assert 0 == done.returncode
    assert (route is not None) == (tmp_path / "asked").exists()
    if route is not None:
        asked, sent = (tmp_path / "asked").read_text(), (tmp_path / "config").read_text()
        assert asked.endswith(f"--max-time 2 --request POST http://127.0.0.1:8006/{route}\n")
        assert "k1" not in asked
        assert f'Bearer {"" if key.startswith("#") else "k1"}"\n' in sent
