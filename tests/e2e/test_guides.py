"""What the guides say works as they say it: their python, their curl lines, against real processes."""

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from audio import RATE_HZ, Sound, decoded
from guides import GUIDES, Block, Request, at, blocks, folder_of, requests
from processes import ROOT, Process, answers, environment, free_port, http, start_node, start_router, started

pytest_plugins = ["process_logs"]

WITHIN_S: Final = 60.0  # guards against what would hang
PYTHON: Final = [block for block in blocks() if block.language == "python"]
RUN: Final = [block for block in PYTHON if block.is_run]
# What the scripts use and is not installed here: `requests`, of which httpx has all they need, and a player.
REQUESTS: Final = "from httpx import post as post\n"
APLAY: Final = '#!/bin/sh\ncp "$2" played.wav\n'


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A router with a voice, the demo, and somebody who writes down what is said."""
    folder, port = tmp_path_factory.mktemp("guides"), free_port()
    stt: list[str | Path] = [sys.executable, Path(__file__).with_name("stt.py"), str(port), "stt", "whisper"]
    with started("stt", stt, port, folder, is_ready=answers("/v1/models")) as scribe, start_node(folder) as node:
        config = f"""\
providers:
  node: {{kind: tts-node, url: "{node.base_url}"}}
  stt: {{kind: openai, url: "{scribe.base_url}", serves: [transcription]}}
  demo: {{kind: demo, words_per_s: 500}}
"""
        with start_router(config, folder) as running:
            yield running


@pytest.fixture
def desk(tmp_path: Path) -> dict[str, str]:
    """A folder to run in, with what the scripts want; their environment."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "requests.py").write_text(REQUESTS)
    player = tmp_path / "bin" / "aplay"
    player.write_text(APLAY)
    player.chmod(0o755)
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return environment({"PATH": path, "PYTHONPATH": str(tmp_path / "bin"), "PYTHONDONTWRITEBYTECODE": "1"})


def beginning(audio: bytes, name: str) -> Sound:
    """Two seconds of it: to look at all takes long."""
    return Sound(decoded(audio, name).samples[: 2 * RATE_HZ])


def test_there_is_something_to_run() -> None:
    """Of the guides that have python for clients."""
    assert {"ollama", "openai-audio", "streaming", "telephone"} <= {block.guide for block in RUN}


@pytest.mark.parametrize("block", RUN, ids=str)
def test_python_of_a_guide(block: Block, router: Process, desk: dict[str, str], tmp_path: Path) -> None:
    """Runs as it stands, and what it saves can be heard."""
    done = subprocess.run(
        [sys.executable, "-c", at(block.text, router.base_url)],
        cwd=tmp_path,
        env=desk,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    sounds = folder_of(tmp_path)
    for path in sounds:
        assert beginning(path.read_bytes(), path.suffix[1:]).is_speech_like, path.name
    assert sounds or "Local AI Router" in done.stdout
    assert ("print(" in block.text) == ("Local AI Router" in done.stdout)


@pytest.mark.parametrize("block", [block for block in PYTHON if not block.is_run], ids=str)
def test_python_that_needs_more_than_this(block: Block) -> None:
    """Is python at least."""
    assert compile(block.text, str(block), "exec")


@pytest.mark.parametrize("request_", requests(), ids=str)
def test_curl_line_of_a_guide(request_: Request, router: Process) -> None:
    """Is answered with sound, or in words."""
    curl = request_.curl
    question = http.post(
        f"{router.base_url}/v1/audio/speech", json={"input": "What is a lighthouse?", "response_format": "wav"}
    )
    answer = http.post(
        at(curl.url, router.base_url),
        headers=curl.headers,
        content=curl.data,
        data=curl.fields if curl.files else None,
        files={name: (path, question.content) for name, path in curl.files.items()} or None,
    )
    assert 200 == answer.status_code, answer.text
    media_type = answer.headers["content-type"].partition(";")[0]
    if media_type == "application/json" and "choices" not in answer.json():
        assert "Local AI Router" in answer.json()["message"]["content"]
    elif media_type == "application/json":
        audio = base64.b64decode(answer.json()["choices"][0]["message"]["audio"]["data"])
        assert beginning(audio, "wav").is_speech_like
    else:
        assert beginning(answer.content, "wav" if media_type == "audio/wav" else "pcm").is_speech_like


def test_the_readme_leads_to_every_guide() -> None:
    """By a link that is right."""
    readme = (ROOT / "README.md").read_text()
    for path in GUIDES.glob("*.md"):
        assert f"](docs/guides/{path.name})" in readme
