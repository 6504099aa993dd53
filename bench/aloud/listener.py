"""Who asks and listens: one question per connection, with the time at which each piece of sound arrived.

In both ways the listener wants to hear the reply of the language model. *Aloud*: one streamed chat with audio.
*In turns*: a chat, and when its whole text is there, `/v1/audio/speech`, streamed; of that only the first sound is
awaited.
"""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import httptools

from bench.aloud.clauses import first_clause_at_s
from bench.aloud.model import MODEL, Writer
from bench.cases import CHAT, SPEECH
from bench.wire import request
from router.domain import BYTES_PER_S
from router.speech.playback import Playback

_READ_BYTES: Final = 262_144
_WITHIN_S: Final = 120.0


class AnswerFailed(Exception):
    """An answer that is no measurement."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A reply that was answered aloud. The first four are monotonic times; `generation_s`: what the node took for
    `audio_s` of speech, `first_generation_s`: for the first segment of it; `gaps_s`: the silences within it."""

    asked_s: float
    clause_s: float
    first_audio_s: float
    written_s: float
    audio_s: float
    generation_s: float
    first_generation_s: float
    gaps_s: tuple[float, ...]

    @property
    def delay_s(self) -> float:
        """From the first clause to the first sound."""
        return self.first_audio_s - self.clause_s

    @property
    def added_s(self) -> float:
        """What of it is not the node's time for the first segment."""
        return self.delay_s - self.first_generation_s

    @property
    def has_overtaken(self) -> bool:
        """Whether something was heard before the model had finished."""
        return self.first_audio_s < self.written_s


class Listener:
    """Asks the router on `port`, whose language model is `writer`."""

    def __init__(self, port: int, writer: Writer) -> None:
        self._port = port
        self._writer = writer
        self._asked = 0

    async def aloud(self, reply: int, tokens_per_s: float) -> Heard:
        """Raises AnswerFailed, TimeoutError."""
        question = self._question(reply, tokens_per_s)
        question |= {
            "stream": True,
            "modalities": ["text", "audio"],
            "audio": {"voice": "alloy", "format": "pcm16"},
        }
        playback, gaps_s = Playback(), list[float]()
        first_s, summary, is_done = None, dict[str, Any](), False
        asked_s = time.monotonic()
        async with self._body(CHAT, question) as body:
            async for event, at_s in _events(body):
                is_done = event is None
                audio = _audio_of(event)
                summary = audio if "segments" in audio else summary
                if pcm_s := len(base64.b64decode(audio.get("data", ""))) / BYTES_PER_S:
                    first_s = first_s or at_s
                    gaps_s.append(playback.handed_over(pcm_s, at_s))
        if first_s is None or not is_done:
            raise AnswerFailed(f"reply {reply}: {'no sound' if first_s is None else 'cut'}")
        written = self._writer.written[question["user"]]
        return Heard(
            asked_s,
            first_clause_at_s(written.pieces, written.times_s),
            first_s,
            written.finished_s,
            playback.handed_s,
            summary["generation_time"],
            summary["segments"][0]["generation_time"],
            tuple(gaps_s),
        )

    async def in_turns(self, reply: int, tokens_per_s: float) -> float:
        """Seconds from the question to the first sound. Raises AnswerFailed, TimeoutError."""
        question = self._question(reply, tokens_per_s)
        began_s = time.monotonic()
        async with self._body(CHAT, question) as body:
            document = json.loads(b"".join([data async for data, _ in body]))
        text = document["choices"][0]["message"]["content"]
        speech = {"input": text, "voice": "alloy", "response_format": "pcm", "stream": True}
        async with self._body(SPEECH, speech) as body:
            async for _, at_s in body:
                return at_s - began_s
        raise AnswerFailed(f"reply {reply}: no sound")

    def _question(self, reply: int, tokens_per_s: float) -> dict[str, Any]:
        self._asked += 1
        return {
            "model": MODEL,
            "messages": [{"role": "user", "content": "Well?"}],
            "user": f"{self._asked}",
            "reply": reply,
            "tokens_per_s": tokens_per_s,
        }

    @asynccontextmanager
    async def _body(
        self, path: str, document: dict[str, Any]
    ) -> AsyncIterator[AsyncIterator[tuple[bytes, float]]]:
        """The answer's body in the pieces that came, each with its time. Raises AnswerFailed for all but a 200."""
        async with asyncio.timeout(_WITHIN_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                writer.write(request(path, {"Content-Type": "application/json"}, json.dumps(document).encode()))
                yield _pieces(reader, path)
            finally:
                writer.transport.abort()


class _Answer:
    """httptools' callbacks."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.is_complete = False

    def on_body(self, body: bytes) -> None:
        self.pieces.append(body)

    def on_message_complete(self) -> None:
        self.is_complete = True


async def _pieces(reader: asyncio.StreamReader, path: str) -> AsyncIterator[tuple[bytes, float]]:
    answer = _Answer()
    parser = httptools.HttpResponseParser(answer)
    while not answer.is_complete:
        data = await reader.read(_READ_BYTES)
        at_s = time.monotonic()
        if not data:
            raise AnswerFailed(f"{path}: the answer was cut")
        parser.feed_data(data)
        if answer.pieces and parser.get_status_code() != 200:
            raise AnswerFailed(f"{path}: status {parser.get_status_code()}: {b''.join(answer.pieces)[:300]!r}")
        pieces, answer.pieces = answer.pieces, []
        if pieces:
            yield b"".join(pieces), at_s


async def _events(body: AsyncIterator[tuple[bytes, float]]) -> AsyncIterator[tuple[dict[str, Any] | None, float]]:
    """Events with the time at which each was complete; None for the end."""
    rest = b""
    async for data, at_s in body:
        *lines, rest = (rest + data).split(b"\n\n")
        for line in lines:
            told = line.removeprefix(b"data: ")
            yield (None if told == b"[DONE]" else json.loads(told)), at_s


def _audio_of(event: dict[str, Any] | None) -> dict[str, Any]:
    choices = (event or {}).get("choices") or [{}]
    audio: dict[str, Any] = choices[0].get("delta", {}).get("audio", {})
    return audio
