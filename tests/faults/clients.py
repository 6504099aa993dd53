"""The clients of the fault tests: what they ask, and whether they got what a machine says when it is well."""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final

import crowd as crowd_module
from crowd import Crowd, asked, crowd

TEXT: Final = "The quick brown fox jumps over the lazy dog."
SPEECH_BYTES: Final = 48_000  # one second of PCM, which is what a good machine says
CHAT: Final = "/v1/chat/completions"
SPEECH: Final = "/v1/audio/speech"


@dataclass(frozen=True, slots=True)
class Question:
    """What a client asks. `label` is the kind of request that it stands for."""

    label: str
    path: str
    document: Mapping[str, Any]

    @property
    def is_stream(self) -> bool:
        return bool(self.document.get("stream"))

    @property
    def is_speech(self) -> bool:
        return self.path == SPEECH


def chat(model: str, label: str = "chat JSON", *, stream: bool = False) -> Question:
    """A short chat."""
    messages = [{"role": "user", "content": "hello"}]
    return Question(label, CHAT, {"model": model, "messages": messages, "stream": stream})


def speech(model: str, label: str = "speech") -> Question:
    """A short text as PCM, so that its length can be checked to the sample."""
    document = {"model": model, "input": TEXT, "seed": 7, "response_format": "pcm"}
    return Question(label, SPEECH, document)


@dataclass(slots=True)
class Answer(crowd_module.Answer[Question]):
    """What a client got, judged by what a machine of `faulty.py` says when it is well."""

    @property
    def attempts(self) -> int:
        return int(next(iter(self.reader.header("x-router-attempts")), "0"))

    @property
    def fault(self) -> str:
        """What is wrong with it; empty for a whole, right answer."""
        if self.status != 200 or not self.is_whole:
            return f"status {self.status}, whole: {self.is_whole}"
        if self.what.is_speech:
            return "" if len(self.body) == SPEECH_BYTES else f"{len(self.body)} bytes of PCM"
        try:
            if self.what.is_stream:
                *events, last = self.events or [b""]
                said = "".join(words(json.loads(event.removeprefix(b"data: "))) for event in events)
                return "" if said and last == b"data: [DONE]" else "the stream has no proper end"
            return "" if words(json.loads(self.body)) else "no words"
        except (ValueError, KeyError, TypeError) as exc:
            return f"not what an LLM says: {exc!r}"

    @property
    def is_honest_break(self) -> bool:
        """A stream that had begun, ended by an error event and a cut, never a clean end."""
        if not self.what.is_stream or self.status != 200 or self.is_whole:
            return False
        if not self.events:
            return False
        *before, last = self.events
        try:
            error = json.loads(last.removeprefix(b"data: "))["error"]
        except (ValueError, KeyError, TypeError):
            return False
        return bool(before) and sorted(error) == ["code", "message", "param", "type"]

    def __str__(self) -> str:
        took_s = self.ended_s - self.asked_s
        said = f"{self.fault} {self.failure} after {took_s:.2f} s"
        return f"{self.what.label} by {self.provider or 'nobody'}: {said} {self.body[:300]!r}"


def words(document: Any) -> str:
    """What a chat completion says."""
    return str(document["choices"][0]["message"]["content"])


async def ask(port: int, question: Question, headers: Sequence[str] = ()) -> Answer:
    """Ask, and read until the other side ends it."""
    return await asked(Answer(question), port, question.path, question.document, headers)


def crowd_with(port: int, questions: Sequence[Question], size: int) -> AbstractAsyncContextManager[Crowd[Answer]]:
    """`size` clients that ask the questions in turn, again and again; at the end each finishes what it asked."""
    return crowd(size, lambda index: ask(port, questions[index % len(questions)]))
