"""What is measured: the kinds of traffic, and the requests that ask for them.

The model's name tells the mock upstream how to answer, so every contender carries the same bytes.
"""

import json
from dataclasses import dataclass
from typing import Final

EVENTS_PER_BURST: Final = 50
BINARY_BYTES: Final = 200_000
PACED_EVENTS_PER_S: Final = 20
CHAT: Final = "/v1/chat/completions"
EMBEDDINGS: Final = "/v1/embeddings"  # opaque to the router, so it may as well carry audio


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of traffic over `connections` at once. `unit`: what its CPU time is divided by."""

    name: str
    title: str
    path: str
    model: str
    connections: int
    unit: str = "request"

    @property
    def is_paced(self) -> bool:
        return self.unit == "event"

    @property
    def body(self) -> bytes:
        """The request, compact and with the model first, as the mock upstream expects."""
        document: dict[str, object] = {"model": self.model}
        if self.path == CHAT:
            document["messages"] = [
                {"role": "system", "content": "You are a helpful assistant. Answer briefly and to the point."},
                {
                    "role": "user",
                    "content": "Which of the two machines in this house answers me, and why that one?",
                },
            ]
            document["temperature"] = 0.7
            if self.model != "bench-json":
                document["stream"] = True
        else:
            document["input"] = "Which of the two machines in this house answers me, and why that one?"
        return json.dumps(document, separators=(",", ":")).encode()


CASES: Final = (
    Case("json-1", "JSON, 1 connection", CHAT, "bench-json", 1),
    Case("json-32", "JSON, 32 connections", CHAT, "bench-json", 32),
    Case("burst-32", f"SSE burst of {EVENTS_PER_BURST} events, 32 connections", CHAT, "bench-burst", 32),
    Case("binary-8", f"{BINARY_BYTES // 1000} KB binary, 8 connections", EMBEDDINGS, "bench-binary", 8),
    Case(
        "paced-100",
        f"paced SSE, 100 streams of {PACED_EVENTS_PER_S} events/s",
        CHAT,
        "bench-paced",
        100,
        "event",
    ),
)
MODELS: Final = tuple(sorted({case.model for case in CASES}))


def request_headers(key: str) -> dict[str, str]:
    """What clients like the openai SDK send; the same to every contender."""
    return {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Accept-Encoding": "gzip, deflate",
        "User-Agent": "OpenAI/Python 2.8.0",
        "Authorization": f"Bearer {key}",
    }
