"""What is counted, and the requests that ask for it.

The answers are this package's own, not those of the benchmark: a figure that is compared for months must not
change because a benchmark's case did.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MODEL_JSON: Final = "count-json"
MODEL_BURST: Final = "count-burst"
MODEL_EVENTS: Final = "count-events"
MODEL_OPAQUE: Final = "count-opaque"
MODELS: Final = (MODEL_BURST, MODEL_EVENTS, MODEL_JSON, MODEL_OPAQUE)
CHAT: Final = "/v1/chat/completions"
EMBEDDINGS: Final = "/v1/embeddings"  # opaque to the router, so it may as well carry audio
EVENTS_PER_BURST: Final = 50
PIECES: Final = 4
PIECE_BYTES: Final = 50_000  # a segment on loopback, and so one read


class Pace(StrEnum):
    """How the load is made."""

    ROUNDS = "rounds"  # all connections ask at once, and again when all have their answers
    EVENTS = "events"  # a stream's events are counted; each is sent when the client has the one before
    PIECES = "pieces"  # answers whose next piece is sent when the client has the one before


@dataclass(frozen=True, slots=True)
class Case:
    """`units` are counted at a time: requests, or a stream's events. `connections` are kept. `model`: empty for
    what is asked of the router itself."""

    name: str
    title: str
    path: str
    model: str
    units: int
    pace: Pace = Pace.ROUNDS
    connections: int = 8

    @property
    def unit(self) -> str:
        return "event" if self.pace is Pace.EVENTS else "request"

    def request(self, key: str) -> bytes:
        """The whole request, as clients like the openai SDK send it."""
        body = self._body()
        lines = [
            f"{'POST' if body else 'GET'} {self.path} HTTP/1.1",
            "Host: 127.0.0.1",
            "Accept: application/json",
            "Accept-Encoding: gzip, deflate",
            "User-Agent: OpenAI/Python 2.8.0",
            f"Authorization: Bearer {key}",
        ]
        if body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return "\r\n".join([*lines, "", ""]).encode() + body

    def _body(self) -> bytes:
        if not self.model:
            return b""
        said = "Which of the two machines in this house answers me, and why that one?"
        document: dict[str, object] = {"model": self.model}
        if self.path == CHAT:
            system = "You are a helpful assistant. Answer briefly and to the point."
            document["messages"] = [
                {"role": "system", "content": system},
                {"role": "user", "content": said},
            ]
            document["temperature"] = 0.7
            if self.model != MODEL_JSON:
                document["stream"] = True
        else:
            document["input"] = said
        return json.dumps(document, separators=(",", ":")).encode()


CASES: Final = (
    Case("json", "JSON chat", CHAT, MODEL_JSON, 80),
    Case("burst", f"SSE chat, {EVENTS_PER_BURST} events at once", CHAT, MODEL_BURST, 64),
    Case("event", "SSE chat, events that come apart", CHAT, MODEL_EVENTS, 400, Pace.EVENTS, 1),
    Case(
        "opaque", f"{PIECES * PIECE_BYTES // 1000} KB of embeddings", EMBEDDINGS, MODEL_OPAQUE, 40, Pace.PIECES, 1
    ),
    Case("health", "GET /health", "/health", "", 80),
)
