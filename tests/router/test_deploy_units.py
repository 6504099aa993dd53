"""The systemd units: they start commands that exist, as nobody in particular, and wait long enough for the end."""

import os
import tomllib

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
