"""Cases that schemathesis 4.32.5 makes from the router's OpenAPI document, and what it says of the answers.

No 5xx, and no status, content type, header or shape that the document does not have. Half of the names are names
that there are: else nearly every case would end at an unknown model.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from processes import BOUND, ROOT, Process, environment, start_node, start_router, start_vendor

SCHEMATHESIS: Final = ROOT / ".venv-clients" / "bin" / "schemathesis"
CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
REQUEST_TIMEOUT_S: Final = 30.0
# Drained providers serve nobody, so that comes last; and the configuration is read anew by a test of its own.
DRAINS: Final = "^/admin/(providers/|reload)"
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "models": ("demo", "espeak", "tts-1", "gpt-5-scripted"),
    "voices": ("alloy", "nova", "default"),
    "providers": ("node", "llm", "demo"),
    "formats": ("mp3", "opus", "aac", "flac", "wav", "pcm", "json", "text"),
    "stream-formats": ("audio", "sse"),
    "output-formats": ("mp3_22050_32", "mp3_44100_128", "opus_48000_64", "pcm_16000", "ulaw_8000", "wav_44100"),
}
_WHERE: Final[Mapping[str, str]] = {
    "body.model": "models",
    "body.model_id": "models",
    "query.model": "models",
    "path.model_id": "models",
    "body.voice": "voices",
    "body.voice_id": "voices",
    "query.voice": "voices",
    "path.voice": "voices",
    "path.voice_id": "voices",
    "path.provider": "providers",
    "body.response_format": "formats",
    "body.stream_format": "stream-formats",
    "query.output_format": "output-formats",
}
_LIKELY: Final = 0.5


@dataclass(frozen=True, slots=True)
class Cases:
    """What schemathesis reports. `said`: its own words."""

    exit_status: int
    report: Mapping[str, Any]
    said: str

    @property
    def version(self) -> str:
        """Of schemathesis."""
        return str(self.report["schemathesis_version"])

    @property
    def generated(self) -> int:
        """How many requests were made and judged."""
        count: int = self.report["test_cases"]["generated"]
        return count


@contextmanager
def open_house(folder: Path) -> Iterator[Process]:
    """A router that chats, speaks and writes down: every route of the document has somebody behind it."""
    with (
        start_node(folder, "--queue-limit", "64") as node,
        start_vendor("complete_llm", folder) as llm,
        start_router(_config(node, llm), folder, env={"XDG_DATA_HOME": str(folder / "data")}) as router,
    ):
        yield router


def _config(node: Process, llm: Process) -> str:
    return f"""\
server: {{max_body_mb: 1}}
speech: {{max_input_chars: 400}}
telephone: {{model: demo}}
providers:
  node: {{kind: tts-node, url: "{node.base_url}"}}
  llm: {{kind: openai, url: "{llm.base_url}", serves: [chat, transcription]}}
  demo: {{kind: demo, words_per_s: 10000}}
"""


def cases(
    router: Process,
    folder: Path,
    *options: str,
    each: int,
    seed: int,
    deadline_s: float,
    phases: str = "examples,coverage,fuzzing",
    document: Path | None = None,
) -> Cases:
    """Run schemathesis with `each` cases per operation, beside the fixed ones of its phase `coverage`; `options`
    are its own. `document`: a file in place of what the router publishes."""
    settings = folder / "schemathesis.toml"
    settings.write_text(_settings())
    reports = folder / "reports"
    command: list[str | Path] = [
        *(SCHEMATHESIS, "--config-file", settings, "run", document or f"{router.base_url}/schema/openapi.json"),
        *("--url", router.base_url),
        *("--phases", phases, "-n", str(each), "-w", "1", "--continue-on-failure"),
        *("-c", ",".join(CHECKS), "--seed", str(seed), "--generation-database", "none"),
        *("--request-timeout", f"{REQUEST_TIMEOUT_S:g}", "--report", "json", "--report-dir", reports),
        *("--suppress-health-check", "all", *options),
    ]
    done = subprocess.run(
        [sys.executable, "-I", "-S", BOUND, *command],
        capture_output=True,
        text=True,
        env=environment({"NO_COLOR": "1"}),
        cwd=folder,
        timeout=deadline_s,
        check=False,
    )
    said = f"{done.stdout}\n{done.stderr}"
    written = sorted(reports.glob("*.json"), key=lambda path: path.stat().st_mtime)
    assert written, said[-4000:]
    return Cases(done.returncode, json.loads(written[-1].read_text()), said)


def _settings() -> str:
    lines = [f"[dictionaries.{name}]\nvalues = {json.dumps(values)}\n" for name, values in _NAMES.items()]
    bound = [f'"{place}" = {{ dictionary = "{name}", probability = {_LIKELY} }}' for place, name in _WHERE.items()]
    return "\n".join([*lines, "[parameters]", *bound, ""])
