"""The services of compose.yaml and the images they run: hardened, pinned, on the contract's ports.

No Docker engine is needed: these are static checks.
"""

import re
import shlex
import tomllib

import pytest
from deploy_files import DEPLOY, load_yaml
from deployed import BUILT, COMPOSE, PORTS, ROOT, services


@pytest.mark.parametrize("name", PORTS)
def test_service_is_hardened(name: str) -> None:
    """A service restarts, writes to volumes only, has no capabilities, a bound on memory, and logs that rotate."""
    service = services()[name]
    assert service["restart"] == "unless-stopped"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "mem_limit" in service
    assert "max-size" in service["logging"]["options"]
    assert name == "ollama" or not service["user"].startswith(("0", "root"))  # why: in compose.yaml
    assert name in BUILT or "healthcheck" in service  # the built images bring their own


def test_services_are_the_houses() -> None:
    """Compose runs these services and no other."""
    assert services().keys() == PORTS.keys()


def test_images_are_pinned() -> None:
    """Every image, also those that ours are built from, has a version with at least two numbers."""
    images = [service["image"] for service in services().values()]
    images += [line.split()[1] for name in BUILT for line in instructions(name, "FROM")]
    assert [image for image in images if not re.search(r":v?\d+\.\d+\.\d+[\w.-]*$", image)] == []
    versions = [
        tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]["version"]
        for folder in (".", "tts-node")
    ]
    assert [services()[name]["image"] for name in BUILT] == [
        f"local-ai-router:{versions[0]}",
        f"tts-node:{versions[1]}",
    ]


def test_published_ports_are_the_contracts_and_closed_by_default() -> None:
    """What compose publishes is on the contract's port and, unless asked for, on this machine alone."""
    published = {name: service["ports"] for name, service in services().items() if "ports" in service}
    assert published == {
        "router": ["${ROUTER_BIND:-127.0.0.1}:8700:8700"],
        "prometheus": ["127.0.0.1:9090:9090"],
        "grafana": ["127.0.0.1:3000:3000"],
    }


def test_volumes_exist() -> None:
    """A mounted folder exists in deploy/ and is read-only; every other volume is named and declared."""
    document = load_yaml(COMPOSE)
    named = set()
    for service in document["services"].values():
        for volume in service.get("volumes", []):
            source, _, target = volume.partition(":")
            if source.startswith("."):
                assert (DEPLOY / source).is_dir(), volume
                assert target.endswith(":ro"), volume
            else:
                named.add(source)
    assert named == document["volumes"].keys()


def test_dependencies_exist() -> None:
    """A service depends on services that there are."""
    assert {n for service in services().values() for n in service.get("depends_on", [])} <= services().keys()


# Dockerfiles


def instructions(name: str, kind: str) -> list[str]:
    """The instructions of one kind in a service's Dockerfile, continued lines joined."""
    text = (DEPLOY / name / "Dockerfile").read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line.startswith(kind + " ")]


@pytest.mark.parametrize("name", BUILT)
def test_copied_files_exist_and_reach_the_builder(name: str) -> None:
    """What a Dockerfile copies from the repository is there and is let through by its .dockerignore."""
    allowed = set((DEPLOY / name / "Dockerfile.dockerignore").read_text().split())
    for line in instructions(name, "COPY"):
        *sources, _target = shlex.split(line)[1:]
        if sources[0].startswith("--from="):
            continue
        for source in sources:
            assert (ROOT / source.rstrip("/")).exists(), source
            assert f"!{source}" in allowed, source
    assert "*" in allowed


@pytest.mark.parametrize("name", BUILT)
def test_image_is_as_the_contract_says(name: str) -> None:
    """An image listens on the contract's port, asks its own health there, and runs as nobody in particular."""
    prefix, command = {"router": ("ROUTER", "local-ai-router"), "tts-node": ("TTS_NODE", "tts-node")}[name]
    (variables,) = instructions(name, "ENV")
    assert f"{prefix}_PORT={PORTS[name]}" in variables
    assert f"{prefix}_HOST=0.0.0.0" in variables
    assert instructions(name, "EXPOSE") == [f"EXPOSE {PORTS[name]}"]
    assert instructions(name, "USER") == [f"USER {services()[name]['user']}"]
    (health,) = instructions(name, "HEALTHCHECK")
    assert f"http://127.0.0.1:{PORTS[name]}/health" in health
    assert instructions(name, "ENTRYPOINT") == [f'ENTRYPOINT ["{command}"]']
    assert services()[name]["build"] == {"context": "..", "dockerfile": f"deploy/{name}/Dockerfile"}


@pytest.mark.parametrize("name", BUILT)
def test_image_installs_hashed_requirements_only(name: str) -> None:
    """What an image takes from a package index is pinned and hashed."""
    installs = [line for line in instructions(name, "RUN") if " install " in line]
    assert len(installs) == 2
    assert "--require-hashes -r /src/requirements.txt" in installs[0]
    assert "--no-deps --no-build-isolation /src" in installs[1]
