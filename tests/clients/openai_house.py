"""The house that OpenAI's clients knock at: a router with a key, its espeak node, the demo and a scripted
recogniser."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from processes import PYTHON, Process, answers, free_port, start_node, start_router, started

KEY: Final = "lar-a-key-that-only-these-tests-know-012345678901"
TEXT: Final = "Good evening. The kettle is on, and the lights are off in the kitchen."
_STT: Final = Path(__file__).parents[1] / "e2e" / "stt.py"


class House(NamedTuple):
    """`url` is what a client is given, with /v1."""

    router: Process
    stt: Process

    @property
    def url(self) -> str:
        return f"{self.router.base_url}/v1"


@contextmanager
def house(folder: Path) -> Iterator[House]:
    """From ready to gone."""
    port = free_port()
    command: list[str | Path] = [PYTHON, _STT, str(port), "stt", "whisper-1"]
    with (
        start_node(folder, "--queue-limit", "64") as node,
        started("stt", command, port, folder, is_ready=answers("/v1/models")) as stt,
        start_router(_config(node, stt), folder) as router,
    ):
        yield House(router, stt)


def _config(node: Process, stt: Process) -> str:
    return f"""\
providers:
  node: {{kind: tts-node, url: "{node.base_url}"}}
  stt: {{kind: openai, url: "{stt.base_url}", serves: [transcription]}}
  demo: {{kind: demo, words_per_s: 500}}
clients:
  house: {{key_sha256: {hashlib.sha256(KEY.encode()).hexdigest()}}}
"""
