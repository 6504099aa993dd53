"""llm-comply and openai-tests: what a server passes when they ask it directly, it passes through the router.

They judge a model's server, so a scripted one that is exact to the specifications (tests/vendors/complete_llm.py)
is asked twice: directly, and through a router with keys, each dialect with its key in its own way.
"""

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from processes import Process, environment, start_router, start_vendor
from vendors.complete_llm import ANTHROPIC_MODEL, OPENAI_MODEL

KEY: Final = "lar-a-key-that-only-this-test-knows-9876543210"
DEADLINE_S: Final = 120.0
_BIN: Final = Path(sys.executable).parent
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
_ANTHROPICS: Final = (
    *("--auth-header", "x-api-key", "--no-bearer"),
    *("-H", "anthropic-version:2023-06-01"),
)


class Result(NamedTuple):
    """What became of one of the suite's tests."""

    status: str
    errors: tuple[str, ...]
    warnings: tuple[str, ...]


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with start_vendor("complete_llm", tmp_path_factory.mktemp("upstream")) as running:
        yield running


@pytest.fixture(scope="module")
def router(upstream: Process, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    config = f"""\
providers:
  llm: {{kind: openai, url: "{upstream.base_url}", serves: [chat, transcription]}}
  demo: {{kind: demo, words_per_s: 1000}}
transcription: {{default_model: {OPENAI_MODEL}}}
clients:
  suite: {{key_sha256: {hashlib.sha256(KEY.encode()).hexdigest()}}}
"""
    with start_router(config, tmp_path_factory.mktemp("router")) as running:
        yield running


def _complied(server: Process, form: str, model: str, *options: str) -> dict[str, Result]:
    """What llm-comply says of a server, by test."""
    command = [
        _BIN / "llm-comply",
        "-u",
        f"{server.base_url}/v1",
        "-k",
        KEY,
        "-m",
        model,
        "--format",
        form,
        "--json",
    ]
    done = _run(command, *options)
    report: dict[str, Any] = json.loads(done.stdout)
    return {
        row["id"]: Result(row["status"], tuple(row.get("errors", ())), tuple(row.get("warnings", ())))
        for row in report["results"]
    }


def _run(command: list[Any], *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, *options],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=DEADLINE_S,
        check=False,
    )


def _all_pass(upstream: Process, router: Process, form: str, model: str, *options: str) -> None:
    directly = _complied(upstream, form, model, *options)
    assert {"passed"} == {result.status for result in directly.values()}, directly
    assert directly == _complied(router, form, model, *options)


@pytest.mark.shows(client="llm-comply", route="POST /v1/chat/completions", what="the whole suite, as directly")
def test_chat(upstream: Process, router: Process) -> None:
    """Text, tools, pictures, streams, usage, reasoning, errors: OpenAI's schema, and no test is left out."""
    _all_pass(upstream, router, "openai-chat", OPENAI_MODEL)


@pytest.mark.shows(client="llm-comply", route="POST /v1/responses", what="the whole suite, as directly")
def test_responses(upstream: Process, router: Process) -> None:
    """The same of Open Responses, whose every event has a schema."""
    _all_pass(upstream, router, "open-responses", OPENAI_MODEL)


@pytest.mark.shows(
    client="llm-comply", route="POST /v1/messages", what="the whole suite, as directly; the key as x-api-key"
)
def test_messages(upstream: Process, router: Process) -> None:
    """The same of Anthropic's messages."""
    _all_pass(upstream, router, "anthropic", ANTHROPIC_MODEL, *_ANTHROPICS)


@pytest.mark.shows(client="llm-comply", route="POST /v1/chat/completions", what="model demo: all but tools")
def test_demo(router: Process) -> None:
    """The built-in stand-in calls no tools, and does not reason; for the rest it is as good as any."""
    results = _complied(router, "openai-chat", "demo")
    others = {name: result.status for name, result in results.items() if result.status != "passed"}
    assert {"chat-tool-calling": "failed", "chat-reasoning-summary": "skipped"} == others
    assert [()] * 7 == [result.warnings for result in results.values() if result.status == "passed"]


@pytest.mark.parametrize("suite", ["list-models", "text-simple", "asr-simple"])
@pytest.mark.shows(
    client="openai-tests",
    route="GET /v1/models, POST /v1/chat/completions, /v1/responses, /v1/audio/transcriptions",
    what="list-models, text-simple and asr-simple, as directly",
)
def test_openai_tests(upstream: Process, router: Process, suite: str) -> None:
    """Models are listed, a question is answered, recordings are written down; partial is not passed."""
    directly, through = (
        _run([_BIN / "openai-tests", suite, "--base-url", server.base_url, "--api-key", KEY], *_models(suite))
        for server in (upstream, router)
    )
    assert 0 == directly.returncode, directly.stdout + directly.stderr
    assert 0 == through.returncode, through.stdout + through.stderr
    if suite != "list-models":  # the router lists its own beside
        assert _COLOUR.sub("", directly.stdout) == _COLOUR.sub("", through.stdout)


def _models(suite: str) -> tuple[str, ...]:
    return () if suite == "list-models" else ("--model", OPENAI_MODEL)
