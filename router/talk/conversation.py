"""What was said so far, as the next request tells it (OpenAI API reference, "Create chat completion"). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from router.talk.answer import Answer


@dataclass(frozen=True, slots=True)
class Voice:
    """How answers are to be spoken; None: as the router likes."""

    voice: str | None = None
    model: str | None = None
    speed: float | None = None

    def as_json(self) -> dict[str, Any]:
        wanted = {"voice": self.voice, "model": self.model, "speed": self.speed}
        return {"format": "pcm16", **{name: value for name, value in wanted.items() if value is not None}}


@dataclass(frozen=True, slots=True)
class Message:
    """`audio_id` means the text, for who knows it still."""

    role: str
    text: str
    audio_id: str = ""

    def as_json(self) -> dict[str, Any]:
        if self.audio_id:
            return {"role": self.role, "audio": {"id": self.audio_id}}
        return {"role": self.role, "content": self.text}


@dataclass(slots=True)
class Conversation:
    """Questions and answers in turn."""

    model: str
    voice: Voice
    messages: list[Message] = field(default_factory=list)

    def ask(self, question: str) -> None:
        """The next turn begins."""
        self.messages.append(Message("user", question))

    def request(self) -> Mapping[str, Any]:
        """The body that asks for the next answer."""
        return {
            "model": self.model,
            "messages": [message.as_json() for message in self.messages],
            "modalities": ["text", "audio"],
            "audio": self.voice.as_json(),
            "stream": True,
            "stream_options": {"include_usage": True},
        }

    def in_words(self) -> bool:
        """Name no answer by its audio's id any more, because the router has forgotten one; whether that changes
        anything."""
        had_ids = any(message.audio_id for message in self.messages)
        self.messages = [replace(message, audio_id="") for message in self.messages]
        return had_ids

    def settle(self, answer: Answer, played_s: float) -> None:
        """The turn has ended: with the answer, or with what was heard of it. Where that is nothing the question
        goes too, because many models take no two of a user's messages in a row."""
        if answer.is_whole and not answer.is_interrupted:
            self.messages.append(Message("assistant", answer.text, answer.audio_id))
        elif known := (answer.heard(played_s) if answer.is_interrupted else answer.text):
            self.messages.append(Message("assistant", known))
        else:
            self.messages.pop()
