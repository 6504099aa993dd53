"""What is measured: the kinds of traffic, and the requests that ask for them.

The model's name tells the mock upstream how to answer, so every contender carries the same bytes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

EVENTS_PER_BURST: Final = 50
PACED_EVENTS_PER_S: Final = 20
PROMPT_BYTES: Final = 64 * 1024
AUDIO_BYTES: Final = 200_000
LARGE_AUDIO_BYTES: Final = 20_000_000
EMBEDDING_INPUTS: Final = 64
FIRST_STREAMS: Final = 200
WIDE: Final = "router 50x500"  # the router once more, with 50 providers of 500 models each
CHAT: Final = "/v1/chat/completions"
EMBEDDINGS: Final = "/v1/embeddings"  # opaque to the router, so it may as well carry audio
SPEECH: Final = "/v1/audio/speech"  # the router takes speech apart: that is another work, see bench/speech.py

_SPEAKERS: Final = frozenset({"litellm", "portkey"})  # who know a binary answer on the route for speech alone
_QUESTION: Final = "Which of the two machines in this house answers me, and why that one?"


class Kind(StrEnum):
    """How a sample is taken, see bench/rounds.py."""

    CLOSED = "closed"  # wrk: the next request follows the answer
    PACED = "paced"  # streams that stay open, event by event
    FIRST = "first"  # new streams beside paced ones
    START = "start"  # from exec to the first good chat
    IDLE = "idle"  # open streams on which nothing flows


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of traffic over `connections` at once.

    `unit`: what its CPU time is divided by. `slow_connections`: for contenders so slow that they would hold up
    the run; None where they, and those with few cases, are left out. `only`: the contenders that take part, empty
    for all. `once`: those that only show where the limits are, and do so in the first round.
    """

    name: str
    title: str
    path: str
    model: str
    connections: int
    unit: str = "request"
    kind: Kind = Kind.CLOSED
    slow_connections: int | None = None
    answer_bytes: int = 0
    only: tuple[str, ...] = ()
    once: frozenset[str] = frozenset()

    @property
    def is_fresh(self) -> bool:
        """Taken with a contender that has just been started: memory that was used before tells nothing."""
        return self.kind in {Kind.START, Kind.IDLE}

    def for_contender(self, name: str, is_slow: bool) -> "Case | None":
        """The case as `name` takes it; None when it does not."""
        if (self.only and name not in self.only) or (name == WIDE and WIDE not in self.only):
            return None
        if is_slow and self.slow_connections is None:
            return None
        connections = (self.slow_connections if is_slow else None) or self.connections
        path = SPEECH if self.answer_bytes and name in _SPEAKERS else self.path
        return replace(self, connections=connections, path=path)

    @property
    def body(self) -> bytes:
        """The request, compact and with the model first, as the mock upstream likes it."""
        document: dict[str, object] = {"model": self.model}
        if self.path == CHAT:
            document["messages"] = [
                {"role": "system", "content": "You are a helpful assistant. Answer briefly and to the point."},
                {"role": "user", "content": self._question},
            ]
            document["temperature"] = 0.7
            if self.model in _STREAMED:
                document["stream"] = True
        elif self.model == "bench-embeddings":
            document["input"] = [_QUESTION] * EMBEDDING_INPUTS
        else:
            document |= {"input": _QUESTION, "voice": "alloy"}
        return json.dumps(document, separators=(",", ":")).encode()

    @property
    def _question(self) -> str:
        """The long one stands for a conversation of many turns, or a file that was pasted."""
        if not self.name.startswith("prompt"):
            return _QUESTION
        return "\n".join([_QUESTION] * (PROMPT_BYTES // (len(_QUESTION) + 2)))  # a line end is two bytes in JSON


_LIMITS: Final = frozenset({"direct", "nginx", "haproxy"})
_BUT_NGINX: Final = _LIMITS - {"nginx"}  # with whom the router is compared there, round by round
_STREAMED: Final = frozenset({"bench-burst", "bench-paced", "bench-first", "bench-idle"})
CASES: Final = (
    Case("json-1", "JSON chat, 1 connection", CHAT, "bench-json", 1, once=_BUT_NGINX),
    Case("json-32", "JSON chat, 32 connections", CHAT, "bench-json", 32, slow_connections=32),
    Case("json-256", "JSON chat, 256 connections", CHAT, "bench-json", 256, once=_BUT_NGINX),
    Case(
        "prompt-32",
        f"JSON chat with a prompt of {PROMPT_BYTES // 1024} KB, 32 connections",
        CHAT,
        "bench-json",
        32,
        once=_LIMITS,
    ),
    Case(
        "burst-32",
        f"SSE burst of {EVENTS_PER_BURST} events, 32 connections",
        CHAT,
        "bench-burst",
        32,
        "stream",
        slow_connections=8,
        once=_BUT_NGINX,
    ),
    Case(
        "paced-100",
        f"paced SSE, 100 streams of {PACED_EVENTS_PER_S} events/s",
        CHAT,
        "bench-paced",
        100,
        "event",
        Kind.PACED,
        slow_connections=20,
        once=frozenset({"haproxy"}),
    ),
    Case(
        "first-256",
        "first event of a new stream, one after another, beside 256 paced streams",
        CHAT,
        "bench-first",
        256,
        "stream",
        Kind.FIRST,
        once=_BUT_NGINX,
    ),
    Case(
        "audio-8",
        f"{AUDIO_BYTES // 1000} KB of audio over an opaque route, 8 connections",
        EMBEDDINGS,
        "bench-audio",
        8,
        slow_connections=8,
        answer_bytes=AUDIO_BYTES,
    ),
    Case(
        "large-4",
        f"{LARGE_AUDIO_BYTES // 1_000_000} MB of audio over an opaque route, 4 connections",
        EMBEDDINGS,
        "bench-large",
        4,
        answer_bytes=LARGE_AUDIO_BYTES,
        once=_LIMITS,
    ),
    Case(
        "embeddings-8",
        "embeddings, answers of 1 MB, 8 connections",
        EMBEDDINGS,
        "bench-embeddings",
        8,
        once=_LIMITS,
    ),
    Case(
        "wide-32",
        "JSON chat, 32 connections, 50 providers of 500 models",
        CHAT,
        "bench-json",
        32,
        only=("router", WIDE),
    ),
    Case("start", "start-up, and memory at rest", CHAT, "bench-json", 1, kind=Kind.START, slow_connections=1),
    Case("idle-1000", "1,000 open streams, idle", CHAT, "bench-idle", 1000, "stream", Kind.IDLE, once=_LIMITS),
)
MODELS: Final = tuple(sorted({"bench-paced", *(case.model for case in CASES)}))


def case_named(name: str) -> Case:
    """Raises KeyError."""
    return {case.name: case for case in CASES}[name]


def request_headers(key: str, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What clients like the openai SDK send; the same to every contender, but for what one needs besides."""
    return {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Accept-Encoding": "gzip, deflate",
        "User-Agent": "OpenAI/Python 2.8.0",
        "Authorization": f"Bearer {key}",
        **(extra or {}),
    }
