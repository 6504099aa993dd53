"""A tts-node that costs next to nothing: it speaks at once, and beats like a real one, four times a second."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Final

from bench.answering import Connection
from bench.answers import event, head_of, json_of, models, stream_head
from router.domain import BYTES_PER_S

_ENGINE: Final = "speech"
_BEAT_S: Final = 0.25
_STATUS: Final = {"state": "up", "eta_s": 0.0, "rtf": 0.001, "queue": {"depth": 0, "busy": False, "eta_s": 0.0}}


class Node:
    """`speak`: a text as 24 kHz s16le mono."""

    def __init__(self, speak: Callable[[str], bytes | memoryview]) -> None:
        self._speak = speak
        self._began_s = time.monotonic()
        self._answers = {
            b"/v1/models": json_of(models(_ENGINE, state="up")),
            b"/v1/audio/voices": json_of({"voices": [{"id": "alloy", "name": "Alloy", "language": "en"}]}),
        }

    def answer(self, connection: Connection, path: bytes, body: bytes) -> None:
        """The request of a router."""
        if path == b"/events":
            connection.transport.write(stream_head())
            connection.send_each(self._beats(), _BEAT_S, _BEAT_S)
        elif path == b"/v1/audio/speech":
            connection.transport.writelines(self.spoken(json.loads(body)["input"]))
        else:
            connection.transport.write(self._answers.get(path) or json_of(self.status()))

    def spoken(self, text: str) -> tuple[bytes, bytes | memoryview]:
        """An answer's head and its body."""
        pcm = self._speak(text)
        more = (
            f"X-Audio-Duration: {len(pcm) / BYTES_PER_S:.3f}\r\nX-Generation-Time: 0.001\r\n"
            f"X-TTS-Engine: {_ENGINE}\r\nX-TTS-Voice: alloy\r\n"
        )
        return head_of("audio/pcm", len(pcm), more), pcm

    def status(self) -> dict[str, object]:
        """What `/health` and every beat say."""
        uptime_s = round(time.monotonic() - self._began_s, 3)
        told = {"type": "beat", "voices_revision": "1", "uptime_s": uptime_s, "models": {_ENGINE: _STATUS}}
        return {**_STATUS, **told}

    def _beats(self) -> Iterator[bytes]:
        while True:
            yield event(self.status())
