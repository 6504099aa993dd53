"""What is asked for, one after the other over one connection."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bench.voices.texts import Texts


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of answer. `is_long`: many segments, sent while they are spoken; `is_again`: what was said before,
    out of the cache; `is_sse`: as events."""

    name: str
    title: str
    audio_format: str
    is_long: bool = False
    is_again: bool = False
    is_sse: bool = False

    def bodies(self, texts: Texts) -> Callable[[], bytes]:
        """Makes the next request's body."""
        text = texts.long if self.is_long else texts.sentence
        if not self.is_again:
            return lambda: self._body(text())
        body = self._body(text())
        return lambda: body

    def _body(self, text: str) -> bytes:
        document = {"model": "tts-1", "input": text, "voice": "alloy", "response_format": self.audio_format}
        if self.is_sse:
            document["stream_format"] = "sse"
        return json.dumps(document).encode()


CASES: Final = (
    Case("whole-pcm", "one sentence, pcm: passed through", "pcm"),
    Case("whole-wav", "one sentence, wav", "wav"),
    Case("whole-mp3", "one sentence, mp3", "mp3"),
    Case("long-pcm", "long text, pcm: segmented and streamed", "pcm", is_long=True),
    Case("long-wav", "long text, wav", "wav", is_long=True),
    Case("long-flac", "long text, flac", "flac", is_long=True),
    Case("long-aac", "long text, aac", "aac", is_long=True),
    Case("long-opus", "long text, opus", "opus", is_long=True),
    Case("long-mp3", "long text, mp3", "mp3", is_long=True),
    Case("events-pcm", "long text, pcm in events (base64)", "pcm", is_long=True, is_sse=True),
    Case("events-mp3", "long text, mp3 in events (base64)", "mp3", is_long=True, is_sse=True),
    Case("again-mp3", "one sentence again, mp3: from the cache", "mp3", is_again=True),
    Case("again-long-mp3", "long text again, mp3: from the cache", "mp3", is_long=True, is_again=True),
)
