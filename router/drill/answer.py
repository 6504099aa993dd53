"""What a client asked, and what it got: values that every other part of the drill reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from router.drill.hearing import Arrival


class Kind(StrEnum):
    """A kind of request; the value is its name in the report."""

    CHAT_JSON = "chat, JSON"
    CHAT_SSE = "chat, SSE"
    SHORT = "short speech"
    LONG_AUDIO = "long speech, audio"
    LONG_SSE = "long speech, SSE"
    ALOUD_SSE = "chat aloud, SSE"
    ALOUD_JSON = "chat aloud, JSON"

    @property
    def is_speech(self) -> bool:
        """A text that was sent to be spoken."""
        return self in {Kind.SHORT, Kind.LONG_AUDIO, Kind.LONG_SSE}

    @property
    def is_aloud(self) -> bool:
        """A chat whose answer is spoken."""
        return self in {Kind.ALOUD_SSE, Kind.ALOUD_JSON}

    @property
    def is_long(self) -> bool:
        return self in {Kind.LONG_AUDIO, Kind.LONG_SSE}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and by which name its right answer is known."""

    kind: Kind
    path: str
    document: Mapping[str, Any]
    name: str
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """What the router told of one segment of a spoken answer."""

    provider: str
    duration_s: float


@dataclass(slots=True)
class Answer:
    """Times are monotonic. `sound` is PCM for speech and for chats aloud, and the body for other chats; `arrivals`
    says when it came. `words` are those of a chat aloud, `numbers` its segments' as they came; `is_finished`: the
    model said why it ended, and the stream that it did. `muted`: why there is no sound, or no more."""

    question: Question
    asked_s: float
    ended_s: float = 0.0
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    sound: bytearray = field(default_factory=bytearray)
    arrivals: list[Arrival] = field(default_factory=list)
    is_complete: bool = False  # its framing ended as it should
    error: Mapping[str, Any] | None = None  # an error event within a stream, or an error's body
    done: Mapping[str, Any] | None = None  # the event that ended a stream of speech
    segments: list[Told] = field(default_factory=list)
    failure: str = ""  # of the connection
    words: str = ""
    numbers: list[int] = field(default_factory=list)
    is_finished: bool = False
    muted: str = ""

    @property
    def kind(self) -> Kind:
        return self.question.kind

    @property
    def first_s(self) -> float | None:
        """When the first sound, or the first word of a chat that is not aloud, arrived."""
        return self.arrivals[0].at_s if self.arrivals else None

    @property
    def has_begun(self) -> bool:
        return self.status == 200 and bool(self.arrivals or self.words)

    @property
    def is_whole(self) -> bool:
        return self.status == 200 and self.is_complete and self.error is None and not self.failure

    @property
    def provider(self) -> str:
        """Who began it; empty when nobody did."""
        return self.headers.get("x-router-provider", "")

    @property
    def providers(self) -> list[str]:
        """Everybody who had a part in it, in order."""
        told = [segment.provider for segment in self.segments if segment.provider]
        wrote = [self.provider] if self.provider and (self.kind.is_aloud or not told) else []
        return list(dict.fromkeys([*wrote, *told]))

    @property
    def request_id(self) -> str:
        return self.headers.get("x-request-id", "")

    def __str__(self) -> str:
        took_s = self.ended_s - self.asked_s
        why = self.failure or (self.error or {}).get("message", "")
        return f"{self.kind} by {'+'.join(self.providers) or 'nobody'}, {took_s:.1f} s, status {self.status} {why}"
