"""Clients of OpenAI's dialect that weigh hundreds of megabytes, each in an environment of its own."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from openai_house import KEY, House, house
from processes import ROOT, environment

pytest_plugins = ["process_logs"]

SCRIPTS: Final = Path(__file__).with_name("heavy")
WITHIN_S: Final = 180.0
Tell = Callable[[str, object], None]


@pytest.fixture(scope="module")
def at_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One for all."""
    with house(tmp_path_factory.mktemp("house")) as running:
        yield running


def asked(at_home: House, venv: str, client: str) -> dict[str, Any]:
    """What the client's script tells."""
    python = ROOT / venv / "bin" / "python"
    assert python.exists(), f"make {venv}/.ready"
    ran = subprocess.run(
        [python, SCRIPTS / f"{client}_client.py", at_home.url, KEY],
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        env=environment(),
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    told: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return told


@pytest.mark.shows(
    client="livekit-plugins-openai",
    route="POST /v1/audio/speech",
    what="openai.TTS: mp3, pcm, wav, opus, flac, aac, each as audio and as events; 404 and 401 are raised at once",
)
def test_livekit(at_home: House, record_property: Tell) -> None:
    """24 kHz, about as long in each; nothing is tried again that will not get better."""
    told = asked(at_home, ".venv-client-livekit", "livekit")
    record_property("version", told.pop("version"))
    for refused, status in (("unknown voice", 404), ("wrong key", 401)):
        assert told.pop(refused) == {"status": status, "is_retryable": False}
    assert len(told) == 12
    assert {row["rate_hz"] for row in told.values()} == {24_000}
    durations_s = [row["duration_s"] for row in told.values()]
    assert min(durations_s) > 1.5
    assert max(durations_s) - min(durations_s) < 0.2


@pytest.mark.shows(
    client="pipecat-ai",
    route="POST /v1/audio/speech",
    what="OpenAITTSService in a pipeline: 24 kHz frames, no error",
)
def test_pipecat(at_home: House, record_property: Tell) -> None:
    """Begun, spoken, ended."""
    told = asked(at_home, ".venv-client-pipecat", "pipecat")
    record_property("version", told.pop("version"))
    for row in told.values():
        assert {"TTSStartedFrame", "TTSAudioRawFrame", "TTSStoppedFrame"} <= set(row["frames"])
        assert "ErrorFrame" not in row["up"]
        assert row["rates_hz"] == [24_000]
        assert row["duration_s"] > 1


@pytest.mark.shows(
    client="litellm",
    route="POST /v1/chat/completions, /v1/audio/speech",
    what="completion, stream, speech; NotFoundError and AuthenticationError",
)
def test_litellm(at_home: House, record_property: Tell) -> None:
    """As a library in front of the router."""
    told = asked(at_home, ".venv-bench-litellm", "litellm")
    record_property("version", told["version"])
    assert told["stream"] == told["chat"]
    assert told["pieces"] > 20
    assert told["tokens"] > 0
    assert told["speech"] == "RIFF"
    assert told["speech_bytes"] > 20_000
    assert told["unknown model"] == {"error": "NotFoundError", "status": 404}
    assert told["wrong key"] == {"error": "AuthenticationError", "status": 401}
