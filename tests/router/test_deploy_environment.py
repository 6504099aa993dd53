"""Variables and keys: the example has what compose asks for, `new-env` fills it in, the configuration takes it."""

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from deploy_files import DEPLOY
from deployed import COMPOSE, PORTS, VARIABLE, services

from router.config import ConfigError, check_exposure, load


def example(text: str | None = None) -> dict[str, str]:
    """The variables of an .env file, of the example unless a text is given."""
    lines = ((DEPLOY / ".env.example").read_text() if text is None else text).splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def environment_of(name: str) -> dict[str, str]:
    """What compose passes to a service, with every key set."""
    values = {"ROUTER_CLIENT_KEY_SHA256": "0" * 64, "TTS_NODE_API_KEY": "k", "GRAFANA_ADMIN_PASSWORD": "p"}
    return {
        key: VARIABLE.sub(lambda found: values.get(found[1]) or (found[3] if found[2] == "-" else ""), value)
        for key, value in services()[name]["environment"].items()
    }


def test_variables_are_in_the_example() -> None:
    """.env.example has exactly the variables that compose asks for, with the defaults that compose has."""
    asked = {name: (sign, rest) for name, sign, rest in VARIABLE.findall(COMPOSE.read_text())}
    assert {name: rest if sign == "-" else "" for name, (sign, rest) in asked.items()} == example()
    assert {name for name, (sign, _) in asked.items() if sign == ""} == set()


def test_keys_are_required() -> None:
    """Compose has no default for a key: it refuses to start and says what to run."""
    asked = [(name, sign, rest) for name, sign, rest in VARIABLE.findall(COMPOSE.read_text())]
    required = {name: rest for name, sign, rest in asked if sign == "?"}
    assert required.keys() == {"ROUTER_CLIENT_KEY_SHA256", "TTS_NODE_API_KEY", "GRAFANA_ADMIN_PASSWORD"}
    assert {rest for rest in required.values() if "sh deploy/new-env" not in rest} == set()
    assert {sign for name, sign, _ in asked if name in required} == {"?"}


def test_new_env_writes_fresh_keys_once(tmp_path: Path) -> None:
    """`new-env` fills in every key, keeps the file to its owner, and the shown key has the hash that is stored."""
    for name in ("new-env", ".env.example"):
        shutil.copy(DEPLOY / name, tmp_path)
    run = ["sh", str(tmp_path / "new-env")]
    first = subprocess.run(run, capture_output=True, text=True, check=True)
    written = tmp_path / ".env"
    values = example(written.read_text())
    key = re.search(r"lar-[0-9a-f]{64}", first.stdout)
    assert key is not None
    assert hashlib.sha256(key[0].encode()).hexdigest() == values["ROUTER_CLIENT_KEY_SHA256"]
    assert re.fullmatch(r"[0-9a-f]{64}", values["TTS_NODE_API_KEY"])
    assert values["GRAFANA_ADMIN_PASSWORD"] in first.stdout
    assert written.stat().st_mode & 0o077 == 0
    assert values.keys() == example().keys()
    again = subprocess.run(run, capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert "is kept" in again.stderr
    assert example(written.read_text()) == values


def test_configuration_loads_with_composes_variables() -> None:
    """The shipped container configuration is valid, may be reached by others, and finds the other services."""
    file = DEPLOY / "router" / "config" / "providers.yaml"
    settings = load(file, environment_of("router"))
    served = settings.model_copy(update={"server": settings.server.model_copy(update={"host": "0.0.0.0"})})
    check_exposure(served, str(file))
    for name, provider in (("local-tts", "tts-node"), ("ollama", "ollama")):
        assert getattr(settings.providers[name], "url", None) == f"http://{provider}:{PORTS[provider]}"


def test_configuration_without_keys_is_refused() -> None:
    """Without the variables the container's router refuses, and names both."""
    with pytest.raises(ConfigError) as refused:
        load(DEPLOY / "router" / "config" / "providers.yaml", {})
    text = "\n".join(str(fault) for fault in refused.value.faults)
    assert "ROUTER_CLIENT_KEY_SHA256" in text
    assert "TTS_NODE_API_KEY" in text
