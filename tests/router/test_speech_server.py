"""The image of the speech server and the scripts that build it, as far as they can be checked without Docker.

The container must work with the very command that people have (`docker create … -v ${PWD}/voices:/app/voices
-v ${PWD}/cache:/root/.cache/huggingface …`), started and stopped on demand by whoever manages it.
"""

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Final

import pytest
from deploy_files import DEPLOY

ROOT: Final = DEPLOY.parent
FOLDER: Final = DEPLOY / "tts-inference-server"
SCRIPTS: Final = (DEPLOY / "build-tts-server.sh", DEPLOY / "build-tts-server.ps1")
SETTINGS: Final = ROOT / "tts-node" / "tts_node" / "settings.py"
CACHE: Final = "/root/.cache/huggingface"
VOICES: Final = "/app/voices"


def instructions(kind: str) -> list[str]:
    """The Dockerfile's instructions of one kind, continued lines joined."""
    text = (FOLDER / "Dockerfile").read_text().replace("\\\n", " ")
    return [line.removeprefix(kind).strip() for line in text.splitlines() if line.startswith(kind + " ")]


def variables() -> dict[str, str]:
    """What the image sets."""
    (line,) = instructions("ENV")
    return dict(word.split("=", 1) for word in shlex.split(line))


def tool(folder: Path, name: str, body: str) -> Path:
    """A stand-in for a program."""
    file = folder / name
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)
    return file


def with_path(folder: Path, **env: str) -> dict[str, str]:
    """Finds those stand-ins first."""
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", **env}


def test_copied_files_exist_and_reach_the_builder() -> None:
    """What is copied is in the repository and let through."""
    allowed = (FOLDER / "Dockerfile.dockerignore").read_text().split()
    assert "*" == allowed[0]
    for line in instructions("COPY"):
        *sources, _target = [word for word in shlex.split(line) if not word.startswith("--chmod")]
        if sources[0].startswith("--from="):
            continue
        assert [] == [source for source in sources if not (ROOT / source).exists() or f"!{source}" not in allowed]


def test_the_image_is_made_of_pinned_things() -> None:
    """The base has a full version; packages have hashes, torch comes by the command that users run."""
    assert {"python:3.11.13-slim-bookworm"} == {line.split()[0] for line in instructions("FROM")}
    installs = [line for line in instructions("RUN") if " install " in line]
    assert [True, True] == [
        "--require-hashes" in installs[0],
        "--no-deps --no-build-isolation /src" in installs[1],
    ]
    assert "/opt/venv/bin/tts-node setup ${TARGET}" in instructions("RUN")[-1]


def test_every_variable_is_a_setting() -> None:
    """The node ignores what it does not know, so a misspelt one would never be noticed."""
    known = {f"TTS_NODE_{name.upper()}" for name in re.findall(r'Option\("(\w+)"', SETTINGS.read_text())}
    assert set() == {name for name in variables() if name.startswith("TTS_NODE_")} - known


def test_what_is_kept_lies_in_the_volumes() -> None:
    """Voices where recordings are put, weights and caches in the folder that outlives the container."""
    image = variables()
    assert (VOICES, CACHE) == (image["TTS_NODE_VOICES_DIR"], image["HF_HOME"])
    kept = [image["TTS_NODE_WEIGHTS_DIR"], image["TTS_NODE_CACHE_DIR"]]
    assert [True, True] == [folder.startswith(f"{CACHE}/") for folder in kept]


def test_the_image_answers_on_the_contracts_port() -> None:
    """Also when it is asked by its container's name."""
    assert ["8006"] == instructions("EXPOSE")
    assert ("0.0.0.0", "8006") == (variables()["TTS_NODE_HOST"], variables()["TTS_NODE_PORT"])
    assert "chatterbox-tts" in variables()["TTS_NODE_ALLOWED_HOSTS"].split(",")
    (health,) = instructions("HEALTHCHECK")
    assert "http://127.0.0.1:8006/health" in health


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.suffix)
def test_both_scripts_say_the_same(script: Path) -> None:
    """The documented names, volumes and port, and the Dockerfile that exists."""
    text = re.sub(r"`{1,2}\n|\\\\?\n", " ", script.read_text())
    create = re.search(r"docker create (.*)", text)
    assert create
    words = create[1].replace("$here", "HERE").replace("${gpus}", "").split()
    assert [
        *("--name", "chatterbox-tts", "--init", "-p", "127.0.0.1:8006:8006"),
        *("-v", f'"HERE/voices:{VOICES}"', "-v", f'"HERE/cache:{CACHE}"', "tts-inference-server:latest"),
    ] == words
    built = re.search(r"docker build .* -f (\S+) -t tts-inference-server:latest \.", text)
    assert built
    assert (ROOT / built[1]).is_file()
    assert "--gpus all " in text


@pytest.mark.parametrize(
    ("args", "target", "gpus"), [((), "cuda", True), (("cuda",), "cuda", True), (("cpu",), "cpu", False)]
)
def test_the_script_builds_and_shows_the_container(
    tmp_path: Path, args: tuple[str, ...], target: str, gpus: bool
) -> None:
    """From any folder: the image from the repository's root, the volumes beside the one who calls."""
    tool(tmp_path, "docker", 'echo "$PWD: $*"')
    answer = subprocess.run(
        ["sh", SCRIPTS[0], *args],
        cwd=tmp_path,
        env=with_path(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )
    build, _, rest = answer.stdout.partition("\n")
    expected = (
        f"--build-arg TARGET={target} -f deploy/tts-inference-server/Dockerfile -t tts-inference-server:latest ."
    )
    assert f"{ROOT}: build {expected}" == build
    assert f'-v "{tmp_path}/voices:{VOICES}"' in rest
    assert gpus == ("--gpus all" in rest)


def test_the_script_says_what_is_wrong(tmp_path: Path) -> None:
    """An unknown target, a machine without Docker, a build that fails: nothing is promised."""
    unknown = subprocess.run(["sh", SCRIPTS[0], "rocm"], capture_output=True, text=True, check=False)
    assert (2, True) == (unknown.returncode, "usage" in unknown.stderr)
    bare = subprocess.run(["/bin/sh", SCRIPTS[0]], env={"PATH": ""}, capture_output=True, text=True, check=False)
    assert (1, True) == (bare.returncode, "Docker is needed" in bare.stderr)
    tool(tmp_path, "docker", "exit 7")
    failed = subprocess.run(
        ["sh", SCRIPTS[0]], env=with_path(tmp_path), capture_output=True, text=True, check=False
    )
    assert (7, "") == (failed.returncode, failed.stdout)


@pytest.mark.parametrize(("status", "warned"), [(0, False), (1, True)])
def test_the_container_fetches_then_serves(tmp_path: Path, status: int, warned: bool) -> None:
    """A download that fails is told, and something speaks all the same."""
    tool(tmp_path, "tts-node", f'echo "$*"; [ "$1" = serve ] || exit {status}')
    env = with_path(tmp_path, CHATTERBOX_MODEL="chatterbox")
    answer = subprocess.run(["sh", FOLDER / "start", "serve"], env=env, capture_output=True, text=True, check=True)
    assert "download --if-missing chatterbox\nserve\n" == answer.stdout
    assert warned == ("was not fetched" in answer.stderr)


def test_the_container_runs_other_commands_at_once(tmp_path: Path) -> None:
    """`docker run … doctor` fetches nothing; nor does a server without a model to fetch."""
    tool(tmp_path, "tts-node", 'echo "$*"')
    for model, command in (("chatterbox", "doctor"), ("", "serve")):
        env = with_path(tmp_path, CHATTERBOX_MODEL=model)
        answer = subprocess.run(
            ["sh", FOLDER / "start", command], env=env, capture_output=True, text=True, check=True
        )
        assert f"{command}\n" == answer.stdout


def test_the_container_can_be_stopped_while_it_fetches(tmp_path: Path) -> None:
    """At once: the first process of a container gets no signal's default action."""
    tool(tmp_path, "tts-node", "echo begun; exec sleep 60")
    env = with_path(tmp_path, CHATTERBOX_MODEL="chatterbox")
    with subprocess.Popen(
        ["sh", FOLDER / "start", "serve"], env=env, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert "begun\n" == process.stdout.readline()
        process.terminate()
        assert "" == process.stdout.read()  # the end comes when the download is gone too
        assert 143 == process.wait(30)
